"""Numbers of the slots of one kind in one region: a slot is a (cell, name).

A number is kept and saved, so that whatever is saved of a slot names it by its number. Saved parts hold blocks of
slots: what changes often is not written together with what does not.

Names may be ever new ones, as service codes are: a slot of which nothing is known any more gives its number to another.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import repeat

BLOCK_BITS = 10
BLOCK = 1 << BLOCK_BITS
"""Slots of one block."""
FEW = 4 * BLOCK
"""So many slots, and twice those that were needed when it was looked last, are kept without another look."""
Key = tuple[str, str]
"""Cell, and what tells the slots of one cell apart: operator, metric or service code."""
FREE: Key = ("", "")
"""The key of a number that no slot has; saved as None."""


def slots_of(block: int) -> range:
    """Return the numbers of the slots of a block."""
    return range(block << BLOCK_BITS, (block + 1) << BLOCK_BITS)


class Slots:
    """Slots by number, and numbers by slot."""

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self._number: dict[Key, int] = {}
        self._free: list[int] = []
        """The least last."""
        self._unsaved: set[int] = set()
        """Blocks."""
        self._enough = FEW

    def numbers(self, cells: Sequence[str], names: Sequence[str]) -> list[int]:
        """Return the number of each slot; one that has none gets the least that is free."""
        numbers = [*map(self._number.get, zip(cells, names, strict=True), repeat(-1))]
        if -1 in numbers:
            numbers = [*map(self._number_of, zip(cells, names, strict=True))]
        return numbers

    def _number_of(self, key: Key) -> int:
        found = self._number.get(key)
        if found is None:
            if not self._free:
                self._free.append(len(self.keys))
                self.keys.append(FREE)
            found = self._number[key] = self._free.pop()
            self.keys[found] = key
            self._unsaved.add(found >> BLOCK_BITS)
        return found

    @property
    def are_many(self) -> bool:
        """Whether it is time to look which of them are needed: `keep_only`."""
        return len(self._number) > self._enough

    def keep_only(self, needed: AbstractSet[int]) -> None:
        """Give the numbers of all other slots to those that come."""
        for number, key in enumerate(self.keys):
            if key != FREE and number not in needed:
                del self._number[key]
                self.keys[number] = FREE
                self._free.append(number)
                self._unsaved.add(number >> BLOCK_BITS)
        self._free.sort(reverse=True)
        self._enough = max(FEW, 2 * len(self._number))

    def take_unsaved(self) -> dict[int, list[Key | None]]:
        """Return the blocks that changed since the last call; None: the number is free."""
        unsaved, self._unsaved = sorted(self._unsaved), set()
        return {
            block: [None if key == FREE else key for key in self.keys[slice(*_ends(block))]]
            for block in unsaved
        }

    def restore(self, keys: Iterable[Key | None]) -> None:
        """Put the slots of the next block back."""
        free = []
        for number, key in enumerate(keys, len(self.keys)):
            self.keys.append(key or FREE)
            if key is None:
                free.append(number)
            else:
                self._number[key] = number
        self._free = free[::-1] + self._free


def _ends(block: int) -> tuple[int, int]:
    return block << BLOCK_BITS, (block + 1) << BLOCK_BITS
