"""Measured processes: each contestant runs in one of its own, started here and gone when it is left."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from deploy.native.process import as_user

ROOT = Path(__file__).resolve().parents[2]
_POLL_S = 0.02
_STOP_S = 30.0
_LOG_LINES = 20


class BenchFailed(Exception):
    """A contestant ended without a result; the message carries the end of its log."""


class Child:
    """`python -m MODULE '{"result": ..., **spec}'`; it writes its result with tests.bench.marks.report."""

    def __init__(
        self,
        module: str,
        spec: Mapping[str, Any],
        directory: Path,
        environment: Mapping[str, str] | None = None,
        python: Path = Path(sys.executable),
    ) -> None:
        self.name = f"{module.rpartition('.')[2]}-{time.time_ns()}"
        self.log = directory / f"{self.name}.log"
        self._result = directory / f"{self.name}.json"
        ours = {name: value for name, value in os.environ.items() if not name.startswith("UB_")}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *as_user(None, death_signal=signal.SIGKILL),
                    *(str(python), "-m", module, json.dumps({**spec, "result": str(self._result)})),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=directory,  # a .env file of the checkout is not read
                env={**ours, "PYTHONPATH": str(ROOT), **(environment or {})},
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def result(self, timeout_s: float = _STOP_S) -> dict[str, Any]:
        """Wait for its end and return what it reported."""
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise BenchFailed(f"{self.name} took longer than {timeout_s:g} s\n{self.log_tail()}") from None
        found = self.report()
        if found is None:
            raise BenchFailed(f"{self.name} ended with code {code} and no result\n{self.log_tail()}")
        return found

    def report(self) -> dict[str, Any] | None:
        """Return what it reported last, None while it has not."""
        if not self._result.exists():
            return None
        found: dict[str, Any] = json.loads(self._result.read_text())
        return found

    def log_tail(self) -> str:
        """Return the last lines of what it said."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:])


def run_child(
    module: str,
    spec: Mapping[str, Any],
    directory: Path,
    *,
    environment: Mapping[str, str] | None = None,
    python: Path = Path(sys.executable),
    timeout_s: float = 180.0,
) -> dict[str, Any]:
    """Run a process to its end and return what it reported."""
    with Child(module, spec, directory, environment, python) as child:
        return child.result(timeout_s)


def wait_until(condition: Callable[[], object], child: Child, timeout_s: float, what: str) -> None:
    """Wait for a condition while `child` runs."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if not child.running:
            raise BenchFailed(f"{child.name} ended before {what}\n{child.log_tail()}")
        if time.monotonic() > deadline:
            raise BenchFailed(f"{child.name}: not {what} within {timeout_s:g} s\n{child.log_tail()}")
        time.sleep(_POLL_S)


def children_of(pid: int) -> list[int]:
    """Return the process ids of a process's children."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
