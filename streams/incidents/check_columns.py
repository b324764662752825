"""Checks the columns of a message: all must have one length, and name cells that exist."""

from collections.abc import Callable
from typing import Any

import msgspec


def problem_of_lengths(columns: msgspec.Struct) -> str:
    """Return what is wrong where the fields of a struct, lists or None, differ in length; else nothing."""
    values = [getattr(columns, name) for name in columns.__struct_fields__]
    lengths = {len(value) for value in values if value is not None}
    if len(lengths) > 1:
        return f"columns of {', '.join(map(str, sorted(lengths)))} values; equal lengths expected"
    return ""


MOST_NAMES = 300_000
"""That a book remembers: more than a city has cells."""


class CellNames:
    """The names of cells in messages: each is looked at once, in each book; MOST_NAMES later they are forgotten."""

    def __init__(self, place: Callable[[str], object]) -> None:
        """`place` raises ValueError where a name is no cell."""
        self._place = place
        self._sound: set[str] = set()

    def problem(self, columns: Any) -> str:
        """Return what is wrong where columns differ in length, or one of `cell` is no cell; else nothing."""
        if unequal := problem_of_lengths(columns):
            return unequal
        for cell in sorted(set(columns.cell) - self._sound):
            try:
                self._place(cell)
            except ValueError:
                return f"{cell[:32]!r} is no H3 cell"
            if len(self._sound) >= MOST_NAMES:
                self._sound.clear()  # it only spares a look
            self._sound.add(cell)
        return ""
