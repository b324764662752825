"""Cells that a worker has met: their dense numbers, names, regions and footprints, shared by all of its partitions."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from streams.arrays import grown

_DRAWN_AT_ONCE = 64
_METRES_PER_DEGREE = 111_195.0519  # of latitude, on H3's sphere


class Footprints(Protocol):
    """What surely lies inside cells; see streams/grid/locate.py."""

    @property
    def circle(self) -> NDArray[np.float64]:
        """(n, 4): centre in degrees, metres per degree of longitude, squared radius in metres (0: none is sure)."""
        ...

    @property
    def edges(self) -> NDArray[np.float64]:
        """(n, 3, 6): half-planes a x + b y < c, in metres from the centre."""
        ...


class Locator(Protocol):
    """What the fleet asks of the grid's geometry."""

    def cells(self, lat: Sequence[float], lon: Sequence[float]) -> list[int]:
        """Return the H3 index of each position."""
        ...

    def region(self, cell: int) -> str:
        """Return the region of a cell."""
        ...

    def footprints(self, cells: Sequence[int]) -> Footprints:
        """Return the footprints of cells."""
        ...


class Cells:
    """Cells by number, from 0 upwards. A cell whose footprint is not drawn has one that nothing lies in."""

    def __init__(self, locator: Locator) -> None:
        self._locator = locator
        self._number: dict[int, int] = {}
        self._region_number: dict[str, int] = {}
        self._wanted: set[int] = set()
        self.regions: list[str] = []
        self.h3 = np.zeros(1024, np.int64)
        self.hex = np.zeros(1024, np.object_)
        self.region = np.zeros(1024, np.int32)
        self._drawn = np.zeros(1024, np.bool_)
        self._circle = np.zeros((1024, 4))
        self._edges = np.zeros((1024, 3, 6))

    def numbers_of(self, cells: Sequence[int]) -> NDArray[np.int64]:
        """Return the number of each cell (H3 index)."""
        try:
            return np.fromiter(map(self._number.__getitem__, cells), np.int64, len(cells))
        except KeyError:
            self._add([cell for cell in dict.fromkeys(cells) if cell not in self._number])
            return np.fromiter(map(self._number.__getitem__, cells), np.int64, len(cells))

    def numbers_at(self, lat: NDArray[np.float64], lon: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the number of the cell of each position; asks H3 for every one of them."""
        return self.numbers_of(self._locator.cells(lat.tolist(), lon.tolist()))

    def inside(
        self, cell: NDArray[np.int32], lat: NDArray[np.float64], lon: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Return whether each position surely lies in its cell (a number)."""
        centre_lat, centre_lon, lon_m, radius2 = self._circle.take(cell, axis=0).T
        y = (lat - centre_lat) * _METRES_PER_DEGREE
        x = (lon - centre_lon) * lon_m
        inside: NDArray[np.bool_] = x * x + y * y < radius2
        outer = np.flatnonzero(~inside & (radius2 > 0))
        if len(outer):
            a, b, c = self._edges[cell[outer]].transpose(1, 2, 0)
            inside[outer] = (a * x[outer] + b * y[outer] < c).all(axis=0)
        return inside

    def stayed(self, cell: NDArray[np.int32]) -> None:
        """Hear of cells in which vehicles stayed though H3 had to be asked: their footprints are worth drawing."""
        self._wanted.update(cell[~self._drawn[cell]].tolist())
        if len(self._wanted) >= _DRAWN_AT_ONCE:
            self.draw()

    def draw(self) -> None:
        """Draw the footprints that are wanted."""
        if self._wanted:
            cells = np.array(sorted(self._wanted))
            self._wanted.clear()
            prints = self._locator.footprints(self.h3[cells].tolist())
            self._circle[cells], self._edges[cells] = prints.circle, prints.edges
            self._drawn[cells] = True

    def _add(self, cells: Sequence[int]) -> None:
        start, end = len(self._number), len(self._number) + len(cells)
        self._number.update(zip(cells, range(start, end), strict=True))
        for name in ("h3", "hex", "region", "_drawn", "_circle", "_edges"):
            setattr(self, name, grown(getattr(self, name), end))
        self.h3[start:end] = cells
        self.hex[start:end] = [f"{cell:x}" for cell in cells]
        self.region[start:end] = [self._region_of(self._locator.region(cell)) for cell in cells]

    def _region_of(self, name: str) -> int:
        number = self._region_number.get(name)
        if number is None:
            number = self._region_number[name] = len(self.regions)
            self.regions.append(name)
        return number
