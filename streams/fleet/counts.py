"""Counters by (window, slot): only pairs that occur take room, however far event time leaps."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from streams.arrays import grown

READINGS, ARRIVALS, DEPARTURES = 0, 1, 2
UNKNOWN = -1
"""What the listener holds may be anything: no count equals it."""

_SLOT_BITS = 32
_SLOT_MASK = (1 << _SLOT_BITS) - 1

Keys = NDArray[np.int64]
"""Pairs packed as window number << 32 | slot; a window's number is its start / its length."""


def pack(window: NDArray[np.int64], slot: NDArray[np.int32]) -> Keys:
    """Return the keys of pairs."""
    return window << _SLOT_BITS | slot


def unpack(keys: Keys) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return (window numbers, slots)."""
    return keys >> _SLOT_BITS, (keys & _SLOT_MASK).astype(np.int32)


class PairCounts:
    """Three counts per pair, and what of them was told and saved."""

    def __init__(self) -> None:
        self._row_of: dict[int, int] = {}
        self._keys = np.zeros(1024, np.int64)
        self._counts = np.zeros((1024, 3), np.int32)
        self._told = np.zeros((1024, 3), np.int32)
        self._dirty = np.zeros(1024, np.bool_)
        self._unsaved: set[int] = set()
        self._saved: set[int] = set()

    def add(self, keys: Keys, column: NDArray[np.int8], sign: int, *, settled: bool) -> Keys:
        """Add sign to a column of each key (keys may repeat); returns the distinct keys.

        What is settled is to be told and saved; what is not will be taken back by the caller.
        """
        distinct, inverse = np.unique(keys, return_inverse=True)
        rows = self._rows(distinct)
        sums = np.bincount(inverse * 3 + column, minlength=3 * len(distinct)).reshape(-1, 3)
        self._counts[rows] += sign * sums.astype(np.int32)
        if settled:
            self._dirty[rows] = True
            self._unsaved.update(np.unique(distinct >> _SLOT_BITS).tolist())
        return distinct

    def mark(self, keys: Keys) -> None:
        """Have pairs told if they changed; those that are forgotten were told."""
        get = self._row_of.get
        self._dirty[[row for key in keys.tolist() if (row := get(key)) is not None]] = True

    def take_changed(self) -> tuple[Keys, NDArray[np.int32]]:
        """Return keys and counts of the marked pairs that differ from what was told last; they count as told."""
        rows = np.flatnonzero(self._dirty)
        self._dirty[rows] = False
        rows = rows[(self._counts[rows] != self._told[rows]).any(axis=1)]
        rows = rows[np.argsort(self._keys[rows])]
        self._told[rows] = self._counts[rows]
        return self._keys[rows], self._counts[rows]

    def tell_all_again(self) -> None:
        """Whoever listens may hold anything: mark every pair that has a count."""
        n = len(self._row_of)
        self._told[:n] = UNKNOWN
        self._dirty[:n] = self._counts[:n].any(axis=1)

    def forget(self, before: int) -> list[int]:
        """Drop windows with a number below `before`; returns those that were saved."""
        n = len(self._row_of)
        keep = np.flatnonzero(self._keys[:n] >= before << _SLOT_BITS)
        if len(keep) < n:
            for array in (self._keys, self._counts, self._told, self._dirty):
                array[: len(keep)] = array[keep]
                array[len(keep) : n] = 0
            self._row_of = dict(zip(self._keys[: len(keep)].tolist(), range(len(keep)), strict=True))
        gone = sorted(window for window in self._saved if window < before)
        self._saved.difference_update(gone)
        self._unsaved = {window for window in self._unsaved if window >= before}
        return gone

    def take_unsaved(self) -> Iterator[tuple[int, NDArray[np.int32], NDArray[np.int32]]]:
        """Yield (window number, slots, counts) of each window with settled counts not yet saved."""
        if not self._unsaved:
            return
        n = len(self._row_of)
        order = np.argsort(self._keys[:n])
        window, slot = unpack(self._keys[:n][order])
        for number in sorted(self._unsaved):
            rows = slice(*np.searchsorted(window, (number, number + 1)))
            counts = self._counts[order[rows]]
            counted = counts.any(axis=1)
            yield number, slot[rows][counted], counts[counted]
        self._saved |= self._unsaved
        self._unsaved = set()

    def restore(self, window: int, slots: NDArray[np.int32], counts: NDArray[np.int32]) -> None:
        """Put back what `take_unsaved` yielded."""
        rows = self._rows(pack(np.full(len(slots), window, np.int64), slots))
        self._counts[rows] = counts
        self._saved.add(window)

    def _rows(self, keys: Keys) -> NDArray[np.int64]:
        """Return the row of each key; a new one gets the next row."""
        row_of, names = self._row_of, keys.tolist()
        try:
            return np.fromiter(map(row_of.__getitem__, names), np.int64, len(names))
        except KeyError:
            pass
        rows = np.array([row_of.setdefault(name, len(row_of)) for name in names], np.int64)
        size = len(row_of)
        self._keys, self._counts = grown(self._keys, size), grown(self._counts, size)
        self._told, self._dirty = grown(self._told, size), grown(self._dirty, size)
        self._keys[rows] = keys
        return rows
