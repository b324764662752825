"""Event-time windows of one partition: readings, arrivals and departures per (window, slot).

Readings wait here until the watermark has passed them. Then they are sorted by (vehicle, ts), repeats
of the same (vehicle, ts) fall away, and each change of the slot where a vehicle stands is one
departure and one arrival in the window of the later reading. So the counts are a function of the set of
readings, whatever order within the allowed lateness they came in. What still waits is counted
provisionally whenever the counts are read:

    watermark ------------------v
    settled (counted for good)  |  waiting (sorted anew at each look)
    --------------------------- | --x---x-x----x--> event time

A provisional count may be withdrawn when a reading comes in between. Whoever listens must hear of that
even if this process dies meanwhile, so a count that is only provisional is told one checkpoint after it
was first seen: by then the checkpoint holds the waiting readings it came from, and the next owner
finds the same (window, slot) pairs in them and tells their counts again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.arrays import stable_order
from streams.fleet.counts import ARRIVALS, DEPARTURES, READINGS, Keys, PairCounts, pack, unpack
from streams.fleet.vehicles import NOWHERE, Vehicles


@dataclass(frozen=True, slots=True)
class Entries:
    """Readings as the windows see them. `slot` is where the vehicle was; `stands` whether it stood there.

    `heard` is false for what no one reported: that a silent vehicle is counted as missing from now on.
    """

    row: NDArray[np.int32]
    ts: NDArray[np.int64]
    slot: NDArray[np.int32]
    stands: NDArray[np.bool_]
    heard: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.row)

    def select(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> "Entries":
        """Return the entries at `index`, in that order."""
        return Entries(
            self.row[index], self.ts[index], self.slot[index], self.stands[index], self.heard[index]
        )


NONE = Entries(
    np.empty(0, np.int32),
    np.empty(0, np.int64),
    np.empty(0, np.int32),
    np.empty(0, np.bool_),
    np.empty(0, np.bool_),
)


@dataclass(frozen=True, slots=True)
class WindowRows:
    """Absolute counts, columns of equal length."""

    window_start: NDArray[np.int64]
    slot: NDArray[np.int32]
    counts: NDArray[np.int32]  # shape (n, 3): readings, arrivals, departures


class Flows:
    """Windows of `window_ms` of one partition."""

    def __init__(self, vehicles: Vehicles, window_ms: int) -> None:
        self._vehicles = vehicles
        self._window_ms = window_ms
        self._waiting: list[Entries] = []
        self._fresh: list[Entries] = []
        self._counts = PairCounts()
        self._provisional: Keys | None = None
        self._touched = False

    def add(self, entries: Entries) -> None:
        """Take readings in; they wait until `settle` passes them."""
        self._waiting.append(entries)
        self._fresh.append(entries)
        self._touched = True

    def settle(self, watermark: int) -> None:
        """Count what is older than the watermark for good, and move the vehicles' settled slots on."""
        waiting = _joined(self._waiting)
        done = waiting.ts < watermark
        if not done.any():
            self._waiting = [waiting] if len(waiting) else []
            return
        ready = _in_order(waiting.select(done))
        stood, stands_now = _transitions(ready, self._vehicles.settled)
        self._count(ready, stood, stands_now, +1, settled=True)
        moved = stood != stands_now
        last = _last_of_each(ready.row)
        self._vehicles.settled[ready.row[last]] = stands_now[last]
        self._vehicles.changed[ready.row[moved]] = True
        rest = waiting.select(~done)
        self._waiting = [rest] if len(rest) else []

    def take_rows(self) -> WindowRows | None:
        """Return the counts that changed since the last call, what waits included. Call at checkpoints only."""
        if not self._touched and self._provisional is None:
            return None
        self._touched = False
        if self._provisional is not None:
            self._counts.mark(self._provisional)
        with self._waiting_counted() as self._provisional:
            keys, counts = self._counts.take_changed()
        window, slot = unpack(keys)
        return WindowRows(window * self._window_ms, slot, counts) if len(keys) else None

    def resume(self) -> None:
        """Take up where the checkpoint left off: all counts are to be told again, withdrawn ones too."""
        self._touched = True
        with self._waiting_counted() as self._provisional:
            self._counts.tell_all_again()  # here, so that pairs which only waiting readings touch are among them

    def forget(self, before: int) -> list[int]:
        """Drop the windows that end at or before `before`; returns the starts of those that were saved.

        Their counts are final and told.
        """
        return [number * self._window_ms for number in self._counts.forget(before // self._window_ms)]

    def take_fresh(self, watermark: int) -> Entries:
        """Return what came in since the last call and still waits at this watermark: the checkpoint's news."""
        fresh = _joined(self._fresh)
        self._fresh = []
        return fresh.select(fresh.ts >= watermark)

    def take_unsaved(self) -> Iterator[tuple[int, NDArray[np.int32], NDArray[np.int32]]]:
        """Yield (window start, slots, counts) of the settled counts that changed since the last call."""
        for number, slots, counts in self._counts.take_unsaved():
            yield number * self._window_ms, slots, counts

    def restore_window(self, start: int, slots: NDArray[np.int32], counts: NDArray[np.int32]) -> None:
        """Put settled counts back."""
        self._counts.restore(start // self._window_ms, slots, counts)

    def restore_waiting(self, entries: Entries) -> None:
        """Put back readings that waited."""
        if len(entries):
            self._waiting.append(entries)

    @contextmanager
    def _waiting_counted(self) -> Iterator[Keys | None]:
        """Count what waits as if it were settled, for as long as the context lasts; gives the pairs concerned."""
        waiting = _in_order(_joined(self._waiting))
        stood, stands_now = _transitions(waiting, self._vehicles.settled)
        yield self._count(waiting, stood, stands_now, +1, settled=False)
        self._count(waiting, stood, stands_now, -1, settled=False)

    def _count(
        self,
        entries: Entries,
        stood: NDArray[np.int32],
        stands_now: NDArray[np.int32],
        sign: int,
        *,
        settled: bool,
    ) -> Keys | None:
        """Add sign to the counters of the entries; returns the pairs concerned."""
        if not len(entries):
            return None
        window = entries.ts // self._window_ms
        moved = stood != stands_now
        left, came = moved & (stood != NOWHERE), moved & (stands_now != NOWHERE)
        heard = entries.heard
        keys = (
            pack(window[heard], entries.slot[heard]),
            pack(window[came], stands_now[came]),
            pack(window[left], stood[left]),
        )
        column = np.repeat(np.array([READINGS, ARRIVALS, DEPARTURES], np.int8), [len(key) for key in keys])
        return self._counts.add(np.concatenate(keys), column, sign, settled=settled)


def _joined(parts: list[Entries]) -> Entries:
    if not parts:
        return NONE
    if len(parts) == 1:
        return parts[0]
    return Entries(
        np.concatenate([part.row for part in parts]),
        np.concatenate([part.ts for part in parts]),
        np.concatenate([part.slot for part in parts]),
        np.concatenate([part.stands for part in parts]),
        np.concatenate([part.heard for part in parts]),
    )


def _in_order(entries: Entries) -> Entries:
    """Sort by (row, ts); of several with the same row and ts the one that came first stays."""
    if not len(entries):
        return entries
    entries = entries.select(stable_order(entries.row, entries.ts))
    keep = np.ones(len(entries), np.bool_)
    keep[1:] = (entries.row[1:] != entries.row[:-1]) | (entries.ts[1:] != entries.ts[:-1])
    return entries if keep.all() else entries.select(keep)


def _last_of_each(row: NDArray[np.int32]) -> NDArray[np.bool_]:
    last = np.ones(len(row), np.bool_)
    last[:-1] = row[1:] != row[:-1]
    return last


def _transitions(entries: Entries, settled: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return, for sorted entries, the slot where the vehicle stood before and where it stands after each."""
    after = np.where(entries.stands, entries.slot, np.int32(NOWHERE))
    before = np.empty_like(after)
    before[1:] = after[:-1]
    first = np.ones(len(entries), np.bool_)
    first[1:] = entries.row[1:] != entries.row[:-1]
    before[first] = settled[entries.row[first]]
    return before, after
