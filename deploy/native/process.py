"""One service as a child process: started, waited for by condition, stopped or killed, never orphaned."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from streams.errors import UrbanBrainError

POLL_S = 0.02
LOG_TAIL_LINES = 15


class ServiceFailed(UrbanBrainError):
    """A service of the native stack did not start, or ended by itself; the message carries its log's tail."""


class ServiceProcess:
    """A child process in its own session, so that Ctrl-C in the terminal reaches us and not the service:
    we decide in which order services go down.

    `user`: run as that user (only when we are root). `environment`: None passes ours on. `directory`: where
    it runs; None: where its log is, which every user may enter. `stop_signal`: asks
    for an orderly end; it is also what the kernel sends when our process dies, `kill -9` included (Linux,
    through setpriv).
    That death signal follows the *thread* that called `start`: call it from a thread that lives as long as
    the service should, usually the main one.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log: Path,
        *,
        user: str | None = None,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        stop_timeout_s: float = 10.0,
    ) -> None:
        self.name = name
        self.log = log
        self._argv = [*as_user(user, death_signal=stop_signal), *argv]
        self._environment = environment
        self._directory = directory or log.parent
        self._stop_signal = stop_signal
        self._stop_timeout_s = stop_timeout_s
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the service itself; no wrapper stands between it and us."""
        if self._child is None:
            raise ServiceFailed(f"{self.name} is not running; start it first")
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the service was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    @property
    def failed(self) -> bool:
        """Whether the service ended by itself with an exit code other than 0."""
        return self._child is not None and self._child.poll() not in (None, 0)

    def start(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Start the service and return once `ready()` is true.

        Raises ServiceFailed, with the end of the log, when it ends by itself or `timeout_s` runs out; the
        process is gone then.
        """
        if self.running:
            raise ServiceFailed(f"{self.name} runs already (pid {self.pid}); stop it first")
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self._directory,
                env=self._environment,
            )
        try:
            self._wait_until(ready, timeout_s)
        except BaseException:
            self.kill()
            raise

    def _wait_until(self, ready: Callable[[], bool], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not ready():
            if not self.running:
                raise ServiceFailed(f"{self.name} ended while starting; {self.log}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise ServiceFailed(
                    f"{self.name} did not answer within {timeout_s:g} s; {self.log}:\n{self.log_tail()}"
                )
            time.sleep(POLL_S)

    def stop(self) -> None:
        """Ask the service to end and wait; kill it when that is interrupted, or takes too long. Idempotent."""
        if self._child is None:
            return
        try:
            if self.running:
                self._child.send_signal(self._stop_signal)
            self._child.wait(self._stop_timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
        except BaseException:  # whoever is interrupted here does not ask again
            self.kill()
            raise
        self._child = None

    def kill(self) -> None:
        """End the service as a crash would (SIGKILL) and reap it. Idempotent."""
        if self._child is None:
            return
        self._child.kill()
        self._child.wait()
        self._child = None

    def log_tail(self) -> str:
        """Return the last lines of the service's log, indented."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError as error:
            return f"  (no log: {error})"
        return "\n".join(f"  {line}" for line in lines[-LOG_TAIL_LINES:]) or "  (the log is empty)"


def as_user(user: str | None, *, death_signal: signal.Signals | None = None) -> list[str]:
    """Return the command prefix that runs a program as `user`, and ends it when our process dies.

    setpriv replaces itself with the program (runuser and su stay as its parent, which would be the one
    that dies with us). It sets the death signal after the user: the kernel clears it on a change of user.
    Where setpriv is missing (macOS) the prefix is empty, and services outlive a `kill -9` of ours.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        if user is not None:
            raise ServiceFailed(
                f"cannot run a service as user {user}: setpriv (package util-linux) is missing; "
                "install it, or do not run as root"
            )
        return []
    prefix = [setpriv]
    if user is not None:
        prefix += ["--reuid", user, "--regid", user, "--init-groups"]
    if death_signal is not None:
        prefix += ["--pdeathsig", death_signal.name.removeprefix("SIG")]
    return [*prefix, "--"] if len(prefix) > 1 else []


def is_root() -> bool:
    """Whether this process may change to other users."""
    return os.geteuid() == 0
