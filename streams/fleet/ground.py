"""Which watched areas vehicles stand in, by their slots where these suffice."""

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.vehicles import VEHICLE_STATES
from streams.columnar.arrays import grown
from streams.fleet.slots import Slots

_UNKNOWN = np.iinfo(np.int32).min


class Ground(Protocol):
    """What the fleet asks of the areas that rules speak of; see streams/incidents/stays/ground.py."""

    @property
    def version(self) -> str:
        """Hash of the areas and states."""
        ...

    @property
    def states(self) -> frozenset[str]:
        """States in which a vehicle stands in an area; in others it is in none."""
        ...

    @property
    def by_type(self) -> bool:
        """Whether vehicles are told by type in any cell."""
        ...

    def tells_types(self, cell: str) -> bool:
        """Return whether all vehicles in a cell are told by type."""
        ...

    def areas(self, code: int) -> list[str]:
        """Return the ids of the areas of a set, by its code."""
        ...

    def asked(self, code: int) -> list[str]:
        """Return the ids of the areas about which positions decide in a cell, by its code below 0."""
        ...

    def learn(self, cells: Iterable[str]) -> None:
        """Find the codes of cells, of many at once."""
        ...

    def code_of_cell(self, cell: str) -> int:
        """Return the code of the set that all of a cell lies in, 0 for no area, below 0 if positions decide."""
        ...

    def codes_at(
        self, codes: NDArray[np.int32], lat: NDArray[np.float64], lon: NDArray[np.float64]
    ) -> NDArray[np.int32]:
        """Return the code of the set of each position, of n >= 1 in cells with codes below 0."""
        ...


class Standing:
    """Codes of the sets of areas that vehicles stand in."""

    def __init__(self, ground: Ground, slots: Slots) -> None:
        self.ground = ground
        self._slots = slots
        self._stands = np.array([name in ground.states for name in VEHICLE_STATES])
        self._by_cell = np.full(1024, _UNKNOWN, np.int32)
        self._types_by_cell = np.zeros(1024, np.bool_)

    def by_type(self, slot: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Return which of n slots lie in cells whose vehicles are told by type."""
        if not self.ground.by_type:
            return np.zeros(len(slot), np.bool_)
        self._codes(slot)
        by_type: NDArray[np.bool_] = self._types_by_cell[self._slots.cell_of[np.maximum(slot, 0)]]
        return by_type

    def on_boundary(self, slot: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Return which of n slots lie in cells where positions decide."""
        on_boundary: NDArray[np.bool_] = self._codes(slot) < 0
        return on_boundary

    def sides(self, slot: NDArray[np.int32], code: NDArray[np.int32]) -> list[tuple[list[str], list[str]]]:
        """Return of each set of areas which they are, and which are not in it but were asked, as positions decide."""
        found = []
        for cell, one in zip(self._codes(slot).tolist(), code.tolist(), strict=True):
            inside, asked = self.ground.areas(one), self.ground.asked(cell) if cell < 0 else []
            found.append((inside, [area for area in asked if area not in inside]))
        return found

    def codes(
        self,
        slot: NDArray[np.int32],
        lat: NDArray[np.float64],
        lon: NDArray[np.float64],
        state: NDArray[np.int8],
    ) -> NDArray[np.int32]:
        """Return the code of each of n vehicles; 0: it stands in no area."""
        codes = self._codes(slot)
        ask = np.flatnonzero((codes < 0) & self._stands[state])
        if len(ask):
            codes[ask] = self.ground.codes_at(codes[ask], lat[ask], lon[ask])
        codes[~self._stands[state]] = 0
        return codes

    def _codes(self, slot: NDArray[np.int32]) -> NDArray[np.int32]:
        cells = self._slots.cells
        numbers = self._slots.cell_of[np.maximum(slot, 0)]  # what has no slot yet is of no interest
        self._by_cell = grown(self._by_cell, len(cells.hex), _UNKNOWN)
        self._types_by_cell = grown(self._types_by_cell, len(cells.hex))
        codes: NDArray[np.int32] = self._by_cell[numbers]
        unknown = codes == _UNKNOWN
        if unknown.any():
            new = np.unique(numbers[unknown])
            names = cells.names(new)
            self.ground.learn(names)
            for number, cell in zip(new.tolist(), names, strict=True):
                self._by_cell[number] = self.ground.code_of_cell(cell)
                self._types_by_cell[number] = self.ground.tells_types(cell)
            codes = self._by_cell[numbers]
        return codes
