"""Event-time windows of one partition: readings, arrivals and departures per (window, slot).

Readings wait here until the watermark has passed them. Then they are sorted by (vehicle, ts), repeats
of the same (vehicle, ts) fall away, and each change of the slot where a vehicle stands is one
departure and one arrival in the window of the later reading. So the counts are a function of the set of
readings, whatever order within the allowed lateness they came in. If the partition falls silent, so that nothing
came from one checkpoint to the next, the waiting readings are counted provisionally, and the counts published:

    watermark ------------------v
    settled (counted for good)  |  waiting    |
    --------------------------- | --x---x-x---| > event time

A provisional count may be withdrawn, when a reading comes in between after all. The grid must hear of that even if this
process dies meanwhile. The grid keeps the count with the highest offset, and the next owner starts at a lower one. So
the final count must be published at an offset that no owner had reached before:

- Only readings that are stored are counted provisionally. So the next owner finds the same (window, slot) pairs among
  the waiting readings.
- These pairs are marked as unsure from then on (counts.py): they are published once more, changed or not, when the
  watermark has passed the end of their window. It has not passed it when a provisional count is published.
- The mark is saved by this owner and by the next one: this one may die before it stores the mark, and a third owner
  would find other readings waiting.
- Of two counts with the same offset the provisional one wins. The other may come from an owner that was frozen.
- Everything else that is published is a function of the log up to its offset.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.columnar.arrays import Records, grown, stable_order
from streams.columnar.compiled import compiled
from streams.fleet.counts import PairCounts, Pairs
from streams.fleet.kernel import ENTRY
from streams.fleet.silence import MISSING
from streams.fleet.vehicles import MORE, STANDING, Vehicles

_PATIENCE = 8
"""Steps an entry, on average, that sorting by insertion may take."""
_ROOMY = 4
"""So many times what waits there is room for, at most, once a backlog is settled."""


@dataclass(frozen=True, slots=True)
class WindowRows:
    """Absolute counts, columns of equal length. `provisional`: what waits is counted too."""

    window_start: NDArray[np.int64]
    slot: NDArray[np.int32]
    counts: NDArray[np.int32]  # shape (n, 3): readings, arrivals, departures
    provisional: bool = False

    def of(self, which: slice | NDArray[np.bool_]) -> "WindowRows":
        """Return some of the rows."""
        return WindowRows(self.window_start[which], self.slot[which], self.counts[which], self.provisional)


NO_ROWS = WindowRows(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros((0, 3), np.int32))


class Flows:
    """Windows of `window_ms` of one partition."""

    def __init__(self, vehicles: Vehicles, window_ms: int) -> None:
        self._vehicles = vehicles
        self._window_ms = window_ms
        self._entries = np.zeros(0, ENTRY)
        self._n = 0
        self._saved = 0  # of the waiting entries, those that came before the last checkpoint
        self._counts = PairCounts(window_ms)
        self._touched = self._all_told = False
        self.settled = 0
        """All that is older was counted for good."""

    def add(self, entries: Records) -> None:
        """Take readings in; they wait until `settle` passes them."""
        self.room(len(entries))[: len(entries)] = entries
        self.were_put(len(entries))

    def room(self, more: int) -> Records:
        """Return where so many readings, or more, can be put."""
        self._entries = grown(self._entries, self._n + more)
        return self._entries[self._n :]

    def went_on(self) -> None:
        """Hear that the log went on, be it with nothing to count: what was told provisionally is to be told again.

        A former owner may have told something else at this offset, though not provisionally: that came before.
        """
        self._all_told = False

    def were_put(self, entries: int) -> None:
        """Hear that so many readings were put at the beginning of `room`: they are taken in."""
        self._n += entries
        self._touched = self._touched or entries > 0

    def settle(self, watermark: int) -> None:
        """Count what is older than the watermark for good, and move the vehicles' settled slots on."""
        self.settled = max(self.settled, watermark)
        waiting = self._waiting
        ready = np.empty(len(waiting), ENTRY)
        n, self._saved = _part(waiting, self._saved, watermark, ready)
        if not n:
            return
        ready = ready[:n]
        self._n -= n
        self._touched = True
        if _ROOMY * self._n < len(self._entries):
            self._entries = self._waiting.copy()  # what a backlog needed for a moment is given back
        self._counts.settle(ready, _order(ready, self._vehicles.top), self._vehicles)

    def take_rows(self, watermark: int) -> WindowRows | None:
        """Return the counts to be told, at a watermark up to which all is settled. Call at checkpoints only."""
        idle = not self._touched
        if idle and self._all_told:
            return None
        self._touched, self._all_told = False, idle
        final_before = watermark // self._window_ms
        if idle:
            touched = self._count_provisionally()
            window, slot, counts = self._counts.take_all(touched, final_before)
            self._counts.take_back(touched)
        else:
            window, slot, counts = self._counts.take_final(final_before)
        return WindowRows(window * self._window_ms, slot, counts, idle) if len(slot) else None

    def resume(self) -> None:
        """Take up where the checkpoint left off: all counts are to be told again, withdrawn ones too."""
        self._touched = True
        touched = self._count_provisionally()
        # Here, so that pairs which only waiting readings touch are among them.
        self._counts.tell_all_again(touched)
        self._counts.take_back(touched)

    def forget(self, before: int) -> list[int]:
        """Drop the windows that end at or before `before`; returns the starts of those that were saved.

        Their counts are final and told.
        """
        return [number * self._window_ms for number in self._counts.forget(before // self._window_ms)]

    def take_fresh(self) -> Records:
        """Return what came in since the last call, waits, and is not its vehicle's newest reading. Call after `settle`.

        The newest one is in the vehicle's row. Where it is replaced there before it was counted, it comes in once more
        (a repeat, which never counts), and so is among these. Most of what waits of a large fleet is never saved.
        """
        fresh, self._saved = self._waiting[self._saved :], self._n
        vehicles, found = self._vehicles, np.empty(len(fresh), np.int32)
        return fresh.take(found[: _not_newest(fresh, vehicles.table, vehicles.changed, found)])

    def take_unsaved(self) -> Iterator[tuple[int, NDArray[np.int32], NDArray[np.int32]]]:
        """Yield (window start, slots, counts) of the settled counts that changed since the last call."""
        for number, slots, counts in self._counts.take_unsaved():
            yield number * self._window_ms, slots, counts

    def restore_window(self, start: int, slots: NDArray[np.int32], counts: NDArray[np.int32]) -> None:
        """Put settled counts back."""
        self._counts.restore(start // self._window_ms, slots, counts)

    def restore_newest(self, settled: int) -> None:
        """Put back the vehicles' newest readings that waited when all that is older than `settled` was counted.

        Call before `restore_waiting`: of several with one vehicle and ts that on file came first.
        """
        self.settled = settled
        vehicles = self._vehicles
        rows = np.flatnonzero((vehicles["ts"] >= settled) & (vehicles["state"] != MISSING))
        some = vehicles.table.take(rows)
        entries = np.zeros(len(rows), ENTRY)
        entries["ts"], entries["row"], entries["slot"] = some["ts"], rows, some["slot"]
        entries["stands"], entries["heard"] = STANDING[some["state"]], True
        self.add(entries)
        self._saved = self._n

    def restore_waiting(self, entries: Records) -> None:
        """Put back other readings that waited, part by part in the order in which the parts were made."""
        self.add(entries)
        self._saved = self._n

    @property
    def _waiting(self) -> Records:
        return self._entries[: self._n]

    def _count_provisionally(self) -> Pairs:
        """Count what waits as if it were settled; `take_back` ends that."""
        some = self._waiting
        return self._counts.add(some, _order(some, self._vehicles.top), self._vehicles)


def _order(entries: Records, rows: int) -> NDArray[np.integer]:
    """Return the order by (row, ts); of several with the same row and ts the one that came first is first."""
    order, start, size = (
        np.empty(len(entries), np.int32),
        np.zeros(rows + 1, np.int32),
        np.zeros(rows, np.int32),
    )
    if _put_in_order(entries, start, size, order):
        return order
    return stable_order(entries["row"], entries["ts"])


@compiled
def _part(entries: Records, saved: int, watermark: int, ready: Records) -> tuple[int, int]:
    """Put the entries that are older than the watermark into `ready`, and move the others together, all in order.

    Returns how many are ready, and how many of the first `saved` stay.
    """
    n = stay = saved_stay = 0
    for at in range(len(entries)):
        if entries[at].ts < watermark:
            ready[n] = entries[at]
            n += 1
        else:
            if stay != at:
                entries[stay] = entries[at]
            stay += 1
            saved_stay += at < saved
    return n, saved_stay


@compiled
def _not_newest(
    entries: Records, vehicles: Records, changed: NDArray[np.int8], found: NDArray[np.int32]
) -> int:
    """Set `found` to the entries that are not their vehicle's newest reading; returns how many.

    Nor is among them what came later with the same ts, and never counts. Where a vehicle is missing all are: its row
    does not tell whether that was heard.
    """
    n = 0
    for at in range(len(entries)):
        entry = entries[at]
        if not changed[entry.row] & MORE:
            continue  # its only one since the checkpoint before; of a large fleet most are
        vehicle = vehicles[entry.row]
        if not entry.heard or entry.ts != vehicle.ts or vehicle.state == MISSING:
            found[n] = at
            n += 1
    return n


@compiled
def _put_in_order(
    entries: Records, start: NDArray[np.int32], size: NDArray[np.int32], order: NDArray[np.int32]
) -> bool:
    """Set `order`; `start` (a place for each row and one more) and `size` are zero before.

    Sorted by counting the entries of each row, then within rows by insertion: those of a vehicle came almost in order.
    False where they did not, and it would take long.
    """
    patience = _PATIENCE * len(entries)
    for at in range(len(entries)):
        start[entries[at].row + 1] += 1
    for row in range(1, len(start)):
        start[row] += start[row - 1]
    for at in range(len(entries)):
        row, ts = entries[at].row, entries[at].ts
        first = start[row]
        place = first + size[row]
        size[row] += 1
        while place > first and entries[order[place - 1]].ts > ts:
            order[place] = order[place - 1]
            place -= 1
            patience -= 1
        order[place] = at
        if patience < 0:
            return False
    return True
