"""The wall clock of one process, stepped while it runs: libfaketime, preloaded, reads the step from a file."""

import glob
from pathlib import Path

import pytest

_LIBRARIES = (
    "/usr/lib/*/faketime/libfaketimeMT.so.1",  # Debian, Ubuntu
    "/usr/lib*/faketime/libfaketimeMT.so.1",  # Fedora, Arch
)


def library() -> str:
    """Return the path of libfaketime for processes with threads; skips the test where it is not installed."""
    for pattern in _LIBRARIES:
        for found in glob.glob(pattern):
            return found
    pytest.skip(
        "libfaketime is not installed; `make chaos` installs it on Debian and Ubuntu (package libfaketime)"
    )


class Clock:
    """A clock for the processes that get its `environment`. Their monotonic clock is left alone, as a real
    step of the wall clock leaves it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._library = library()
        self.step(0)

    def environment(self) -> dict[str, str]:
        """Return what the process needs to be started with."""
        return {
            "LD_PRELOAD": self._library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        }

    def step(self, seconds: int) -> None:
        """From now on be so far ahead of the true time; the process notices within a second."""
        self._file.write_text(f"{seconds:+d}\n")
