"""Counts, sums and sketches by (window, slot): exact whole numbers that only grow."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from streams.columnar.arrays import Insertion, first_of_each, ranges
from streams.fold.sketch import HIGHEST_BIN, bins_of
from streams.sensing.values import MILLION

READINGS, TOTAL, SQUARE_AA, SQUARE_AB, SQUARE_BB, LEAST, MOST = range(7)
_SPLIT = 20
"""A value is a x 2^20 + b, 0 <= b < 2^20: see schemas.partials.MetricCounts."""

_SLOT_BITS = 31
_BIN_BITS = 13
_BIN_ZERO = HIGHEST_BIN + 1
_NEUTRAL = np.array([0, 0, 0, 0, 0, np.iinfo(np.int64).max, np.iinfo(np.int64).min])

Keys = NDArray[np.int64]
"""(window, slot) packed as window << 31 | slot; with a bin below it, window << 44 | slot << 13 | bin + 4096.

Windows are numbered within a block of them (see memory.py), which leaves 19 bits for the number.
"""


@dataclass(frozen=True, slots=True)
class TallyRows:
    """Absolute values of n (window, slot) pairs; pair i has size[i] of the bins, which stand in the pairs' order."""

    window_start: NDArray[np.int64]  # milliseconds
    slot: NDArray[np.int32]
    sums: NDArray[np.int64]  # shape (n, 7): columns as numbered above
    size: NDArray[np.intp]
    bins: NDArray[np.int64]
    bin_counts: NDArray[np.int64]


def joined_rows(parts: list[TallyRows]) -> TallyRows:
    """Return one after the other, at least one."""
    return TallyRows(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(TallyRows))
    )


class Tally:
    """Sums and sketches of a block of windows of `window_ms`, which begins at `start`."""

    def __init__(self, start: int, window_ms: int) -> None:
        self._start = start
        self._window_ms = window_ms
        self._keys = np.zeros(0, np.int64)
        self._sums = np.zeros((0, 7), np.int64)
        self._dirty = np.zeros(0, np.bool_)
        self._bin_keys = np.zeros(0, np.int64)
        self._bin_counts = np.zeros(0, np.int64)

    def add(self, ts: NDArray[np.int64], slot: NDArray[np.int32], value: NDArray[np.int64]) -> None:
        """Count readings, n > 0; values are millionths."""
        window = (ts - self._start) // self._window_ms
        key = (window << _SLOT_BITS | slot) << _BIN_BITS | (bins_of(value / MILLION) + _BIN_ZERO)
        order = np.argsort(key)
        key, value = key[order], value[order]
        at = np.flatnonzero(first_of_each(key))
        rows = self._bin_rows(key[at])
        self._bin_counts[rows] += np.diff(at, append=len(key))
        pair = key >> _BIN_BITS
        at = np.flatnonzero(first_of_each(pair))
        rows = self._rows(pair[at])
        a, b = value >> _SPLIT, value & (1 << _SPLIT) - 1
        sums = self._sums
        sums[rows, READINGS] += np.diff(at, append=len(key))
        for column, terms in ((TOTAL, value), (SQUARE_AA, a * a), (SQUARE_AB, a * b), (SQUARE_BB, b * b)):
            sums[rows, column] += np.add.reduceat(terms, at)
        sums[rows, LEAST] = np.minimum(sums[rows, LEAST], np.minimum.reduceat(value, at))
        sums[rows, MOST] = np.maximum(sums[rows, MOST], np.maximum.reduceat(value, at))
        self._dirty[rows] = True

    def take_changed(self) -> TallyRows | None:
        """Return what changed since the last call."""
        rows = np.flatnonzero(self._dirty)
        if not len(rows):
            return None
        self._dirty[rows] = False
        keys = self._keys[rows]
        start = np.searchsorted(self._bin_keys, keys << _BIN_BITS)
        size = np.searchsorted(self._bin_keys, keys + 1 << _BIN_BITS) - start
        picked = ranges(start, size)
        return TallyRows(
            window_start=(keys >> _SLOT_BITS) * self._window_ms + self._start,
            slot=(keys & (1 << _SLOT_BITS) - 1).astype(np.int32),
            sums=self._sums[rows],
            size=size,
            bins=(self._bin_keys[picked] & (1 << _BIN_BITS) - 1) - _BIN_ZERO,
            bin_counts=self._bin_counts[picked],
        )

    def _rows(self, keys: Keys) -> NDArray[np.intp]:
        """Return the row of each of the sorted, distinct keys; one not known is put in its place."""
        rows, new = _search(self._keys, keys)
        if not new.any():
            return rows
        insertion = Insertion(len(self._keys), rows[new])
        self._keys = insertion.into(self._keys, keys[new])
        self._sums = insertion.into(self._sums, _NEUTRAL)
        self._dirty = insertion.into(self._dirty, 0)
        return rows + np.cumsum(new) - new

    def _bin_rows(self, keys: Keys) -> NDArray[np.intp]:
        rows, new = _search(self._bin_keys, keys)
        if not new.any():
            return rows
        insertion = Insertion(len(self._bin_keys), rows[new])
        self._bin_keys = insertion.into(self._bin_keys, keys[new])
        self._bin_counts = insertion.into(self._bin_counts, 0)
        return rows + np.cumsum(new) - new


def _search(keys: Keys, wanted: Keys) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return where each of the wanted keys stands or belongs, and which are not there; both sorted and distinct."""
    rows = np.searchsorted(keys, wanted)
    new = np.ones(len(wanted), np.bool_)
    within = rows < len(keys)
    new[within] = keys[rows[within]] != wanted[within]
    return rows, new
