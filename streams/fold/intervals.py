"""How often something is usually heard of: a histogram of the gaps between its words, small and fixed in size.

Half an octave a bin, from a second to twelve days. Gaps are counted in the order of the log and halved at fixed numbers
of them, so a histogram is a function of the gaps, whatever batches they came in; what is old fades.
"""

import numpy as np
from numpy.typing import NDArray

BINS = 40
HALVED_EVERY = 8_192
"""Gaps after which all counts are halved: with one a minute, six days."""
_RARE = 4_096
"""A gap is usual when as long a one came twice, and once in so many gaps."""

_EDGES = np.array([round(1000 * 2 ** (number / 2)) for number in range(1, BINS)], np.int64)
_UPPER = np.append(_EDGES, round(1000 * 2 ** (BINS / 2)))
_MIDDLE = np.rint(_UPPER / 2**0.25).astype(np.int64)

Counts = NDArray[np.uint16]
"""Shape (n, BINS): gaps by bin, a row a subject."""


def learn(
    counts: Counts, heard: NDArray[np.integer], rows: NDArray[np.integer], gaps_ms: NDArray[np.int64]
) -> None:
    """Count gaps, n > 0, sorted by row and in order within each; `heard` is the number of gaps by row, ever."""
    bins = bins_of(gaps_ms)
    if (heard[rows].astype(np.int64) % HALVED_EVERY + len(rows) < HALVED_EVERY).all():
        np.add.at(counts, (rows, bins), 1)  # in any order: nobody's come to be halved
        np.add.at(heard, rows, 1)
        return
    first = np.flatnonzero(np.concatenate(([True], rows[1:] != rows[:-1])))
    size = np.diff(first, append=len(rows))
    of_row = rows[first]
    number = heard[of_row].astype(np.int64)
    rank = np.arange(len(rows)) - np.repeat(first, size) + np.repeat(number % HALVED_EVERY, size)
    turn = rank // HALVED_EVERY
    turns = (number + size) // HALVED_EVERY - number // HALVED_EVERY
    for this in range(int(turn.max()) + 1):
        now = turn == this
        np.add.at(counts, (rows[now], bins[now]), 1)
        counts[of_row[turns > this]] >>= 1
    heard[of_row] += size.astype(heard.dtype)


def bins_of(gaps_ms: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the bin of each gap."""
    return np.searchsorted(_EDGES, gaps_ms, side="right")


def usual(counts: Counts) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return by row, in milliseconds: the median gap, its bin's upper edge, and that of the longest usual gap.

    0 where nothing was counted. A single long gap is an outage; one that comes again is a habit, such as the night's.
    """
    up_to = np.cumsum(counts, axis=1, dtype=np.int64)
    total = up_to[:, -1]
    median = np.argmax(2 * up_to >= np.maximum(total, 1)[:, None], axis=1)
    longer = total[:, None] - up_to + counts
    often = longer >= np.maximum(2, -(-total // _RARE))[:, None]
    longest = np.where(often.any(axis=1), BINS - 1 - np.argmax(often[:, ::-1], axis=1), median)
    known = total > 0
    return _MIDDLE[median] * known, _UPPER[median] * known, _UPPER[longest] * known


def longest_ms(counts: Counts) -> NDArray[np.int64]:
    """Return by row the upper edge of the longest gap that is counted at all; 0 where none is."""
    some = counts > 0
    return _UPPER[BINS - 1 - np.argmax(some[:, ::-1], axis=1)] * some.any(axis=1)


def patience_ms(
    median: NDArray[np.int64], longest: NDArray[np.int64], times: float, least_ms: int
) -> NDArray[np.int64]:
    """Return by row how long a silence may last before it is unusual, from the upper edges that `usual` gives.

    `times` the median gap, twice the longest usual one, and `least_ms` in any case.
    """
    waits: NDArray[np.int64] = np.maximum(
        np.maximum(np.rint(times * median).astype(np.int64), 2 * longest), least_ms
    )
    return waits
