"""Worker processes and their supervisor: each process is one Faust worker; one that dies is started again."""

import logging
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from types import FrameType

from streams.retry import backoff

log = logging.getLogger(__name__)

_POLL_S = 0.2
_FIRST_DELAY_S, _LONGEST_DELAY_S = 1.0, 30.0
_STEADY_S = 60.0
"""A process that lived this long starts afresh at the shortest delay."""
_GRACE_S = 20.0


@dataclass(slots=True)
class _Child:
    index: int
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    start_at: float = field(default_factory=time.monotonic)


def how(code: int) -> str:
    """Return how a process ended, by its code; one that is killed says nothing itself."""
    if code >= 0:
        return f"ended with code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    by_kernel = ": if nobody did, the kernel was out of memory (dmesg)" if -code == signal.SIGKILL else ""
    return f"was killed by {name}{by_kernel}"


class Supervisor:
    """Runs `count` worker processes until SIGTERM or SIGINT; then ends them and waits for them."""

    def __init__(self, count: int, worker_id: str, web_port: int) -> None:
        self._children = [_Child(index) for index in range(count)]
        self._worker_id = worker_id
        self._web_port = web_port
        self._stopping = False

    def run(self) -> int:
        """Return 0 when every process ended as asked."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        while not self._stopping:
            for child in self._children:
                self._tend(child)
            time.sleep(_POLL_S)
        return self._end()

    def _tend(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.start_at:
                self._start(child, now)
            return
        code = child.process.poll()
        if code is None:
            return
        if now - child.started > _STEADY_S:
            child.failures = 0
        self._start_later(child, now, how(code))

    def _start(self, child: _Child, now: float) -> None:
        try:
            child.process, child.started = self._spawn(child.index), now
        except OSError as error:  # too many processes, or no memory: the others go on
            self._start_later(child, now, f"cannot be started ({error})")

    def _start_later(self, child: _Child, now: float, why: str) -> None:
        wait = backoff(child.failures, _FIRST_DELAY_S, _LONGEST_DELAY_S, random.random())
        log.warning("worker %d %s; starting again in %.1f s", child.index, why, wait)
        child.process, child.start_at = None, now + wait
        child.failures += 1

    def _spawn(self, index: int) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "UB_WORKER_ID": f"{self._worker_id}.{index}",
            "UB_WEB_PORT": str(self._web_port + index if self._web_port else 0),
        }
        # where a signal is heeded from the start: Ctrl-C goes to all of us
        command = [sys.executable, "-m", "streams.start", "worker", "--supervised-by", str(os.getpid())]
        return subprocess.Popen(command, env=environment)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _end(self) -> int:
        running = [(child.index, child.process) for child in self._children if child.process is not None]
        for _, process in running:
            process.terminate()
        deadline = time.monotonic() + _GRACE_S
        in_order = True
        for index, process in running:
            try:
                code = process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.error("worker %d did not end within %.0f s: killed", index, _GRACE_S)
                process.kill()
                process.wait()
                in_order = False
                continue
            # One that was still starting has no handler yet, and nothing to store.
            if code not in (0, -signal.SIGTERM):
                log.error("worker %d %s as it was to stop", index, how(code))
                in_order = False
        return 0 if in_order else 1
