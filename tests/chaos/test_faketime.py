"""The stepped clock: one that stays where it was would let every test of clock steps pass."""

import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from tests.chaos.faketime import Clock
from tests.e2e.waiting import eventually

CLOCKS = "import time, sys\nfor _ in sys.stdin: print(time.time(), time.monotonic(), flush=True)"


def test_a_step_reaches_a_running_process_and_leaves_its_monotonic_clock_alone(tmp_path: Path) -> None:
    clock = Clock(tmp_path / "clock")
    with subprocess.Popen(
        [sys.executable, "-c", CLOCKS],
        env={**os.environ, **clock.environment()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def ahead() -> tuple[float, float]:
            """By how many seconds the process' clocks are ahead of ours: wall, monotonic."""
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            wall, monotonic = map(float, process.stdout.readline().split())
            return wall - time.time(), monotonic - time.monotonic()

        def is_ahead_by(seconds: float) -> bool:
            return abs(ahead()[0] - seconds) < 1

        assert is_ahead_by(0)
        for step in (3600, -3600, 0):
            clock.step(step)
            eventually(partial(is_ahead_by, step), 5.0)
            assert abs(ahead()[1]) < 1
        assert process.stdin is not None
        process.stdin.close()
