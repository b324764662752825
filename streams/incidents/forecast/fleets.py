"""The fleet of each operator in a region, as far as it was heard of: vehicles that are new to it are no inflow.

Parked vehicles report every few minutes, or once an hour. When an operator is new, each of its vehicles seems to arrive
with its first report, in the cell where it stood all along. That looks like a crowd: of 300 cells with 4,299 vehicles
that report every five minutes, 75 were forecast to fill, and none did. The region tells the two apart. A bike of a
crowd left another cell of the region, so the region holds no more vehicles than before; with new ones it does.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Self

import msgspec

FEW = 10
"""Up to this many new vehicles in a window are no fleet that is heard of for the first time: a lorry brought them."""
SHARE = 50
"""Nor is up to a fiftieth of the fleet. A new fleet that reports once an hour grows faster during most of that hour."""


class Fleet(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """What is saved of one operator in one region.

    most        the most of its vehicles that ever stood there at the end of a window
    known_from  start of the first window whose arrivals count (ms)
    late        by how many more stand there according to what was told late, since a window was last told to its end
    """

    most: int = 0
    known_from: int = 0
    late: int = 0


class Fleets:
    """The fleets of one region. How many vehicles stand there is what its cells say, and not saved again."""

    def __init__(self, saved: dict[str, Fleet]) -> None:
        """`saved` is what is stored with the region, by operator; it is changed in place."""
        self.saved = saved
        self._standing = Counter[str]()

    @classmethod
    def of(cls, saved: dict[str, Fleet], cells: Iterable[Mapping[str, int]]) -> Self:
        """Return those of cells in which so many vehicles stand, by operator.

        An earlier version saved no fleets: those that stand there are taken as known.
        """
        fleets = cls(saved)
        for standing in cells:
            fleets._standing.update(standing)
        for operator, most in fleets._standing.items():
            saved.setdefault(operator, Fleet(most))
        return fleets

    def stand(self, operator: str, more: int, amended_at: int | None = None) -> bool:
        """Take in that more vehicles stand in a cell (or fewer); returns whether what is saved changed.

        `amended_at`: end of the newest window that was told, where the news is of that or of one before. What was
        told late makes nobody unknown who was known. Who went from one cell to another is told of in two rows, so
        only the end of a window says how many there are.
        """
        fleet = self.saved.get(operator)
        if first := fleet is None:
            fleet = self.saved[operator] = Fleet(known_from=amended_at or 0)
        self._standing[operator] += more
        if amended_at is None or not more:
            return first
        fleet.late += more
        return True

    def close(self, ended_at: int) -> None:
        """Take in that a window was told to its end: who grew by more than is usual is known only from then on."""
        for operator, fleet in self.saved.items():
            new = self._new(operator)
            if new - max(0, fleet.late) > max(FEW, fleet.most // SHARE):
                fleet.known_from = ended_at
            fleet.most += new
            fleet.late = 0

    def known_from(self, operators: Iterable[str]) -> int:
        """Return the start of the first window whose arrivals count in a cell where these operators are."""
        return max((self.saved[operator].known_from for operator in operators), default=0)

    def _new(self, operator: str) -> int:
        """Return by how many there are more than there ever were."""
        return max(0, self._standing[operator] - self.saved[operator].most)
