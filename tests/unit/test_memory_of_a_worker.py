"""A worker does not give memory back that it needs again at once."""

import platform
import subprocess
import sys

import pytest

_FETCHES = """
import resource
from streams.worker import keep_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def fetch():
    blocks = [b"x" * (4 << 20) for _ in range(12)]
    before = faults()
    del blocks
    blocks = [b"x" * (4 << 20) for _ in range(12)]
    return faults() - before

keep_memory()
fetch()
print(fetch())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_memory_that_is_freed_is_there_for_the_next_fetch() -> None:
    """48 MB are 12,288 pages; each is a page fault anew where they were given back (huge pages hide it)."""
    done = subprocess.run([sys.executable, "-c", _FETCHES], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 600
