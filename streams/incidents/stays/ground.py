"""Which areas a position lies in, by its cell where that suffices: what the fleet stage is given to ask.

A cell with some air around it lies wholly within an area, or wholly outside, or is on its boundary; there the position
itself decides, and only about the areas whose boundary it is. The air is for edges of cells, which are no straight
lines in degrees.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from streams.incidents.counts.rules import COUNTED
from streams.incidents.geometry import holds
from streams.incidents.policy import Policy
from streams.incidents.stays.rules import Area

_AIR = 0.05  # of the cell's extent
_BITS = 62

Outline = Callable[[str], Mapping[str, Any]]
"""Return the outline of a cell (hex) as a Polygon, with longitudes beyond 180 where it crosses the antimeridian."""


class Ground:
    """Sets of areas, each with a number (its code): 0 is the empty set.

    Codes below 0 are of cells on boundaries: which areas hold all of the cell, and about which the position decides.
    """

    def __init__(
        self,
        areas: Sequence[Area],
        states: frozenset[str],
        outline: Outline,
        types_in: frozenset[str] = frozenset(),
        *,
        types_everywhere: bool = False,
    ) -> None:
        """`states` are those in which a vehicle stands anywhere, as far as rules are concerned.

        `types_in` are ids of areas in whose cells, be it a part of one, vehicles are told by type.
        """
        self.states = states
        self._types_in = types_in
        self._types_everywhere = types_everywhere
        self._cells_by_type: set[str] = set()
        self._areas = sorted(areas, key=lambda area: area.area_id)
        self._boxes = shapely.STRtree([area.shape for area in self._areas])
        self._outsides = [number for number, area in enumerate(self._areas) if area.outside]
        self._outline = outline
        self._codes: dict[frozenset[str], int] = {frozenset(): 0}
        self._sets: list[list[str]] = [[]]
        self._boundaries: dict[tuple[frozenset[str], tuple[int, ...]], int] = {}
        self._deciding: list[tuple[frozenset[str], tuple[int, ...]]] = []
        self._cells: dict[str, int] = {}
        text = f"{sorted(area.area_id for area in areas)}{sorted(states)}"
        if self.by_type:
            text += f"{sorted(types_in)}{types_everywhere}"
        self.version = hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def by_type(self) -> bool:
        """Whether vehicles are told by type in any cell."""
        return bool(self._types_in) or self._types_everywhere

    def tells_types(self, cell: str) -> bool:
        """Return whether all vehicles in a cell are told by type."""
        self.code_of_cell(cell)
        return self._types_everywhere or cell in self._cells_by_type

    def areas(self, code: int) -> list[str]:
        """Return the ids of the areas of a set."""
        return self._sets[code]

    def asked(self, code: int) -> list[str]:
        """Return the ids of the areas about which positions decide in a cell, by its code below 0."""
        return [self._areas[number].area_id for number in self._deciding[-1 - code][1]]

    def code_of_cell(self, cell: str) -> int:
        """Return the set that all of a cell lies in, or a code below 0 where positions decide.

        Every partition of a worker meets the same cells: what was found is kept.
        """
        code = self._cells.get(cell)
        if code is None:
            code = self._cells[cell] = self._code_of_cell(cell)
        return code

    def _code_of_cell(self, cell: str) -> int:
        outline = shapely.geometry.shape(self._outline(cell))
        west, south, east, north = outline.bounds
        if east > 180 or east - west > 180:  # it lies across the antimeridian, or around a pole
            wide = shapely.box(-180, south - 1, 180, north + 1)
        else:
            wide = outline.buffer(_AIR * max(east - west, north - south))
        near = sorted(self._boxes.query(wide).tolist())  # there may be thousands of areas
        found = {self._areas[number].area_id for number in self._outsides if number not in near}
        undecided = []
        for number in near:
            area = self._areas[number]
            touched = area.shape.intersects(wide)
            if touched and area.area_id in self._types_in:
                self._cells_by_type.add(cell)
            if touched and not area.shape.contains(wide):
                undecided.append(number)
            elif touched != area.outside:
                found.add(area.area_id)
        return self._boundary(frozenset(found), tuple(undecided))

    def codes_at(
        self, codes: NDArray[np.int32], lat: NDArray[np.float64], lon: NDArray[np.float64]
    ) -> NDArray[np.int32]:
        """Return the set of each of n positions in cells with codes below 0. The edge of a polygon is outside of it."""
        found = np.empty(len(codes), np.int32)
        order = np.argsort(codes, kind="stable")
        edges = np.flatnonzero(np.diff(codes[order])) + 1
        for some in np.split(order, edges):
            sure, undecided = self._deciding[-1 - codes[some[0]]]
            pattern = np.zeros(len(some), np.int64 if len(undecided) <= _BITS else object)
            for bit, number in enumerate(undecided):
                area = self._areas[number]
                within = holds(area.shape, lat[some], lon[some]) != area.outside
                pattern |= within.astype(pattern.dtype) << bit
            for value in np.unique(pattern).tolist():
                names = {self._areas[n].area_id for bit, n in enumerate(undecided) if value >> bit & 1}
                found[some[pattern == value]] = self._code(sure | names)
        return found

    def _boundary(self, sure: frozenset[str], undecided: tuple[int, ...]) -> int:
        if not undecided:
            return self._code(sure)
        key = sure, undecided
        code = self._boundaries.get(key)
        if code is None:
            self._deciding.append(key)
            code = self._boundaries[key] = -len(self._deciding)
        return code

    def _code(self, areas: frozenset[str]) -> int:
        code = self._codes.get(areas)
        if code is None:
            code = self._codes[areas] = len(self._sets)
            self._sets.append(sorted(areas))
        return code


def count_ground_of(policy: Policy, outline: Outline) -> Ground | None:
    """Return the areas in which the fleet stage counts by position, and where by type; None: there are none.

    A rule in per cent of an operator's vehicles of some types asks how many it has anywhere.
    """
    rules = [rule for one in policy.counts for rule in one.rules]
    areas = {rule.area.area_id: rule.area for rule in rules}
    typed = [rule for rule in rules if rule.vehicle_types]
    return (
        Ground(
            list(areas.values()),
            frozenset(COUNTED),
            outline,
            frozenset(rule.area.area_id for rule in typed),
            types_everywhere=any(rule.units == "percent" for rule in typed),
        )
        if areas
        else None
    )


def count_ground_version(policy: Policy) -> str:
    """Return the version of these areas, as fleets tell it; empty: there are none."""
    ground = count_ground_of(policy, lambda _: {})
    return "" if ground is None else ground.version


def ground_of(policy: Policy, outline: Outline) -> Ground | None:
    """Return what the fleet stage is to look for; None: nothing."""
    states = frozenset(state for one in policy.stays for rule in one.rules for state in rule.states)
    return Ground(policy.areas, states, outline) if policy.areas else None


def ground_version(policy: Policy) -> str:
    """Return the version of that, as fleets tell it; empty: nothing."""
    ground = ground_of(policy, lambda _: {})
    return "" if ground is None else ground.version
