"""The stepped clock: one that stays where it was would let every test of clock steps pass."""

import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from tests.chaos.faketime import Clock
from tests.waiting import eventually

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

        def is_ahead_by(seconds: float) -> bool:
            """Whether its wall clock is ahead of ours by so much, between our question and its answer.

            Its monotonic clock is ours.
            """
            assert process.stdin is not None
            assert process.stdout is not None
            asked = time.time() - 1, time.monotonic() - 1
            process.stdin.write("\n")
            process.stdin.flush()
            wall, monotonic = map(float, process.stdout.readline().split())
            answered = time.time() + 1, time.monotonic() + 1
            assert asked[1] < monotonic < answered[1]
            return asked[0] < wall - seconds < answered[0]

        assert is_ahead_by(0)
        for step in (3600, -3600, 0):
            clock.step(step)
            eventually(partial(is_ahead_by, step))
        assert process.stdin is not None
        process.stdin.close()
