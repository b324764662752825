"""Which areas a position lies in, by its cell where that suffices: what the fleet stage is given to ask.

A cell with some air around it lies wholly within an area, or wholly outside, or is on its boundary; there the position
itself decides. The air is for edges of cells, which are no straight lines in degrees.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from streams.incidents.policy import Policy
from streams.incidents.stays.rules import Area

ON_BOUNDARY = -1
_AIR = 0.05  # of the cell's extent

Outline = Callable[[str], Mapping[str, Any]]
"""Return the GeoJSON Polygon of a cell (hex)."""


class Ground:
    """Sets of areas, each with a number (its code); 0 is the empty set."""

    def __init__(self, areas: Sequence[Area], states: frozenset[str], outline: Outline) -> None:
        """`states` are those in which a vehicle stands anywhere, as far as rules are concerned."""
        self.states = states
        self._areas = sorted(areas, key=lambda area: area.area_id)
        self._outline = outline
        self._codes: dict[tuple[str, ...], int] = {(): 0}
        self._sets: list[list[str]] = [[]]
        text = f"{sorted(area.area_id for area in areas)}{sorted(states)}"
        self.version = hashlib.sha256(text.encode()).hexdigest()[:12]

    def areas(self, code: int) -> list[str]:
        """Return the ids of the areas of a set."""
        return self._sets[code]

    def code_of_cell(self, cell: str) -> int:
        """Return the set that all of a cell lies in, or ON_BOUNDARY."""
        outline = shapely.geometry.shape(self._outline(cell))
        west, south, east, north = outline.bounds
        if east - west > 180:  # it lies across the antimeridian, or around a pole
            return ON_BOUNDARY if self._areas else 0
        wide = outline.buffer(_AIR * max(east - west, north - south))
        found = []
        for area in self._areas:
            if area.shape.intersects(wide):
                if not area.shape.contains(wide):
                    return ON_BOUNDARY
                if not area.outside:
                    found.append(area.area_id)
            elif area.outside:
                found.append(area.area_id)
        return self._code(tuple(found))

    def codes_at(self, lat: NDArray[np.float64], lon: NDArray[np.float64]) -> NDArray[np.int32]:
        """Return the set of each of n positions, by themselves. The edge of a polygon is outside of it."""
        if not self._areas:
            return np.zeros(len(lat), np.int32)
        within = np.array([shapely.contains_xy(area.shape, lon, lat) != area.outside for area in self._areas])
        patterns, which = np.unique(within, axis=1, return_inverse=True)
        ids = [area.area_id for area in self._areas]
        codes = [
            self._code(tuple(name for name, inside in zip(ids, pattern, strict=True) if inside))
            for pattern in patterns.T
        ]
        return np.array(codes, np.int32)[which.reshape(-1)]

    def _code(self, areas: tuple[str, ...]) -> int:
        code = self._codes.get(areas)
        if code is None:
            code = self._codes[areas] = len(self._sets)
            self._sets.append(list(areas))
        return code


def ground_of(policy: Policy, outline: Outline) -> Ground | None:
    """Return what the fleet stage is to look for; None: nothing."""
    states = frozenset(state for one in policy.stays for rule in one.rules for state in rule.states)
    return Ground(policy.areas, states, outline) if policy.areas else None
