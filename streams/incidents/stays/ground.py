"""Which areas a position lies in, by its cell where that suffices: what the fleet stage is given to ask.

A cell with some air around it lies wholly within an area, or wholly outside, or is on its boundary; there the position
itself decides, and only about the areas whose boundary it is. The air is for edges of cells, which are no straight
lines in degrees.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import batched, count
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from schemas.vehicles import COUNTED_STATES
from streams.incidents.geometry import holds
from streams.incidents.policy import Policy
from streams.incidents.stays.rules import Area

_AIR = 0.05  # of the cell's extent
_AT_ONCE = 2_000
"""Cells that are looked at together: enough to be quick, few enough for memory and for others to have their turn."""

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
        self._shapes = np.array([area.shape for area in self._areas], object)
        shapely.prepare(self._shapes)
        self._outside = np.array([area.outside for area in self._areas])
        self._boxes = shapely.STRtree(self._shapes)
        self._outsides = [number for number, area in enumerate(self._areas) if area.outside]
        self._outline = outline
        # A partition that is opened has its cells looked for in a thread, while others are folded. So a number is
        # drawn and what it means is noted before it is told; where two draw one for the same, the first told is both's.
        self._numbers, self._boundary_numbers = count(1), count()
        self._codes: dict[frozenset[str], int] = {frozenset(): 0}
        self._sets: dict[int, list[str]] = {0: []}
        self._boundaries: dict[tuple[frozenset[str], tuple[int, ...]], int] = {}
        self._deciding: dict[int, tuple[frozenset[str], tuple[int, ...]]] = {}
        self._answered: dict[tuple[int, bytes], int] = {}
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
        if cell not in self._cells:
            self.learn([cell])
        return self._types_everywhere or cell in self._cells_by_type

    def areas(self, code: int) -> list[str]:
        """Return the ids of the areas of a set."""
        return self._sets[code]

    def asked(self, code: int) -> list[str]:
        """Return the ids of the areas about which positions decide in a cell, by its code below 0."""
        return [self._areas[number].area_id for number in self._deciding[-1 - code][1]]

    def code_of_cell(self, cell: str) -> int:
        """Return the set that all of a cell lies in, or a code below 0 where positions decide."""
        if cell not in self._cells:
            self.learn([cell])
        return self._cells[cell]

    def learn(self, cells: Iterable[str]) -> None:
        """Find the codes of cells that are not known yet; they are kept: all partitions of a worker meet the same.

        A city has tens of thousands, and together they take a fifth of the time that they take one by one.
        """
        for some in batched((cell for cell in dict.fromkeys(cells) if cell not in self._cells), _AT_ONCE):
            self._learn(some)

    def _learn(self, cells: Sequence[str]) -> None:
        wide = _with_air([self._outline(cell)["coordinates"][0] for cell in cells])
        at, near = self._boxes.query(wide)  # there may be thousands of areas
        touched = shapely.intersects(self._shapes[near], wide[at])
        at, near = at[touched], near[touched]
        whole = shapely.contains(self._shapes[near], wide[at])
        found: list[list[tuple[int, bool]]] = [[] for _ in cells]
        for i, number, is_whole in zip(at.tolist(), near.tolist(), whole.tolist(), strict=True):
            found[i].append((number, is_whole))
        for cell, areas in zip(cells, found, strict=True):
            if any(self._areas[number].area_id in self._types_in for number, _ in areas):
                self._cells_by_type.add(cell)
            self._cells[cell] = self._code_of(sorted(areas))  # last: from here on others take it for known

    def _code_of(self, touched: Sequence[tuple[int, bool]]) -> int:
        """Return the code of a cell by the polygons that touch it, and whether they hold it as a whole."""
        undecided = tuple(number for number, whole in touched if not whole)
        numbers = {number for number, _ in touched}
        sure = {self._areas[n].area_id for n, whole in touched if whole and not self._areas[n].outside}
        sure |= {self._areas[n].area_id for n in self._outsides if n not in numbers}
        return self._boundary(frozenset(sure), undecided)

    def codes_at(
        self, codes: NDArray[np.int32], lat: NDArray[np.float64], lon: NDArray[np.float64]
    ) -> NDArray[np.int32]:
        """Return the set of each of n positions in cells with codes below 0. The edge of a polygon is outside of it.

        All positions are asked about at once: a city has thousands of boundaries, each with a few of them.
        """
        boundaries = (-1 - codes).tolist()
        numbers = [self._deciding[boundary][1] for boundary in boundaries]
        asked = np.array([*map(len, numbers)])
        area, at = np.concatenate(numbers), np.repeat(np.arange(len(codes)), asked)
        answers = (holds(self._shapes[area], lat[at], lon[at]) != self._outside[area]).tobytes()
        ends = np.cumsum(asked)
        return np.fromiter(
            (
                self._decided(boundary, answers[start:end])
                for boundary, start, end in zip(
                    boundaries, (ends - asked).tolist(), ends.tolist(), strict=True
                )
            ),
            np.int32,
            len(codes),
        )

    def _decided(self, boundary: int, answers: bytes) -> int:
        """Return the set on a boundary by what a position answers, a byte for each area that is undecided there."""
        code = self._answered.get((boundary, answers))
        if code is None:
            sure, undecided = self._deciding[boundary]
            within = {self._areas[n].area_id for n, answer in zip(undecided, answers, strict=True) if answer}
            code = self._answered[boundary, answers] = self._code(sure | within)
        return code

    def _boundary(self, sure: frozenset[str], undecided: tuple[int, ...]) -> int:
        if not undecided:
            return self._code(sure)
        key = sure, undecided
        code = self._boundaries.get(key)
        if code is None:
            number = next(self._boundary_numbers)
            self._deciding[number] = key
            code = self._boundaries.setdefault(key, -1 - number)
        return code

    def _code(self, areas: frozenset[str]) -> int:
        code = self._codes.get(areas)
        if code is None:
            number = next(self._numbers)
            self._sets[number] = sorted(areas)
            code = self._codes.setdefault(areas, number)
        return code


def _with_air(outlines: Sequence[Sequence[Sequence[float]]]) -> NDArray[np.object_]:
    """Return n cells, by their rings, with the air around them."""
    indices = np.repeat(np.arange(len(outlines)), [*map(len, outlines)])
    cells = shapely.polygons(shapely.linearrings(np.concatenate(outlines), indices=indices))
    west, south, east, north = shapely.bounds(cells).T
    wide: NDArray[np.object_] = shapely.buffer(
        cells, _AIR * np.maximum(east - west, north - south), quad_segs=16
    )
    across = (east > 180) | (east - west > 180)  # they lie across the antimeridian, or around a pole
    wide[across] = shapely.box(-180, south[across] - 1, 180, north[across] + 1)
    return wide


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
            frozenset(COUNTED_STATES),
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
