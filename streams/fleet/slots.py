"""Dense numbers for what the fleet counts: cells, operators, and slots = (cell, operator) pairs.

Everything a reading touches is an array indexed by these numbers; a dict is asked only when a vehicle
enters another cell.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from streams.arrays import grown
from streams.fleet.columns import is_id


class Footprint(Protocol):
    """What surely lies inside a cell; see streams/grid/locate.py."""

    @property
    def lat(self) -> float:
        """Latitude of the centre, degrees."""
        ...

    @property
    def lon(self) -> float:
        """Longitude of the centre, degrees."""
        ...

    @property
    def lon_m(self) -> float:
        """Metres per degree of longitude at the centre."""
        ...

    @property
    def radius_m(self) -> float:
        """Radius of the circle in metres; 0 where none is sure."""
        ...

    @property
    def edges(self) -> tuple[tuple[float, float, float], ...]:
        """Six half-planes a x + b y < c, in metres from the centre."""
        ...


class Locator(Protocol):
    """What the fleet asks of the grid's geometry."""

    def cells(self, lat: Sequence[float], lon: Sequence[float]) -> list[int]:
        """Return the H3 index of each position."""
        ...

    def region(self, cell: int) -> str:
        """Return the region of a cell."""
        ...

    def footprint(self, cell: int) -> Footprint:
        """Return the footprint of a cell."""
        ...


class Slots:
    """Cells, operators and slots seen so far, each with a dense number from 0 upwards."""

    def __init__(self, locator: Locator) -> None:
        self._locator = locator
        self._cell_number: dict[int, int] = {}
        self._operator_number: dict[str, int] = {}
        self._region_number: dict[str, int] = {}
        self._slot_number: dict[tuple[int, int], int] = {}
        self.cells: list[int] = []
        self.cell_hex: list[str] = []
        self.operators: list[str] = []
        self.regions: list[str] = []
        # By cell number: centre and circle (degrees, degrees, metres per degree, metres squared), and edges.
        self._circle = [np.zeros(1024) for _ in range(4)]
        self._edges = np.zeros((1024, 3, 6))
        # By slot number.
        self.cell_of = np.zeros(1024, np.int32)
        self.operator_of = np.zeros(1024, np.int32)
        self.region_of = np.zeros(1024, np.int32)

    def __len__(self) -> int:
        return len(self._slot_number)

    def operator(self, name: str) -> int:
        """Return the number of an operator."""
        number = self._operator_number.get(name)
        if number is None:
            number = self._operator_number[name] = len(self.operators)
            self.operators.append(name)
        return number

    def operator_numbers(self, names: list[str]) -> NDArray[np.int32]:
        """Return the number of each name; -1 for one that is no id."""
        try:
            return np.fromiter(map(self._operator_number.__getitem__, names), np.int32, len(names))
        except KeyError:
            return np.array([self.operator(name) if is_id(name) else -1 for name in names], np.int32)

    def cell(self, cell: int) -> int:
        """Return the number of a cell."""
        number = self._cell_number.get(cell)
        if number is None:
            number = self._cell_number[cell] = len(self.cells)
            self.cells.append(cell)
            self.cell_hex.append(f"{cell:x}")
            print_ = self._locator.footprint(cell)
            values = (print_.lat, print_.lon, print_.lon_m, print_.radius_m**2)
            for column, value in enumerate(values):
                self._circle[column] = grown(self._circle[column], number + 1)
                self._circle[column][number] = value
            self._edges = grown(self._edges, number + 1)
            self._edges[number] = np.array(print_.edges).T
        return number

    def slot(self, cell: int, operator: int) -> int:
        """Return the number of the slot of a cell (H3 index) and an operator (number)."""
        key = (cell, operator)
        number = self._slot_number.get(key)
        if number is None:
            number = self._slot_number[key] = len(self._slot_number)
            self.cell_of = grown(self.cell_of, number + 1)
            self.operator_of = grown(self.operator_of, number + 1)
            self.region_of = grown(self.region_of, number + 1)
            self.cell_of[number] = self.cell(cell)
            self.operator_of[number] = operator
            self.region_of[number] = self._region(self._locator.region(cell))
        return number

    def slots_at(
        self, lat: NDArray[np.float64], lon: NDArray[np.float64], operator: NDArray[np.int32]
    ) -> NDArray[np.int32]:
        """Return the slot of each position; asks H3 for every one of them."""
        get, make = self._slot_number.get, self.slot
        cells = self._locator.cells(lat.tolist(), lon.tolist())
        keys = list(zip(cells, operator.tolist(), strict=True))
        found = [get(key, -1) for key in keys]
        if -1 in found:
            found = [make(*key) if slot < 0 else slot for slot, key in zip(found, keys, strict=True)]
        return np.array(found, np.int32)

    def inside(
        self, slot: NDArray[np.int32], lat: NDArray[np.float64], lon: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Return whether each position surely lies in the cell of its slot (slot >= 0)."""
        cell = self.cell_of.take(slot)
        centre_lat, centre_lon, lon_m, radius2 = (column.take(cell) for column in self._circle)
        y = (lat - centre_lat) * _METRES_PER_DEGREE
        x = (lon - centre_lon) * lon_m
        inside: NDArray[np.bool_] = x * x + y * y < radius2
        outer = np.flatnonzero(~inside)
        if len(outer):
            a, b, c = self._edges[cell[outer]].transpose(1, 2, 0)
            inside[outer] = (a * x[outer] + b * y[outer] < c).all(axis=0)
        return inside

    def _region(self, name: str) -> int:
        number = self._region_number.get(name)
        if number is None:
            number = self._region_number[name] = len(self.regions)
            self.regions.append(name)
        return number


_METRES_PER_DEGREE = 111_195.0519  # of latitude, on H3's sphere
