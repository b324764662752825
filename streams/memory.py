"""What a process that runs for long does with its memory."""

import ctypes
import gc

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT = 256 << 20
"""Bytes that are free at the end of a heap and not yet given back."""
_FROM_HEAP = 32 << 20
"""Bytes up to which a block comes from a heap and not from a mapping of its own; glibc takes no more."""
_FULL = 100
"""Collections of the middle generation before one of all objects; ten by default. In the first minutes of a worker
seven were of all objects, a seventh of a second each; now two are."""


def keep_memory() -> None:
    """Have glibc keep freed memory (mallopt(3)), so that each fetch of some megabytes does not need new pages.

    The kernel clears a new page at the first touch, which is slow in a virtual machine. Without glibc nothing is done.
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
