"""The distinct readings of a span of event time, and the windows that they make up."""

import numpy as np
from numpy.typing import NDArray

from streams.columnar.arrays import Insertion, first_of_each, ranges
from streams.sensing.tally import Tally


class Block:
    """Readings with start <= ts < start + span, each (series, ts, value, slot) once; span is a number of windows.

    They are kept sorted by (series, ts), packed into one integer: that is the memory in which repeats are found.
    """

    def __init__(self, start: int, span_ms: int, window_ms: int) -> None:
        self.start = start
        self.tally = Tally(start, window_ms)
        self._ts_bits = (span_ms - 1).bit_length()
        self._key = np.zeros(0, np.int64)
        self._value = np.zeros(0, np.int64)
        self._slot = np.zeros(0, np.int32)

    def add(
        self,
        series: NDArray[np.integer],
        ts: NDArray[np.int64],
        value: NDArray[np.int64],
        slot: NDArray[np.int32],
    ) -> NDArray[np.intp]:
        """Count readings, sorted by (series, ts); returns the indices of those that were not there before."""
        key = series.astype(np.int64) << self._ts_bits | ts - self.start
        fresh, place = self._fresh(key, value, slot)
        if len(fresh) < len(key):
            key, ts, value, slot = key[fresh], ts[fresh], value[fresh], slot[fresh]
        if len(fresh):
            insertion = Insertion(len(self._key), place[fresh])
            self._key = insertion.into(self._key, key)
            self._value = insertion.into(self._value, value)
            self._slot = insertion.into(self._slot, slot)
            self.tally.add(ts, slot, value)
        return fresh

    def readings(
        self,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
        """Return (series, ts, value, slot) of all readings, sorted by (series, ts)."""
        ts = (self._key & (1 << self._ts_bits) - 1) + self.start
        return self._key >> self._ts_bits, ts, self._value, self._slot

    def _fresh(
        self, key: NDArray[np.int64], value: NDArray[np.int64], slot: NDArray[np.int32]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the indices of those not seen before, and where each belongs among the readings seen."""
        place = np.searchsorted(self._key, key)
        suspect = ~first_of_each(key)
        suspect[:-1] |= suspect[1:]
        within = place < len(self._key)
        suspect[within] |= self._key[place[within]] == key[within]
        if not suspect.any():
            return np.arange(len(key)), place
        # Few have a (series, ts) in common with another. These are sorted together with the ones seen, which come
        # first among equals.
        those = np.flatnonzero(suspect)
        seen = self._with_keys(key[those[first_of_each(key[those])]])
        keys = np.concatenate((self._key[seen], key[those]))
        values = np.concatenate((self._value[seen], value[those]))
        slots = np.concatenate((self._slot[seen], slot[those]))
        order = np.lexsort((slots, values, keys))
        repeated = order[~first_of_each(keys[order], values[order], slots[order])] - len(seen)
        fresh = np.ones(len(key), np.bool_)
        fresh[those[repeated[repeated >= 0]]] = False
        return np.flatnonzero(fresh), place

    def _with_keys(self, keys: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return where the readings seen with these keys (distinct) stand."""
        start = np.searchsorted(self._key, keys)
        size = np.searchsorted(self._key, keys, side="right") - start
        return ranges(start, size)
