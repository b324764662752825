"""Owners of sensors, numbered in the order in which they were heard of."""

import numpy as np
from numpy.typing import NDArray

from streams.columnar.json_text import patterns_of
from streams.fold.frames import UNKNOWN, is_id

_READ_QUICKLY = 256
"""Owners that frames are searched for, one after the other; frames of later ones are read in the general way."""


class Owners:
    """`names[number]`, and the first of them as they stand in JSON."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.patterns = patterns_of([])
        self._number: dict[str, int] = {}

    def number(self, name: str) -> int:
        """Return the number of an owner, UNKNOWN where the name is no id."""
        number = self._number.get(name, UNKNOWN)
        if number == UNKNOWN and is_id(name):
            number = self._number[name] = len(self.names)
            self.names.append(name)
            if number < _READ_QUICKLY:
                self.patterns = patterns_of(self.names)
        return number

    def numbers(self, column: NDArray[np.int32] | str | list[str], n: int) -> NDArray[np.int32]:
        """Return the numbers of a column of n owners: numbers already, names, or the name of all."""
        if isinstance(column, np.ndarray):
            return column
        if isinstance(column, str):
            return np.full(n, self.number(column), np.int32)
        try:
            return np.fromiter(map(self._number.__getitem__, column), np.int32, n)
        except KeyError:
            return np.array([self.number(name) for name in column], np.int32)
