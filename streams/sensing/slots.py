"""Dense numbers for what is counted: slots = (cell, metric) pairs."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from streams.columnar.arrays import grown


class Locator(Protocol):
    """What sensing asks of the grid's geometry."""

    def cells(self, lat: Sequence[float], lon: Sequence[float]) -> list[int]:
        """Return the H3 index of each position; degrees."""
        ...

    def region(self, cell: int) -> str:
        """Return the region of a cell."""
        ...


class Slots:
    """Slots seen so far, numbered from 0 upwards, and by number the cell, metric and region of each."""

    def __init__(self, locator: Locator) -> None:
        self._locator = locator
        self._number: dict[tuple[int, int], int] = {}
        self._region_number: dict[str, int] = {}
        self.regions: list[str] = []
        self.cell_hex: list[str] = []
        self.cell = np.zeros(1024, np.int64)
        self.metric = np.zeros(1024, np.int8)
        self.region = np.zeros(1024, np.int32)

    def slot(self, cell: int, metric: int) -> int:
        """Return the number of the slot of a cell (H3 index) and a metric (code)."""
        number = self._number.get((cell, metric))
        if number is None:
            number = self._number[cell, metric] = len(self.cell_hex)
            self.cell_hex.append(f"{cell:x}")
            self.cell = grown(self.cell, number + 1)
            self.metric = grown(self.metric, number + 1)
            self.region = grown(self.region, number + 1)
            self.cell[number] = cell
            self.metric[number] = metric
            self.region[number] = self.number_of_region(self._locator.region(cell))
        return number

    def region_of(self, cell: int) -> int:
        """Return the number of a cell's region, in `regions`."""
        return self.number_of_region(self._locator.region(cell))

    def slots_at(
        self, lat: NDArray[np.float64], lon: NDArray[np.float64], metric: NDArray[np.int8]
    ) -> NDArray[np.int32]:
        """Return the slot of each position and metric; asks for the cell of every one of them."""
        cells = self._locator.cells(lat.tolist(), lon.tolist())
        return np.array(list(map(self.slot, cells, metric.tolist())), np.int32)

    def number_of_region(self, name: str) -> int:
        """Return the number of a region, in `regions`."""
        number = self._region_number.get(name)
        if number is None:
            number = self._region_number[name] = len(self.regions)
            self.regions.append(name)
        return number
