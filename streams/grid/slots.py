"""Numbers of the slots of one kind in one region: a slot is a (cell, name).

A number is kept for good and saved, so that whatever is saved of a slot names it by its number. Saved parts hold
blocks of slots: what changes often is not written together with what does not.
"""

from collections.abc import Iterable, Sequence
from itertools import repeat

BLOCK_BITS = 10
BLOCK = 1 << BLOCK_BITS
"""Slots of one block."""
Key = tuple[str, str]
"""Cell, and what tells the slots of one cell apart: operator, metric or service code."""


def slots_of(block: int) -> range:
    """Return the numbers of the slots of a block."""
    return range(block << BLOCK_BITS, (block + 1) << BLOCK_BITS)


class Slots:
    """Slots by number, and numbers by slot."""

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self._number: dict[Key, int] = {}
        self._saved = 0

    def numbers(self, cells: Sequence[str], names: Sequence[str]) -> list[int]:
        """Return the number of each slot; one met for the first time gets the next."""
        numbers = [*map(self._number.get, zip(cells, names, strict=True), repeat(-1))]
        if -1 in numbers:
            numbers = [*map(self._number_of, zip(cells, names, strict=True))]
        return numbers

    def _number_of(self, key: Key) -> int:
        found = self._number.get(key)
        if found is None:
            found = self._number[key] = len(self.keys)
            self.keys.append(key)
        return found

    def take_unsaved(self) -> dict[int, list[Key]]:
        """Return the blocks with slots that are new since the last call."""
        first, self._saved = self._saved, len(self.keys)
        starts = range(first - first % BLOCK, len(self.keys), BLOCK) if first < len(self.keys) else ()
        return {start >> BLOCK_BITS: self.keys[start : start + BLOCK] for start in starts}

    def restore(self, keys: Iterable[Key]) -> None:
        """Put the slots of the next block back."""
        for key in keys:
            self._number_of(key)
        self._saved = len(self.keys)
