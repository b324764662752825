"""How a worker process ended, as the log of its supervisor says it."""

import subprocess
import sys

import pytest

from streams.supervise import how


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("sys.exit(1)", "ended with code 1"),
        (
            "os.kill(os.getpid(), 9)",
            "was killed by SIGKILL: if nobody did, the kernel was out of memory (dmesg)",
        ),
        ("os.kill(os.getpid(), 11)", "was killed by SIGSEGV"),
        ("os.kill(os.getpid(), 40)", "was killed by signal 40"),
    ],
)
def test_who_is_killed_cannot_say_so_itself(end: str, said: str) -> None:
    done = subprocess.run([sys.executable, "-S", "-c", f"import os, sys; {end}"], check=False)
    assert how(done.returncode) == said
