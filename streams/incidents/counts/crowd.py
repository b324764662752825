"""Where vehicles stand in one region: by cell, and by position in cells on the edge of geographies.

The fleet stage counts vehicles in cells on the edge by position; such a count is a part of the cell, summed over all
sources. The rest of a cell's vehicles belongs to sources that have not told positions (yet, or not for these areas),
and counts by the centre of the cell. Counts by cell and by position arrive separately, so either may be ahead of the
other for a moment; a rest below zero counts as none. Before anything is decided by counts, `unsettled` is asked
(transit.py). Where rules ask for types of vehicles, each part has the vehicles of one type; the types of the rest are
not known.
"""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from streams.incidents.counts.rules import NONE, ByOperator, Counts, Place

Move = tuple[Place, str, Counts, Counts]
"""A place, an operator, and its counts there before and after."""


class Crowd:
    """Counts by operator: `cells` by cell, of others to keep; those by position are kept here."""

    def __init__(self) -> None:
        self.cells: dict[str, ByOperator] = {}
        self._parts: dict[str, dict[str, dict[Place, Counts]]] = {}
        self.unsettled: dict[tuple[str, str], Counts] = {}
        """By cell and operator, where the two ways disagree: counts of the cell less those by position."""

    def cell_moved(self, cell: str, operator: str, before: Counts, after: Counts) -> Iterator[Move]:
        """Yield what moves as the counts of an operator in a cell change."""
        told = self._told(cell, operator)
        self._compare(cell, operator, after, told)
        yield Place(cell), operator, _rest(before, told), _rest(after, told)

    def part_moved(self, place: Place, operator: str, before: Counts, after: Counts) -> Iterator[Move]:
        """Take the counts by position of a place from one to another; yield what moves."""
        cell = place.cell
        total, told = self.cells.get(cell, {}).get(operator, NONE), self._told(cell, operator)
        parts = self._parts.setdefault(cell, {}).setdefault(operator, {})
        parts[place] = after
        if after == NONE:
            del parts[place]
        now = self._told(cell, operator)
        self._compare(cell, operator, total, now)
        yield place, operator, before, after
        yield Place(cell), operator, _rest(total, told), _rest(total, now)

    def compare_all(self) -> None:
        """Find out what is unsettled: cells may have moved unseen."""
        for cell, by_operator in self._parts.items():
            for operator in by_operator:
                total = self.cells.get(cell, {}).get(operator, NONE)
                self._compare(cell, operator, total, self._told(cell, operator))

    def _compare(self, cell: str, operator: str, total: Counts, told: Counts) -> None:
        if total == told:
            self.unsettled.pop((cell, operator), None)
        elif operator in self._parts.get(cell, {}):
            a, b, c, d, e = (one - other for one, other in zip(total, told, strict=True))
            self.unsettled[cell, operator] = a, b, c, d, e

    def places(self, cell: str, operator: str) -> Iterable[Place]:
        """Return where in a cell vehicles of an operator are by position."""
        return self._parts.get(cell, {}).get(operator, {})

    def all(self, cells: AbstractSet[str]) -> Iterator[tuple[Place, str, Counts]]:
        """Yield all counts of these cells, and of every part of a cell."""
        for cell in (cells & self.cells.keys()) | self._parts.keys():
            for operator, counts in self.cells.get(cell, {}).items():
                yield Place(cell), operator, _rest(counts, self._told(cell, operator))
        yield from self.parts()

    def parts(self) -> Iterator[tuple[Place, str, Counts]]:
        """Yield all counts by position."""
        for by_operator in self._parts.values():
            for operator, parts in by_operator.items():
                for place, counts in parts.items():
                    yield place, operator, counts

    def _told(self, cell: str, operator: str) -> Counts:
        """Return how many vehicles of a cell were counted by position."""
        parts = self._parts.get(cell, {}).get(operator)
        return NONE if not parts else added(*parts.values())


def added(*counts: Counts) -> Counts:
    """Return the sum of counts."""
    a, b, c, d, e = (sum(state) for state in zip(NONE, *counts, strict=True))
    return a, b, c, d, e


def _rest(total: Counts, told: Counts) -> Counts:
    if told == NONE:
        return total
    a, b, c, d, e = (max(0, one - other) for one, other in zip(total, told, strict=True))
    return a, b, c, d, e
