"""Counters by (window, slot): only pairs that occur take room, however far event time leaps."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from streams.columnar.arrays import Records, grown
from streams.columnar.compiled import compiled, int64
from streams.columnar.ids import Ids, Table, find_number, insert_number, named
from streams.columnar.json_text import Words
from streams.fleet.vehicles import CHANGED, NOWHERE, Vehicles

READINGS, ARRIVALS, DEPARTURES = 0, 1, 2
UNKNOWN = -1
"""What the listener holds may be anything: no count equals it. Such a pair is *unsure*."""

_SLOT_BITS = 28  # leaves window numbers 35 bits: windows of a second, far beyond the year 2100
_SLOT_MASK = (1 << _SLOT_BITS) - 1
_AT_ONCE = 8_192
_MOST_PAIRS = 3  # that one entry may touch, one for each count

COUNTS, TOLD, DIRTY, UNSAVED = slice(0, 3), slice(3, 6), 6, 7
"""Columns of what is known of a pair: 32 bytes, side by side."""

Told = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]
"""Windows (numbers), slots and counts."""
Marks = NDArray[np.bool_]
Pairs = NDArray[np.int32]
"""Numbers of pairs, from 0 upwards. A pair's key is window number << 28 | slot; a window's number is start / length."""


class PairCounts:
    """Three counts per pair, and what of them was told and saved."""

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self._clear(0)
        self._any_unsure = False
        self._saved: set[int] = set()

    def _clear(self, size: int) -> None:
        self._ids = Ids()
        self._n = 0
        self._pairs = np.zeros((size, 8), np.int32)

    def settle(self, entries: Records, order: NDArray[np.integer], vehicles: Vehicles) -> None:
        """Count entries for good, in this order by (vehicle, ts), and move the vehicles' settled slots on."""
        self._count(entries, order, vehicles, np.zeros(0, np.int32))

    def add(self, entries: Records, order: NDArray[np.integer], vehicles: Vehicles) -> Pairs:
        """Count entries that still wait; returns what `take_back` needs."""
        touched = np.empty(_MOST_PAIRS * len(order), np.int32)
        return touched[: self._count(entries, order, vehicles, touched)]

    def take_back(self, touched: Pairs) -> None:
        """Undo an `add`."""
        _take_back(self._pairs, touched)

    def take_final(self, final_before: int) -> Told:
        """Return what changed of the pairs that are sure, and the unsure pairs of windows that are final.

        Windows with a number below `final_before` are. The unsure pairs of others are not told, whatever happens to
        them: what the listener holds of them is put right once they are final.
        """
        pairs = np.empty(self._n, np.int32)
        n, self._any_unsure = _take_final(self._ids.words, self._known, final_before << _SLOT_BITS, pairs)
        pairs = pairs[:n]
        return *self._unpack(pairs), self._pairs.take(pairs, axis=0)[:, COUNTS]

    def take_all(self, touched: Pairs, final_before: int) -> Told:
        """Return what changed and all pairs that are unsure, with what an `add` that `touched` them counted.

        These are unsure from now on, until their windows are final; that is to be saved.
        """
        dirty, unsure, final = self._marks(final_before)
        dirty[touched // _MOST_PAIRS] = unsure[touched // _MOST_PAIRS] = True
        told = self._tell(np.flatnonzero(dirty | unsure))
        unsure &= ~final
        self._known[unsure, TOLD] = UNKNOWN
        self._known[unsure, UNSAVED] = True
        self._any_unsure = bool(unsure.any())
        return told

    def tell_all_again(self, touched: Pairs) -> None:
        """Whoever listens may hold anything: all pairs are unsure.

        Those that an `add` has `touched` are to be saved as such: what waits may touch others later.
        """
        self._known[:, TOLD] = UNKNOWN
        self._known[touched // _MOST_PAIRS, UNSAVED] = True
        self._any_unsure = True

    def _marks(self, final_before: int) -> tuple[Marks, Marks, Marks]:
        """Return which pairs changed since the last call, which are unsure, and which are of windows that are final."""
        known = self._known
        dirty = known[:, DIRTY] != 0
        known[:, DIRTY] = False
        unsure = known[:, TOLD.start] == UNKNOWN if self._any_unsure else np.zeros(self._n, np.bool_)
        return dirty, unsure, self._keys < final_before << _SLOT_BITS

    def _tell(self, pairs: NDArray[np.intp]) -> Told:
        some = self._pairs[pairs]
        differ = (some[:, COUNTS] != some[:, TOLD]).any(axis=1)
        pairs, counts = pairs[differ], some[differ, COUNTS]
        self._pairs[pairs, TOLD] = counts
        return *self._unpack(pairs), counts

    def forget(self, before: int) -> list[int]:
        """Drop windows with a number below `before`, many at once; returns those that were saved."""
        keys = self._keys
        stay = np.flatnonzero(keys >= before << _SLOT_BITS)
        if 2 * len(stay) < len(keys):
            kept = self._pairs[stay]
            self._clear(0)
            self._reserve(len(keys))  # as many as there were: as many will come
            self._ids.put(named(keys[stay]), np.arange(len(stay)))
            self._pairs[: len(stay)] = kept
            self._n = len(stay)
        gone = sorted(window for window in self._saved if window < before)
        self._saved.difference_update(gone)
        return gone

    def take_unsaved(self) -> Iterator[tuple[int, NDArray[np.int32], NDArray[np.int32]]]:
        """Yield (window number, slots, counts) of each window with settled counts, or unsure pairs, not yet saved."""
        windows, slots = self._unpack(np.arange(self._n))
        numbers = np.unique(windows[self._known[:, UNSAVED] != 0])
        self._known[:, UNSAVED] = False
        self._saved.update(numbers.tolist())
        end, pairs = np.zeros(len(numbers) + 1, np.int64), np.empty(self._n, np.int32)
        _by_window(self._known, windows, numbers, end, pairs)
        for number, mine in zip(numbers.tolist(), np.split(pairs, end)[:-2], strict=True):
            yield number, slots[mine], self._pairs.take(mine, axis=0)[:, COUNTS]

    def restore(self, window: int, slots: NDArray[np.int32], counts: NDArray[np.int32]) -> None:
        """Put back what `take_unsaved` yielded."""
        start, end = self._n, self._n + len(slots)
        self._reserve(len(slots))
        self._ids.put(named(window << _SLOT_BITS | slots.astype(np.int64)), np.arange(start, end))
        self._pairs[start:end, COUNTS] = counts
        self._n = end
        self._saved.add(window)

    @property
    def _known(self) -> NDArray[np.int32]:
        return self._pairs[: self._n]

    @property
    def _keys(self) -> NDArray[np.int64]:
        return self._ids.words[: self._n, 0].view(np.int64) - 1

    def _unpack(self, pairs: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        keys = self._keys[pairs]
        return keys >> _SLOT_BITS, (keys & _SLOT_MASK).astype(np.int32)

    def _reserve(self, more: int) -> None:
        size = self._n + more
        self._ids.reserve(more, size)
        self._pairs = grown(self._pairs, size)

    def _count(self, entries: Records, order: NDArray[np.integer], vehicles: Vehicles, touched: Pairs) -> int:
        done, last = 0, np.full(3, -1, np.int64)
        for at in range(0, len(order), _AT_ONCE):
            some = order[at : at + _AT_ONCE]
            self._reserve(_MOST_PAIRS * len(some))
            n, done = _count_entries(
                entries,
                some,
                vehicles.table,
                vehicles.changed,
                self._window_ms,
                self._ids.words,
                self._ids.table,
                self._ids.factors,
                self._n,
                self._pairs,
                touched,
                done,
                last,
            )
            self._ids.was_put(n - self._n)
            self._n = n
        return done


@compiled
def _count_entries(
    entries: Records,
    order: NDArray[np.integer],
    vehicles: Records,
    changed: NDArray[np.int8],
    window_ms: int,
    words: Words,
    table: Table,
    factors: Words,
    n: int,
    pairs: NDArray[np.int32],
    touched: Pairs,
    done: int,
    last: NDArray[np.int64],
) -> tuple[int, int]:
    """Count entries in this order; where `touched` has no room they are settled.

    `last` holds row, ts and standing slot of the entry before these. Returns how many pairs there are now, and
    how much of `touched` is filled.
    """
    settle = len(touched) == 0
    key, pair = int64(-1), int64(0)
    for at in order:
        entry = entries[at]
        row = int64(entry.row)
        same = row == last[0]
        if same and entry.ts == last[1]:
            continue  # of several with the same row and ts the one that came first counts
        vehicle = vehicles[row]
        stood = last[2] if same else int64(vehicle.settled)
        stands = int64(entry.slot) if entry.stands else int64(NOWHERE)
        last[0], last[1], last[2] = row, entry.ts, stands
        moved = stood != stands
        window = entry.ts // window_ms
        for what in range(_MOST_PAIRS):
            if what == READINGS:
                slot, counted = int64(entry.slot), entry.heard
            elif what == ARRIVALS:
                slot, counted = stands, moved and stands != NOWHERE
            else:
                slot, counted = stood, moved and stood != NOWHERE
            if not counted:
                continue
            wanted = window << _SLOT_BITS | slot
            if wanted != key:  # else it is that of the entry before
                key = wanted
                pair = find_number(key, words, table, factors)
                if pair < 0:
                    pair = n
                    n += 1
                    insert_number(key, words, table, factors, pair)
            pairs[pair, what] += 1
            if settle:
                pairs[pair, DIRTY] = True
                pairs[pair, UNSAVED] = True
            else:
                touched[done] = _MOST_PAIRS * pair + what
                done += 1
        if settle and moved:
            vehicle.settled = stands
            changed[row] |= CHANGED
    return n, done


@compiled
def _take_final(words: Words, pairs: NDArray[np.int32], final_before: int, found: Pairs) -> tuple[int, bool]:
    """Set `found` to the pairs that `take_final` tells, and take them for told.

    Pairs with a key below `final_before` are final. Returns how many were found, and whether any is unsure still.
    """
    n, any_unsure = 0, False
    for at in range(len(pairs)):
        pair = pairs[at]
        final = int64(words[at, 0]) - 1 < final_before
        unsure = pair[TOLD.start] == UNKNOWN
        asked = final if unsure else pair[DIRTY] != 0
        pair[DIRTY] = 0
        any_unsure |= unsure and not final
        if asked and (pair[3] != pair[0] or pair[4] != pair[1] or pair[5] != pair[2]):
            pair[3], pair[4], pair[5] = pair[0], pair[1], pair[2]
            found[n] = at
            n += 1
    return n, any_unsure


@compiled
def _by_window(
    pairs: NDArray[np.int32],
    windows: NDArray[np.int64],
    numbers: NDArray[np.int64],
    end: NDArray[np.int64],
    found: Pairs,
) -> None:
    """Set `found` to the pairs to be saved of these windows (ascending), window by window; `end` to where each ends.

    `end` is zero before and has one place more than there are windows.
    """
    for at in range(len(pairs)):
        if _is_to_be_saved(pairs[at]):
            number = _place_in(numbers, windows[at])
            if number >= 0:
                end[number + 1] += 1
    for number in range(len(numbers)):
        end[number + 1] += end[number]
    for at in range(len(pairs)):
        if _is_to_be_saved(pairs[at]):
            number = _place_in(numbers, windows[at])
            if number >= 0:
                found[end[number]] = at
                end[number] += 1


@compiled
def _is_to_be_saved(pair: NDArray[np.int32]) -> bool:
    """Return whether anything was counted for good, or the pair is unsure."""
    return bool(pair[0] != 0 or pair[1] != 0 or pair[2] != 0 or pair[TOLD.start] == UNKNOWN)


@compiled
def _place_in(numbers: NDArray[np.int64], number: int) -> int:
    """Return the place of a number among ascending ones, -1 where it is not there."""
    low, high = 0, len(numbers)
    while low < high:
        middle = (low + high) // 2
        if numbers[middle] < number:
            low = middle + 1
        else:
            high = middle
    return low if low < len(numbers) and numbers[low] == number else -1


@compiled
def _take_back(pairs: NDArray[np.int32], touched: Pairs) -> None:
    for one in touched:
        pairs[one // _MOST_PAIRS, one % _MOST_PAIRS] -= 1
