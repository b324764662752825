"""Windows of one region: absolute counts per source and row, closing, and amending what was closed.

A row is one (window, slot); a slot is a (cell, operator). Occupancy at a window's end is the sum of all
net flows up to it, so an amendment of one row changes the occupancy of the slot's later rows too.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable

import msgspec

Counts = tuple[int, int, int, int]
"""order, readings, arrivals, departures as one source told them; order grows with (generation, offset)."""


class Row(msgspec.Struct, array_like=True, gc=False):
    """Counts of one (window, slot), summed over its sources. `revision` is -1 until it was told once."""

    by_source: dict[int, Counts]
    readings: int = 0
    arrivals: int = 0
    departures: int = 0
    occupancy: int = 0
    revision: int = -1

    @property
    def net(self) -> int:
        """Return by how many the occupancy grew in this window."""
        return self.arrivals - self.departures


class Windows:
    """All rows of one region that may still change, and each slot's occupancy at the last closed window."""

    def __init__(self, window_ms: int) -> None:
        self.window_ms = window_ms
        self.closed_before = 0
        self.forgotten_before = 0
        self.rows: dict[int, dict[int, Row]] = {}
        self.occupancy: dict[int, int] = {}
        self.unsaved: set[int] = set()
        self.occupancy_unsaved = False
        self._starts: list[int] = []
        self._timeline: dict[int, list[int]] = {}
        self._due: set[tuple[int, int]] = set()

    def put(self, source: int, order: int, start: int, slot: int, counts: tuple[int, int, int]) -> None:
        """Take in what one source says of one row; an older word than the one on file changes nothing.

        Nor does a word on a window that was forgotten: it only repeats what the table has.
        """
        if start < self.forgotten_before:
            return
        row = self._row(start, slot)
        old = row.by_source.get(source, (-1, 0, 0, 0))
        if order < old[0]:
            return
        readings, arrivals, departures = counts
        row.by_source[source] = (order, readings, arrivals, departures)
        self.unsaved.add(start)
        before = row.net
        row.readings += readings - old[1]
        row.arrivals += arrivals - old[2]
        row.departures += departures - old[3]
        if start < self.closed_before:
            self._amend(start, slot, row.net - before, changed=old[1:] != counts)

    def close(self, before: int) -> None:
        """Close every window that ends at or before `before`."""
        while self._starts_open() and self._starts[self._open_from()] + self.window_ms <= before:
            start = self._starts[self._open_from()]
            for slot, row in self.rows[start].items():
                row.occupancy = self.occupancy.get(slot, 0) + row.net
                self.occupancy[slot] = row.occupancy
                self._due.add((start, slot))
            self.closed_before = start + self.window_ms
            self.unsaved.add(start)
            self.occupancy_unsaved = True
        edge = before // self.window_ms * self.window_ms
        self.closed_before = max(self.closed_before, edge)

    def take_due(self) -> list[tuple[int, int, Row]]:
        """Return (start, slot, row) of what closed or was amended since the last call, revisions counted."""
        due = sorted(self._due)
        self._due.clear()
        taken = []
        for start, slot in due:
            row = self.rows[start][slot]
            if not row.readings and not row.net and row.revision < 0:
                continue  # a provisional count that was withdrawn before anyone heard of it
            row.revision += 1
            self.unsaved.add(start)
            taken.append((start, slot, row))
        return taken

    def forget(self, before: int) -> list[int]:
        """Drop closed windows that end at or before `before`; returns their starts.

        No source can change them any more; one with rows still to be told stays.
        """
        gone: list[int] = []
        last = min(before, self.closed_before) - self.window_ms
        if not self._starts or self._starts[0] > last:
            return gone
        due = {start for start, _ in self._due}
        while self._starts and self._starts[0] <= last and self._starts[0] not in due:
            start = self._starts.pop(0)
            for slot in self.rows.pop(start):
                line = self._timeline[slot]
                line.remove(start)
                if not line:
                    del self._timeline[slot]
            self.forgotten_before = start + self.window_ms
            self.occupancy_unsaved = True
            self.unsaved.discard(start)
            gone.append(start)
        return gone

    def newest_end(self) -> int:
        """Return the end of the newest window with a row, or 0."""
        return self._starts[-1] + self.window_ms if self._starts else 0

    def restore(self, start: int, rows: Iterable[tuple[int, Row]]) -> None:
        """Put a window's rows back."""
        for slot, row in rows:
            self._row(start, slot)
            self.rows[start][slot] = row

    def _row(self, start: int, slot: int) -> Row:
        window = self.rows.get(start)
        if window is None:
            window = self.rows[start] = {}
            insort(self._starts, start)
        row = window.get(slot)
        if row is None:
            row = window[slot] = Row({})
            insort(self._timeline.setdefault(slot, []), start)
            if start < self.closed_before:
                row.occupancy = self._occupancy_before(start, slot)
        return row

    def _amend(self, start: int, slot: int, net: int, *, changed: bool) -> None:
        if not changed:
            return
        self._due.add((start, slot))
        if not net:
            return
        line = self._timeline[slot]
        for later in line[bisect_left(line, start) : bisect_left(line, self.closed_before)]:
            row = self.rows[later][slot]
            row.occupancy += net
            self._due.add((later, slot))
            self.unsaved.add(later)
        self.occupancy[slot] = self.occupancy.get(slot, 0) + net
        self.occupancy_unsaved = True

    def _occupancy_before(self, start: int, slot: int) -> int:
        """Return the occupancy that a window inserted among closed ones starts from."""
        line = self._timeline[slot]
        later = line[bisect_left(line, start + 1) : bisect_left(line, self.closed_before)]
        return self.occupancy.get(slot, 0) - sum(self.rows[at][slot].net for at in later)

    def _open_from(self) -> int:
        return bisect_left(self._starts, self.closed_before)

    def _starts_open(self) -> bool:
        return self._open_from() < len(self._starts)
