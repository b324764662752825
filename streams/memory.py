"""What a process that runs for long does with its memory."""

import ctypes
import gc

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT = 256 << 20
"""Bytes that are free at the end of a heap and not yet given back."""
_FROM_HEAP = 32 << 20
"""Bytes up to which a block comes from a heap and not from a mapping of its own; glibc takes no more."""
_FULL = 100
"""Collections of the middle-aged to one of all, ten by default: of seven in the first minutes of a worker, each of a
seventh of a second, two are left."""


def keep_memory() -> None:
    """Have glibc keep what is freed (mallopt(3)): else each fetch of some megabytes comes to pages that are not there.

    The kernel hands out a page at the first touch and clears it, which is dear in a virtual machine. Elsewhere than
    with glibc there is nothing to ask for.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
        mallopt(_M_MMAP_THRESHOLD, _FROM_HEAP)


def spare_collector() -> None:
    """Take what is there by now out of Python's garbage collections (gc.freeze): it stays, and they stop everything.

    What a worker has imported is most of what there is; to look through it took a worker a fifth of a second. What it
    learns of a city is looked through seldom: most cycles of references die young.
    """
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _FULL)
