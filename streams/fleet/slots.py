"""Dense numbers for what one partition counts: slots = (cell, operator) pairs.

Everything a reading touches is an array indexed by these numbers; a table is asked only when a vehicle
enters another cell.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.columnar.arrays import grown
from streams.columnar.ids import Ids, named
from streams.columnar.json_text import patterns_of
from streams.fleet import json_columns
from streams.fleet.cells import Cells
from streams.fold.frames import is_id

OPERATOR_BITS = 20
_OPERATOR_MASK = (1 << OPERATOR_BITS) - 1


class Slots:
    """Operators and slots seen so far, each with a dense number from 0 upwards."""

    def __init__(self, cells: Cells) -> None:
        self.cells = cells
        self._operator_number: dict[str, int] = {}
        self.operator_patterns = patterns_of([])
        self.numbers = Ids()  # of cell number << 20 | operator number
        self._count = 0
        self.operators: list[str] = []
        self.regions: set[int] = set()
        """Numbers of those that this partition has met; see also streams/fold/regions.py."""
        self._operator_names = np.zeros(0, "S1")
        self.cell_of = np.zeros(1024, np.int32)
        self.operator_of = np.zeros(1024, np.int32)

    def __len__(self) -> int:
        return self._count

    def operator(self, name: str) -> int:
        """Return the number of an operator."""
        number = self._operator_number.get(name)
        if number is None:
            number = self._operator_number[name] = len(self.operators)
            self.operators.append(name)
            self.operator_patterns = patterns_of(self.operators)
            self._operator_names = np.array(self.operators, np.bytes_)
        return number

    def operator_numbers(self, names: Sequence[str]) -> NDArray[np.int32]:
        """Return the number of each name; -1 for one that is no id."""
        try:
            return np.fromiter(map(self._operator_number.__getitem__, names), np.int32, len(names))
        except KeyError:
            return np.array([self.operator(name) if is_id(name) else -1 for name in names], np.int32)

    def slot(self, cell: int, operator: int) -> int:
        """Return the number of the slot of a cell (H3 index) and an operator (number)."""
        return int(self.slots_of([cell], np.array([operator], np.int32))[0])

    def slots_of(self, cells: Sequence[int], operator: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the slot of each cell (H3 index) with its operator (number)."""
        return self._slots(self.cells.numbers_of(cells), operator)

    def reserve(self, more: int) -> None:
        """Make room for so many more slots."""
        self.numbers.reserve(more, self._count + more)
        self.cell_of = grown(self.cell_of, self._count + more)
        self.operator_of = grown(self.operator_of, self._count + more)

    def were_added(self, count: int) -> None:
        """Hear that there are `count` slots now."""
        if count > self._count:
            self.regions.update(self.cells.region[self.cell_of[self._count : count]].tolist())
            self._count = count

    def h3_of(self, slot: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the cells (H3 indexes) of slots."""
        cells: NDArray[np.int64] = self.cells.h3.take(self.cell_of.take(slot))
        return cells

    def region_of(self, slot: NDArray[np.integer]) -> NDArray[np.int32]:
        """Return the regions (numbers) of slots."""
        regions: NDArray[np.int32] = self.cells.region.take(self.cell_of.take(slot))
        return regions

    def names(self, slot: NDArray[np.integer]) -> tuple[list[str], list[str]]:
        """Return the cells (hex) and the operators of slots."""
        cells: list[str] = self.cells.hex[self.cell_of[slot]].astype(np.str_).tolist()
        return cells, [self.operators[number] for number in self.operator_of[slot].tolist()]

    def json(self, slot: NDArray[np.integer]) -> tuple[msgspec.Raw, msgspec.Raw]:
        """Return the same as columns in JSON."""
        return (
            json_columns.texts(self.cells.hex, self.cell_of[slot]),
            json_columns.texts(self._operator_names, self.operator_of[slot]),
        )

    def _slots(self, cell: NDArray[np.int64], operator: NDArray[np.int32]) -> NDArray[np.int32]:
        keys = cell << OPERATOR_BITS | operator
        slots = self.numbers.find(named(keys))
        unknown = slots < 0
        if unknown.any():
            fresh = np.unique(keys[unknown])
            start, end = self._count, self._count + len(fresh)
            self.reserve(len(fresh))
            self.numbers.put(named(fresh), np.arange(start, end))
            self.cell_of[start:end] = fresh >> OPERATOR_BITS
            self.operator_of[start:end] = fresh & _OPERATOR_MASK
            self.were_added(end)
            slots = self.numbers.find(named(keys))
        return slots.astype(np.int32)
