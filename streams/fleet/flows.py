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

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.arrays import grown
from streams.fleet.vehicles import NOWHERE, Vehicles

READINGS, ARRIVALS, DEPARTURES = 0, 1, 2
UNKNOWN = -1
"""What the listener holds may be anything: no count equals it."""


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


class _Window:
    """Counts of one window by slot, and which of them are to be told."""

    __slots__ = ("counts", "dirty", "told", "unsaved")

    def __init__(self) -> None:
        self.counts = np.zeros((1024, 3), np.int32)
        self.told = np.zeros((1024, 3), np.int32)
        self.dirty = np.zeros(1024, np.bool_)
        self.unsaved = False

    def reserve(self, size: int) -> None:
        self.counts = grown(self.counts, size)
        self.told = grown(self.told, size)
        self.dirty = grown(self.dirty, size)


class Flows:
    """Windows of `window_ms` of one partition."""

    def __init__(self, vehicles: Vehicles, window_ms: int) -> None:
        self._vehicles = vehicles
        self._window_ms = window_ms
        self._waiting: list[Entries] = []
        self._fresh: list[Entries] = []
        self._windows: dict[int, _Window] = {}
        self._provisional: list[tuple[int, NDArray[np.int32]]] = []
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
        if not self._touched and not self._provisional:
            return None
        self._touched = False
        for start, slots in self._provisional:
            if start in self._windows:
                self._windows[start].dirty[slots] = True
        waiting = _in_order(_joined(self._waiting))
        stood, stands_now = _transitions(waiting, self._vehicles.settled)
        self._provisional = self._count(waiting, stood, stands_now, +1, settled=False)
        rows = self._changed_rows()
        self._count(waiting, stood, stands_now, -1, settled=False)
        return rows

    def _changed_rows(self) -> WindowRows | None:
        found = []
        for start, window in sorted(self._windows.items()):
            slots = np.flatnonzero(window.dirty)
            window.dirty[slots] = False
            slots = slots[(window.counts[slots] != window.told[slots]).any(axis=1)].astype(np.int32)
            if len(slots):
                window.told[slots] = window.counts[slots]
                found.append((np.full(len(slots), start, np.int64), slots, window.counts[slots]))
        return WindowRows(*map(np.concatenate, zip(*found, strict=True))) if found else None

    def resume(self) -> None:
        """Take up where the checkpoint left off: all counts are to be told again, withdrawn ones too."""
        self._touched = True
        waiting = _in_order(_joined(self._waiting))
        stood, stands_now = _transitions(waiting, self._vehicles.settled)
        self._provisional = self._count(waiting, stood, stands_now, +1, settled=False)
        self._count(waiting, stood, stands_now, -1, settled=False)
        for window in self._windows.values():
            window.dirty[:] = window.counts.any(axis=1)
            window.told[:] = UNKNOWN

    def forget(self, before: int) -> list[int]:
        """Drop the windows that end before `before`; returns their starts. Their counts are final and told."""
        gone = [start for start in self._windows if start + self._window_ms <= before]
        for start in gone:
            del self._windows[start]
        return gone

    def take_fresh(self, watermark: int) -> Entries:
        """Return what came in since the last call and still waits at this watermark: the checkpoint's news."""
        fresh = _joined(self._fresh)
        self._fresh = []
        return fresh.select(fresh.ts >= watermark)

    def take_unsaved(self) -> dict[int, tuple[NDArray[np.int32], NDArray[np.int32]]]:
        """Return {window start: (slots, counts)} of the settled counts that changed since the last call."""
        unsaved = {}
        for start, window in self._windows.items():
            if window.unsaved:
                window.unsaved = False
                slots = np.flatnonzero(window.counts.any(axis=1)).astype(np.int32)
                unsaved[start] = (slots, window.counts[slots])
        return unsaved

    def restore_window(self, start: int, slots: NDArray[np.int32], counts: NDArray[np.int32]) -> None:
        """Put settled counts back."""
        window = self._window(start, int(slots.max(initial=0)) + 1)
        window.counts[slots] = counts
        window.unsaved = False

    def restore_waiting(self, entries: Entries) -> None:
        """Put back readings that waited."""
        if len(entries):
            self._waiting.append(entries)
            self._touched = True

    def _window(self, start: int, size: int) -> _Window:
        window = self._windows.get(start)
        if window is None:
            window = self._windows[start] = _Window()
        window.reserve(size)
        return window

    def _count(
        self,
        entries: Entries,
        stood: NDArray[np.int32],
        stands_now: NDArray[np.int32],
        sign: int,
        *,
        settled: bool,
    ) -> list[tuple[int, NDArray[np.int32]]]:
        """Add sign to the counters of the entries; returns the (window, slots) touched."""
        if not len(entries):
            return []
        touched = []
        start = entries.ts // self._window_ms * self._window_ms
        moved = stood != stands_now
        left, came = moved & (stood != NOWHERE), moved & (stands_now != NOWHERE)
        size = int(max(entries.slot.max(), stood.max())) + 1
        for window_start in np.unique(start).tolist():
            here = start == window_start
            window = self._window(window_start, size)
            window.unsaved |= settled
            for column, slots in (
                (READINGS, entries.slot[here & entries.heard]),
                (ARRIVALS, stands_now[here & came]),
                (DEPARTURES, stood[here & left]),
            ):
                np.add.at(window.counts[:, column], slots, sign)
                window.dirty[slots] |= settled
                if len(slots):
                    touched.append((window_start, slots))
        return touched


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
    entries = entries.select(np.lexsort((entries.ts, entries.row)))  # lexsort is stable
    keep = np.ones(len(entries), np.bool_)
    keep[1:] = (np.diff(entries.row) != 0) | (np.diff(entries.ts) != 0)
    return entries.select(keep)


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
