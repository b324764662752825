"""Our commands as a person runs them: to their end, with an environment, judged by exit code and output."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 60.0

NOTHING_THERE = {
    "UB_MQTT_PORT": "1",
    "UB_KAFKA_BOOTSTRAP": "127.0.0.1:2",
    "UB_DATABASE_URL": "postgresql://ub_writer:hidden@127.0.0.1:3/urbanbrain",
    "UB_SERVICE_WAIT_S": "1",
}
"""Addresses at which no service answers, and no patience."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"

    def failed_with_one_line(self) -> str:
        """Check that it failed, and that it said why in one line; return that line."""
        assert self.code not in (0, -signal.SIGKILL), self
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self
        assert lines[0].startswith("Error: "), self
        return lines[0]


def clean_environment() -> dict[str, str]:
    """Return our environment without settings of ours."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("UB_")}
    return {**ours, "COLUMNS": "200"}  # tables are not folded


def run(
    *arguments: str, environment: Mapping[str, str], directory: Path, timeout_s: float = TIMEOUT_S
) -> Finished:
    """Run one command to its end, in `directory` (where no .env file is). AssertionError when it does not end."""
    child = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", *arguments],
        env=environment,
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = child.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)  # with all that it started
        out, err = child.communicate()
        shown = Finished(child.returncode, out, err[-3_000:])
        raise AssertionError(f"{arguments} did not end within {timeout_s:g} s\n{shown}") from None
    return Finished(child.returncode, out, err)
