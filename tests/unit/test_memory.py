"""What a process that runs for long does with its memory: it keeps what it needs again, and looks through no more."""

import platform
import subprocess
import sys

import pytest

_FETCHES = """
import resource
from streams.memory import keep_memory

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


_COLLECTED = """
import gc
import weakref

import faust
from streams.memory import spare_collector

class Ring:
    pass

before = len(gc.get_objects())
spare_collector()
left = len(gc.get_objects())
ring = Ring()
ring.itself = ring
seen = weakref.ref(ring)
del ring
gc.collect()
print(before, left, seen() is None)
"""


def test_what_was_there_at_the_start_is_looked_through_no_more_and_what_is_new_is() -> None:
    done = subprocess.run([sys.executable, "-c", _COLLECTED], check=True, capture_output=True, text=True)
    before, left, is_gone = done.stdout.split()
    assert int(left) < int(before) / 100
    assert is_gone == "True"


_GROWS = """
import gc
from streams.memory import spare_collector

full = []
gc.callbacks.append(lambda phase, info: full.append(info) if (phase, info["generation"]) == ("stop", 2) else None)
spare_collector()
full.clear()
kept = [[number] for number in range(1_000_000)]
print(len(full))
"""


def test_a_worker_that_grows_does_not_look_through_all_again_and_again() -> None:
    done = subprocess.run([sys.executable, "-c", _GROWS], check=True, capture_output=True, text=True)
    assert int(done.stdout) == 0
