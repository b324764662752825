"""Where the bikes of a fleet really stand: H3 cells and how many stand in each, kept up step by step."""

import numpy as np

from sensors_sim.batch import AVAILABLE, NON_CONTACTABLE, NON_OPERATIONAL, RESERVED, Bools, Floats, Ints
from sensors_sim.bikes import Fleet
from sensors_sim.cells import cells_at

STANDS: Bools = np.isin(np.arange(256), (AVAILABLE, NON_OPERATIONAL, RESERVED, NON_CONTACTABLE))
"""By state, whether a bike in it takes up room (docs/semantics.md, "Standing, arrivals, departures")."""


class Standing:
    """Cells are numbered as they come up; `names` are theirs. Only bikes that moved are looked up again."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._number: dict[str, int] = {}
        self._x: Floats = np.empty(0)
        self._y: Floats = np.empty(0)
        self._cell: Ints = np.empty(0, dtype=np.int64)

    def occupancy(self, fleet: Fleet) -> Ints:
        """Return how many bikes stand in each cell, int64[c]."""
        if len(self._cell) != len(fleet):
            self._x, self._y = np.full((2, len(fleet)), np.nan)
            self._cell = np.zeros(len(fleet), dtype=np.int64)
        moved = np.flatnonzero((self._x != fleet.x) | (self._y != fleet.y))
        if len(moved):
            self._x[moved], self._y[moved] = fleet.x[moved], fleet.y[moved]
            lat, lon = fleet.city.plane.latlon(fleet.x[moved], fleet.y[moved])
            self._cell[moved] = [self._of(name) for name in cells_at(lat, lon)]
        stands = STANDS[fleet.state]
        return np.bincount(self._cell[stands], minlength=len(self.names))

    def _of(self, name: str) -> int:
        number = self._number.setdefault(name, len(self.names))
        if number == len(self.names):
            self.names.append(name)
        return number
