"""One of our commands as a process that can be killed and frozen, with all that it started."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from deploy.native.process import ServiceProcess

ROOT = Path(__file__).resolve().parents[2]
_STOP_S = 40.0


class Child:
    """Runs `python -m MODULE ARGUMENTS` whenever it is started; its log goes on over restarts."""

    def __init__(
        self, name: str, module: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> None:
        self.name = name
        self.log = log
        self.wanted = False
        """Whether it is meant to run; one that ended although it is wanted did so by itself."""
        self._groups: list[int] = []
        self._service = ServiceProcess(
            name,
            [sys.executable, "-m", module, *arguments],
            log,
            environment={**environment, "PYTHONPATH": str(ROOT)},
            stop_timeout_s=_STOP_S,
        )

    @property
    def pid(self) -> int:
        return self._service.pid

    @property
    def running(self) -> bool:
        return self._service.running

    def start(self) -> None:
        """Start it; whoever needs it to be ready waits for that. Call from the main thread (ServiceProcess)."""
        self.wanted = True
        self._service.start(lambda: True, timeout_s=5.0)
        self._groups.append(self.pid)

    def kill(self) -> None:
        """SIGKILL to the process itself; what it started lives on."""
        self.wanted = False
        self._service.kill()

    def stop(self) -> None:
        """SIGTERM, and wait."""
        self.wanted = False
        self._service.stop()

    def end(self) -> None:
        """Leave nothing behind, orphans of killed ancestors included."""
        self.wanted = False
        for group in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)  # it leads a group of its own; its children stay in it
        self._service.kill()

    def said(self) -> str:
        """Return its log."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


def children_of(pid: int) -> list[int]:
    """Return the process ids of the children, in the order of their start."""
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def tree(pid: int) -> list[int]:
    """Return a process and all its descendants, parents first."""
    found = [pid]
    for each in found:
        found += children_of(each)
    return found


def send(number: signal.Signals, pids: Sequence[int]) -> None:
    """Send a signal to those that still exist."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
