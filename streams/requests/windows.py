"""Counts of tumbling event-time windows of one partition, by (window, cell, service_code)."""

from collections.abc import Iterable, Iterator

from streams.requests.life import COLUMNS, TOOK, Change

Pair = tuple[int, str]
"""Cell (H3 index) and service_code."""


class Tally:
    """Counts of one pair in one window; `took` has how often a time to close occurred, milliseconds."""

    __slots__ = ("counts", "took")

    def __init__(self, counts: list[int] | None = None, took: dict[int, int] | None = None) -> None:
        self.counts = counts or [0] * len(COLUMNS)
        self.took = took or {}

    def add(self, column: int, took_ms: int, amount: int) -> None:
        """Add to a column of streams/requests/life.py."""
        if column != TOOK:
            self.counts[column] += amount
            return
        count = self.took.get(took_ms, 0) + amount
        if count:
            self.took[took_ms] = count
        else:
            del self.took[took_ms]


class Windows:
    """The windows that may still change, and what of them is to be told and saved."""

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self._windows: dict[int, dict[Pair, Tally]] = {}
        self._touched: dict[int, set[Pair]] = {}
        self._unsaved: set[int] = set()
        self._saved: set[int] = set()

    def add(self, changes: Iterable[Change]) -> None:
        """Count changes in."""
        at, tally = None, None
        for change in changes:
            where = change.ts, change.cell, change.service_code
            if tally is None or where != at:  # what one event changes mostly lies in one place
                at, tally = where, self._tally(*where)
            tally.add(change.column, change.took_ms, change.amount)

    def _tally(self, ts: int, cell: int, service_code: str) -> Tally:
        """Return the counts at a place and a time, which are about to change."""
        start, pair = ts - ts % self._window_ms, (cell, service_code)
        window = self._windows.get(start)
        if window is None:
            window = self._windows[start] = {}
        tally = window.get(pair)
        if tally is None:
            tally = window[pair] = Tally()
        self._touched.setdefault(start, set()).add(pair)
        self._unsaved.add(start)
        return tally

    def take_touched(self) -> list[tuple[int, Pair, Tally]]:
        """Return (window start, pair, tally) of what was touched since the last call, in order.

        What is back at zero is among them: whoever listens may have heard of another count.
        """
        touched, self._touched = self._touched, {}
        found = []
        for start in sorted(touched):
            window = self._windows[start]
            found += [(start, pair, window[pair]) for pair in sorted(touched[start])]
        return found

    def forget(self, before: int) -> list[int]:
        """Drop the windows that end at or before `before`; returns the starts of those that were saved.

        They were told, and no event that is accepted can change them.
        """
        gone = [start for start in self._windows if start + self._window_ms <= before]
        for start in gone:
            del self._windows[start]
        self._unsaved.difference_update(gone)
        saved = sorted(self._saved.intersection(gone))
        self._saved.difference_update(gone)
        return saved

    def take_unsaved(self) -> Iterator[tuple[int, dict[Pair, Tally]]]:
        """Yield (window start, tallies) of the windows that changed since the last call."""
        for start in sorted(self._unsaved):
            yield start, self._windows[start]
        self._saved |= self._unsaved
        self._unsaved = set()

    def restore(self, start: int, tallies: dict[Pair, Tally]) -> None:
        """Put a saved window back; it is told again, for whoever listens may hold anything."""
        self._windows[start] = tallies
        self._touched[start] = set(tallies)
        self._saved.add(start)
