"""Vehicles in cells on the edge of areas that rules count in: by position which areas they are in, counted there.

A place is a slot and the set of areas that a position in its cell is in; where rules ask for types of vehicles (there
cells that no outline crosses are counted too), it has a type besides. Counts by place are kept by difference, and
begin with the vehicles on file: a checkpoint keeps none of them. What a word holds follows from the log up to its
offset; a place that vehicles passed through since the last one is told too, as an earlier owner may have told them in.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.vehicles import COUNTED_STATES, VEHICLE_TYPES
from streams.columnar.arrays import grown
from streams.columnar.ids import Ids, named
from streams.fleet.ground import Ground, Standing
from streams.fleet.slots import Slots
from streams.fleet.steps import Steps
from streams.fleet.vehicles import Vehicles

_STATES = len(COUNTED_STATES)
_ELSEWHERE = -1
_CODE_BITS, _TYPE_BITS = 28, 3
_KINDS: tuple[str | None, ...] = (None, *VEHICLE_TYPES)
"""What a place has of types: none, or one."""
assert len(_KINDS) <= 1 << _TYPE_BITS


@dataclass(frozen=True, slots=True)
class EdgesTold:
    """Places of one region (a number), columns of equal length; `counts` (n, 5) by COUNTED_STATES.

    `vehicle_type` is None where none is asked for: of a row, or as a whole.
    """

    region: int
    cell: list[str]
    operator: list[str]
    inside: list[list[str]]
    outside: list[list[str]]
    counts: NDArray[np.int32]
    vehicle_type: list[str | None] | None = None

    def __len__(self) -> int:
        return len(self.cell)


class Edges:
    """The vehicles of one partition in cells where positions decide."""

    def __init__(self, ground: Ground | None, slots: Slots, vehicles: Vehicles, told: str) -> None:
        """`told`: version of the areas that were told before; where there are none now, that is told."""
        self.changes = 0
        """How often other areas were taken."""
        self._slots = slots
        self._vehicles = vehicles
        self._silent = ground is None and not told
        self._begin(ground)

    @property
    def looks(self) -> bool:
        """Whether there are any areas."""
        return self._standing is not None

    @property
    def ground(self) -> str:
        """Version of the areas; empty: there are none."""
        return "" if self._standing is None else self._standing.ground.version

    def take_ground(self, ground: Ground | None) -> None:
        """Count by other areas from now on; all is told anew."""
        self._silent &= ground is None
        if self.ground != ("" if ground is None else ground.version):
            self.changes += 1
            self._begin(ground)

    def _begin(self, ground: Ground | None) -> None:
        self._standing = None if ground is None else Standing(ground, self._slots)
        self._places = Ids()  # of slot << 31 | set of areas << 3 | type
        self._known = 0
        self._slot = np.zeros(1024, np.int32)
        self._code = np.zeros(1024, np.int32)
        self._kind = np.zeros(1024, np.int8)
        self._counts = np.zeros((1024, _STATES), np.int32)
        self._dirty = np.zeros(1024, np.bool_)
        self._at = np.zeros(0, np.int32)
        """By row of a vehicle: place * 5 + column of its state, where it is counted."""
        self._moved = np.zeros(0, np.bool_)
        """By row, to mark some; else nothing."""
        self._begun: set[int] = set()
        """Regions that were told of these areas."""
        self.count_all()

    def count_all(self) -> None:
        """Count the vehicles on file; none is counted yet."""
        if self._standing is None:
            return
        v = self._vehicles
        rows = np.flatnonzero(v["ts"] > 0)
        self._reserve()
        at = self._where(
            self._standing, v["slot"][rows], v["state"][rows], v["type_"], v["lat"], v["lon"], rows
        )
        self._at[rows] = at
        self._add(at, +1)

    def look(self, steps: Steps) -> None:
        """Follow steps of vehicles."""
        if self._standing is None:
            return
        self._reserve()
        rows, readings = steps.rows, steps.batch.readings
        was = self._at[rows]
        now = self._where(
            *(self._standing, steps.slots, steps.now("state"), readings["type_"]),
            *(readings["lat"], readings["lon"], steps.take),
        )
        moved = rows[now != was]
        if not len(moved):
            return
        self._touch(now[now != was])
        self._moved[moved] = True
        some = np.flatnonzero(self._moved[rows])  # all steps of these vehicles: the last one stays
        self._moved[moved] = False
        found, back = np.unique(rows[some][::-1], return_index=True)
        last = some[len(some) - 1 - back]
        self._add(was[last], -1)
        self._add(now[last], +1)
        self._at[found] = now[last]

    def gone(self, rows: NDArray[np.intp]) -> None:
        """Hear of vehicles that are missing."""
        if self._standing is not None:
            self._reserve()
            self._add(self._at[rows], -1)
            self._at[rows] = _ELSEWHERE

    def take(self) -> Iterator[EdgesTold]:
        """Yield what changed since the last call, by region; once all of a region that was not told of these areas."""
        if self._silent:
            return
        places = np.flatnonzero(self._dirty[: self._known])
        self._dirty[places] = False
        region = self._slots.region_of(self._slot[places])
        new = self._slots.regions - self._begun
        for number in sorted({*region.tolist(), *new}):
            yield self._told(number, places[region == number])
        self._begun |= new

    # ------------------------------------------------------------------ places

    def _where(
        self,
        standing: Standing,
        slot: NDArray[np.int32],
        state: NDArray[np.int8],
        type_: NDArray[np.int8],
        lat: NDArray[np.float64],
        lon: NDArray[np.float64],
        at: NDArray[np.integer],
    ) -> NDArray[np.int32]:
        """Return where n vehicles are counted; their types are type_[at], their positions lat[at], lon[at]."""
        found = np.full(len(slot), _ELSEWHERE, np.int32)
        by_type = standing.by_type(slot)
        some = np.flatnonzero((standing.on_boundary(slot) | by_type) & (state < _STATES))
        if len(some):
            who = at[some]
            codes = standing.codes(slot[some], lat[who], lon[who], state[some])
            kinds = np.where(by_type[some], type_[who] + 1, 0)
            found[some] = self._place(slot[some], codes, kinds) * _STATES + state[some]
        return found

    def _place(
        self, slot: NDArray[np.int32], code: NDArray[np.int32], kind: NDArray[np.integer]
    ) -> NDArray[np.int64]:
        """Return the place of each slot, set and type; new ones are learnt."""
        named_by = (slot.astype(np.int64) << _CODE_BITS | code) << _TYPE_BITS | kind
        keys, inverse = np.unique(named_by, return_inverse=True)
        places = self._places.find(named(keys))
        new = np.flatnonzero(places < 0)
        if len(new):
            first, end = self._known, self._known + len(new)
            places[new] = np.arange(first, end)
            self._places.put(named(keys[new]), places[new])
            for name in ("_slot", "_code", "_kind", "_counts", "_dirty"):
                setattr(self, name, grown(getattr(self, name), end))
            self._slot[first:end] = keys[new] >> _CODE_BITS + _TYPE_BITS
            self._code[first:end] = keys[new] >> _TYPE_BITS & ((1 << _CODE_BITS) - 1)
            self._kind[first:end] = keys[new] & ((1 << _TYPE_BITS) - 1)
            self._known = end
        return places[inverse]

    def _reserve(self) -> None:
        """Make room for all vehicles."""
        self._at = grown(self._at, len(self._vehicles.table), _ELSEWHERE)
        self._moved = grown(self._moved, len(self._vehicles.table))

    def _touch(self, at: NDArray[np.int32]) -> None:
        self._dirty[at[at >= 0] // _STATES] = True

    def _add(self, at: NDArray[np.int32], sign: int) -> None:
        np.add.at(self._counts.reshape(-1), at[at >= 0], sign)
        self._touch(at)

    def _told(self, region: int, places: NDArray[np.intp]) -> EdgesTold:
        slot, code = self._slot[places], self._code[places]
        cells, operators = self._slots.names(slot)
        sides = [] if self._standing is None else self._standing.sides(slot, code)
        inside, outside = [one for one, _ in sides], [other for _, other in sides]
        kinds = None
        if self._standing is not None and self._standing.ground.by_type:
            kinds = [_KINDS[kind] for kind in self._kind[places].tolist()]
        return EdgesTold(region, cells, operators, inside, outside, self._counts[places], kinds)
