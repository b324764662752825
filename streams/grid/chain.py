"""Stocks over the windows of each slot: a stock at a window's end is the sum of all net changes up to it.

So an amendment of one window changes the stocks of the slot's later ones too.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping
from operator import add, sub

from streams.grid.kind import Stocks
from streams.grid.slots import BLOCK_BITS


def plus(stocks: Stocks, change: Stocks) -> Stocks:
    """Return the sum, stock by stock."""
    return tuple(map(add, stocks, change))


def minus(stocks: Stocks, change: Stocks) -> Stocks:
    """Return the difference, stock by stock."""
    return tuple(map(sub, stocks, change))


class Chain:
    """Each slot's stocks at the last closed window, and the windows in which it has a row, oldest first."""

    def __init__(self, stocks: int) -> None:
        self.standing: dict[int, Stocks] = {}
        """Of slots where there is anything."""
        self.unsaved: set[int] = set()
        """Blocks of slots whose standing changed."""
        self._empty: Stocks = (0,) * stocks
        self._starts: dict[int, list[int]] = {}

    def at_end(self, slot: int) -> Stocks:
        """Return the slot's stocks at the last closed window."""
        return self.standing.get(slot, self._empty)

    def move(self, slot: int, change: Stocks) -> Stocks:
        """Change a slot's stocks at the last closed window; returns what they are now."""
        if not self._empty:
            return ()
        self.unsaved.add(slot >> BLOCK_BITS)
        moved = plus(self.at_end(slot), change)
        if any(moved):
            self.standing[slot] = moved
        else:
            self.standing.pop(slot, None)
        return moved

    def restore(self, standing: Mapping[int, Stocks]) -> None:
        """Put the stocks of some slots back; earlier versions saved those of nothing, too."""
        self.standing |= {slot: stocks for slot, stocks in standing.items() if any(stocks)}

    def enter(self, slot: int, start: int) -> None:
        """Add a window to those of a slot; without stocks nobody asks for them."""
        if self._empty:
            insort(self._starts.setdefault(slot, []), start)

    def leave(self, slot: int, start: int) -> None:
        """Take a window away from those of a slot."""
        if self._empty:
            starts = self._starts[slot]
            starts.remove(start)
            if not starts:
                del self._starts[slot]

    def between(self, slot: int, first: int, end: int) -> list[int]:
        """Return the slot's windows that start at or after `first` and before `end`."""
        starts = self._starts.get(slot, [])
        return starts[bisect_left(starts, first) : bisect_left(starts, end)]

    def next_after(self, slot: int, start: int) -> int | None:
        """Return the slot's window that follows one that starts at `start`, if there is one."""
        starts = self._starts.get(slot, [])
        number = bisect_right(starts, start)
        return starts[number] if number < len(starts) else None
