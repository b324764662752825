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


class Disc(Protocol):
    """A circle that surely lies inside a cell; see streams/grid/locate.py."""

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
        """Radius in metres; 0 where no circle is sure."""
        ...


class Locator(Protocol):
    """What the fleet asks of the grid's geometry."""

    def cells(self, lat: Sequence[float], lon: Sequence[float]) -> list[int]:
        """Return the H3 index of each position."""
        ...

    def region(self, cell: int) -> str:
        """Return the region of a cell."""
        ...

    def disc(self, cell: int) -> Disc:
        """Return the disc of a cell."""
        ...


class Slots:
    """Cells, operators and slots seen so far, each with a dense number from 0 upwards."""

    def __init__(self, locator: Locator) -> None:
        self._locator = locator
        self._cell_number: dict[int, int] = {}
        self._operator_number: dict[str, int] = {}
        self._slot_number: dict[tuple[int, int], int] = {}
        self.cells: list[int] = []
        self.cell_hex: list[str] = []
        self.operators: list[str] = []
        self.regions: list[str] = []
        # By cell number: the disc (degrees, degrees, metres per degree, metres squared).
        self.disc = np.zeros((1024, 4))
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

    def operator_numbers(self, names: list[str]) -> list[int]:
        """Return the number of each name; -1 for one that is no id."""
        get = self._operator_number.get
        numbers = [get(name, -1) for name in names]
        if -1 in numbers:
            numbers = [self.operator(name) if is_id(name) else -1 for name in names]
        return numbers

    def cell(self, cell: int) -> int:
        """Return the number of a cell."""
        number = self._cell_number.get(cell)
        if number is None:
            number = self._cell_number[cell] = len(self.cells)
            self.cells.append(cell)
            self.cell_hex.append(f"{cell:x}")
            disc = self._locator.disc(cell)
            self.disc = grown(self.disc, number + 1)
            self.disc[number] = disc.lat, disc.lon, disc.lon_m, disc.radius_m**2
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
        disc = self.disc[self.cell_of[slot]]
        dy = (lat - disc[:, 0]) * _METRES_PER_DEGREE
        dx = (lon - disc[:, 1]) * disc[:, 2]
        return dx * dx + dy * dy < disc[:, 3]

    def _region(self, region: str) -> int:
        if region not in self.regions:
            self.regions.append(region)
        return self.regions.index(region)


_METRES_PER_DEGREE = 111_196.0  # of latitude; rounded up, so that the disc errs on the small side
