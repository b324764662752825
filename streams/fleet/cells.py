"""Cells that a worker has met: their dense numbers, names and regions, shared by all of its partitions."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from streams.columnar.arrays import grown
from streams.columnar.ids import Ids, named
from streams.fleet.lattice import UNSURE, Lattice


class Locator(Protocol):
    """What the fleet asks of the grid's geometry."""

    def cells(self, lat: Sequence[float], lon: Sequence[float]) -> list[int]:
        """Return the H3 index of each position."""
        ...

    def region(self, cell: int) -> str:
        """Return the region of a cell."""
        ...

    @property
    def lattice(self) -> Lattice:
        """Return where H3's hexagons lie; see lattice.py."""
        ...


class Cells:
    """Cells by number, from 0 upwards, and the numbers of the hexagons that are known to be cells."""

    def __init__(self, locator: Locator) -> None:
        self._locator = locator
        self._number: dict[int, int] = {}
        self._region_number: dict[str, int] = {}
        self.lattice = locator.lattice
        self.hexagons = Ids()
        self.cell_of = np.zeros(1024, np.int32)
        """By row of `hexagons`."""
        self._hexagons = 0
        self.regions: list[str] = []
        self.h3 = np.zeros(1024, np.int64)
        self.hex = np.zeros(1024, "S16")
        self.region = np.zeros(1024, np.int32)

    def __len__(self) -> int:
        return len(self._number)

    def names(self, numbers: NDArray[np.integer] | slice = slice(None)) -> list[str]:
        """Return the hex strings of cells by their numbers, of all without."""
        return [name.decode() for name in self.hex[: len(self)][numbers].tolist()]

    def numbers_of(self, cells: Sequence[int]) -> NDArray[np.int64]:
        """Return the number of each cell (H3 index)."""
        try:
            return np.fromiter(map(self._number.__getitem__, cells), np.int64, len(cells))
        except KeyError:
            self._add([cell for cell in dict.fromkeys(cells) if cell not in self._number])
            return np.fromiter(map(self._number.__getitem__, cells), np.int64, len(cells))

    def ask(
        self, lat: NDArray[np.float64], lon: NDArray[np.float64], hexagon: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return the number of the cell of each position from H3, and learn which hexagons are which cells."""
        numbers = self.numbers_of(self._locator.cells(lat.tolist(), lon.tolist()))
        sure, first = np.unique(hexagon, return_index=True)
        first = first[sure != UNSURE]
        start, end = self._hexagons, self._hexagons + len(first)
        self.hexagons.put(named(hexagon[first]), np.arange(start, end))
        self.cell_of = grown(self.cell_of, end)
        self.cell_of[start:end] = numbers[first]
        self._hexagons = end
        return numbers

    def _add(self, cells: Sequence[int]) -> None:
        start, end = len(self._number), len(self._number) + len(cells)
        self._number.update(zip(cells, range(start, end), strict=True))
        for name in ("h3", "hex", "region"):
            setattr(self, name, grown(getattr(self, name), end))
        self.h3[start:end] = cells
        self.hex[start:end] = [b"%x" % cell for cell in cells]
        self.region[start:end] = [self.number_of_region(self._locator.region(cell)) for cell in cells]

    def number_of_region(self, name: str) -> int:
        """Return the number of a region, in `regions`."""
        number = self._region_number.get(name)
        if number is None:
            number = self._region_number[name] = len(self.regions)
            self.regions.append(name)
        return number
