"""Counters by (window, slot): only pairs that occur take room, however far event time leaps."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

READINGS, ARRIVALS, DEPARTURES = 0, 1, 2
UNKNOWN = -1
"""What the listener holds may be anything: no count equals it."""

_SLOT_BITS = 28  # leaves window numbers 35 bits: windows of a second, far beyond the year 2100
_SLOT_MASK = (1 << _SLOT_BITS) - 1

Keys = NDArray[np.int64]
"""Pairs packed as window number << 28 | slot; a window's number is its start / its length."""


def pack(window: NDArray[np.int64], slot: NDArray[np.int32]) -> Keys:
    """Return the keys of pairs."""
    return window << _SLOT_BITS | slot


def unpack(keys: Keys) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return (window numbers, slots)."""
    return keys >> _SLOT_BITS, (keys & _SLOT_MASK).astype(np.int32)


class PairCounts:
    """Three counts per pair, sorted by key, and what of them was told and saved."""

    def __init__(self) -> None:
        self._keys = np.zeros(0, np.int64)
        self._counts = np.zeros((0, 3), np.int32)
        self._told = np.zeros((0, 3), np.int32)
        self._dirty = np.zeros(0, np.bool_)
        self._unsaved: set[int] = set()
        self._saved: set[int] = set()

    def add(self, keys: Keys, column: NDArray[np.int8], sign: int, *, settled: bool) -> Keys:
        """Add sign to a column of each key (keys may repeat); returns the distinct keys.

        What is settled is to be told and saved; what is not will be taken back by the caller.
        """
        if not len(keys):
            return keys
        low = int(keys.min())
        pairs = keys - low << 2 | column  # sorted as one integer
        pairs.sort()
        keys, column = (pairs >> 2) + low, pairs & 3
        first = np.ones(len(keys), np.bool_)
        first[1:] = keys[1:] != keys[:-1]
        distinct = keys[first]
        cell = (np.cumsum(first) - 1) * 3 + column
        sums = np.bincount(cell, minlength=3 * len(distinct)).reshape(-1, 3)
        rows = self._rows(distinct)
        self._counts[rows] += sign * sums.astype(np.int32)
        if settled:
            self._dirty[rows] = True
            self._unsaved.update(np.unique(distinct >> _SLOT_BITS).tolist())
        return distinct

    def mark(self, keys: Keys) -> None:
        """Have pairs told if they changed; those that are forgotten were told."""
        rows = np.searchsorted(self._keys, keys)
        rows = rows[rows < len(self._keys)]
        self._dirty[rows[np.isin(self._keys[rows], keys, assume_unique=True)]] = True

    def take_changed(self) -> tuple[Keys, NDArray[np.int32]]:
        """Return keys and counts of the marked pairs that differ from what was told last; they count as told."""
        rows = np.flatnonzero(self._dirty)
        self._dirty[rows] = False
        rows = rows[(self._counts[rows] != self._told[rows]).any(axis=1)]
        self._told[rows] = self._counts[rows]
        return self._keys[rows], self._counts[rows]

    def tell_all_again(self) -> None:
        """Whoever listens may hold anything: mark every pair that has a count."""
        self._told[:] = UNKNOWN
        self._dirty[:] = self._counts.any(axis=1)

    def forget(self, before: int) -> list[int]:
        """Drop windows with a number below `before`; returns those that were saved."""
        start = int(np.searchsorted(self._keys, before << _SLOT_BITS))
        if start:
            self._keys, self._counts = self._keys[start:].copy(), self._counts[start:].copy()
            self._told, self._dirty = self._told[start:].copy(), self._dirty[start:].copy()
        gone = sorted(window for window in self._saved if window < before)
        self._saved.difference_update(gone)
        self._unsaved = {window for window in self._unsaved if window >= before}
        return gone

    def take_unsaved(self) -> Iterator[tuple[int, NDArray[np.int32], NDArray[np.int32]]]:
        """Yield (window number, slots, counts) of each window with settled counts not yet saved."""
        window, slot = unpack(self._keys)
        for number in sorted(self._unsaved):
            rows = slice(*np.searchsorted(window, (number, number + 1)))
            counted = self._counts[rows].any(axis=1)
            yield number, slot[rows][counted], self._counts[rows][counted]
        self._saved |= self._unsaved
        self._unsaved = set()

    def restore(self, window: int, slots: NDArray[np.int32], counts: NDArray[np.int32]) -> None:
        """Put back what `take_unsaved` yielded."""
        order = np.argsort(slots)
        rows = self._rows(pack(np.full(len(slots), window, np.int64), slots[order]))
        self._counts[rows] = counts[order]
        self._saved.add(window)

    def _rows(self, keys: Keys) -> NDArray[np.intp]:
        """Return the row of each of the sorted, distinct keys; one not known is put in its place."""
        rows = np.searchsorted(self._keys, keys)
        known = np.zeros(len(keys), np.bool_)
        within = rows < len(self._keys)
        known[within] = self._keys[rows[within]] == keys[within]
        if known.all():
            return rows
        at = rows[~known]
        self._keys = np.insert(self._keys, at, keys[~known])
        self._counts = np.insert(self._counts, at, 0, axis=0)
        self._told = np.insert(self._told, at, 0, axis=0)
        self._dirty = np.insert(self._dirty, at, False)
        return np.searchsorted(self._keys, keys)
