"""News of single vehicles: moves that are impossible, and batteries that passed a line.

What there is to tell follows from a reading and the one of its vehicle before it. So nothing is kept here but what was
not told yet, and a fold that begins at a checkpoint tells the same as one that never ended.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from schemas.vehicles import VEHICLE_STATES, VEHICLE_TYPES
from streams.fleet.columns import UNKNOWN_BATTERY
from streams.fleet.jumps import JumpRule, distance_m
from streams.fleet.slots import Slots
from streams.fleet.steps import Steps
from streams.fleet.vehicles import Vehicles

GONE = np.array([name in ("missing", "elsewhere", "removed") for name in VEHICLE_STATES])
"""By state code: whether a vehicle in this state is not in the city."""

_FINE, _BETWEEN, _LOW = 0, 1, 2

MOST_MOVES = 10
"""Impossible moves told of one record of the log. Where more are, the feed is broken, and ten vehicles say so."""


@dataclass(frozen=True, slots=True)
class NewsConfig:
    """What is looked for. `battery` is (low below, fine from), per cent; None: not looked for."""

    jumps: JumpRule | None = None
    battery: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """An impossible move: a row of schemas.cells.VehicleMoves, told in `region` (a number)."""

    region: int
    offset: int
    vehicle_id: str
    operator: str
    vehicle_type: str
    cell: str
    from_ts: int
    from_lat: float
    from_lon: float
    ts: int
    lat: float
    lon: float
    metres: float
    limit_kmh: float


@dataclass(frozen=True, slots=True)
class Passed:
    """A vehicle that passed a line: a row of schemas.cells.VehicleNews, told in `region` (a number)."""

    region: int
    offset: int | None
    vehicle_id: str
    operator: str
    vehicle_type: str
    ts: int
    cell: str
    vehicle_state: str
    battery_percent: int | None


@dataclass(slots=True)
class News:
    """What one partition has to tell, in the order of its log."""

    config: NewsConfig
    slots: Slots
    vehicles: Vehicles
    moves: list[Move] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)
    _told: tuple[int, int] = (-1, 0)
    """Offset of the record that told a move last, and how many it told."""

    def look(self, steps: Steps) -> None:
        """Look at readings before they are written."""
        if self.config.jumps is not None:
            self._jumps(steps, self.config.jumps)
        if self.config.battery is not None:
            self._batteries(steps)

    def gone(self, rows: NDArray[np.intp], at: NDArray[np.int64]) -> None:
        """Hear of vehicles that are missing from `at` on, before that is written. No record of the log says so."""
        if self.config.battery is None:
            return
        open_ = np.flatnonzero(self._levels(self.vehicles.battery[rows]) != _FINE)
        for i in open_.tolist():
            row = int(rows[i])
            self._tell(
                None, row, int(self.vehicles.slot[row]), int(at[i]), "missing", self.vehicles.type_[row], None
            )

    def take(self) -> tuple[list[Move], list[Passed]]:
        """Return what was not told yet."""
        told = self.moves, self.passed
        self.moves, self.passed = [], []
        return told

    # ------------------------------------------------------------------ jumps

    def _jumps(self, steps: Steps, rule: JumpRule) -> None:
        lat, lon, was_lat, was_lon = (
            steps.now("lat"),
            steps.now("lon"),
            steps.before("lat"),
            steps.before("lon"),
        )
        far = rule.worth_a_look(lat - was_lat, lon - was_lon)
        if not len(far):
            return
        was_ts, state, was_state = steps.before("ts"), steps.now("state"), steps.before("state")
        far = far[(was_ts[far] > 0) & ~GONE[state[far]] & ~GONE[was_state[far]]]
        metres = distance_m(was_lat[far], was_lon[far], lat[far], lon[far])
        ts, type_ = steps.now("ts"), steps.now("type_")
        limit = rule.limits()[type_[far]]
        fast = rule.too_fast(metres, ts[far] - was_ts[far], limit)
        told = self._first(steps, far, np.flatnonzero(fast))
        was_slots = steps.slots_before()
        for place, offset in told:
            i = int(far[place])
            region, slot = self._either(int(was_slots[i]), int(steps.slots[i]))
            cell, operator = self._named(slot)
            self.moves.append(
                Move(
                    region, offset, self._id(int(steps.rows[i])), operator, VEHICLE_TYPES[type_[i]], cell,
                    int(was_ts[i]), float(was_lat[i]), float(was_lon[i]), int(ts[i]), float(lat[i]), float(lon[i]),
                    float(metres[place]), float(limit[place]),
                )
            )  # fmt: skip

    def _first(
        self, steps: Steps, far: NDArray[np.intp], fast: NDArray[np.intp]
    ) -> Iterator[tuple[int, int]]:
        """Yield the first places of `fast` in each record, with its offset. A batch may show a record in pieces."""
        numbers = np.searchsorted(steps.batch.starts, steps.take[far[fast]], side="right")
        for number, begin in zip(*(x.tolist() for x in np.unique(numbers, return_index=True)), strict=True):
            offset = steps.batch.records[number - 1][0].offset
            told = self._told[1] if self._told[0] == offset else 0
            some = fast[begin : begin + MOST_MOVES - told]
            some = some[numbers[begin : begin + len(some)] == number]
            self._told = offset, told + len(some)
            for place in some.tolist():
                yield place, offset

    def _either(self, before: int, now: int) -> tuple[int, int]:
        """Return one region that both ways between two places are told in, and the place in it."""
        names = self.slots.cells.regions
        regions = self.slots.region_of(np.array([before, now])).tolist()
        if names[regions[0]] < names[regions[1]]:
            return regions[0], before
        return regions[1], now

    # ------------------------------------------------------------------ batteries

    def _levels(self, battery: NDArray[np.int16]) -> NDArray[np.int8]:
        """Return whether batteries are low, fine or between; one that is not known is between: it changes nothing."""
        assert self.config.battery is not None
        low, fine = self.config.battery
        levels = np.full(len(battery), _BETWEEN, np.int8)
        levels[battery >= fine] = _FINE
        levels[(battery < low) & (battery != UNKNOWN_BATTERY)] = _LOW
        return levels

    def _batteries(self, steps: Steps) -> None:
        """Tell of vehicles that are low, or fine, or gone, and were not so before; and of those that left a region."""
        state, battery, was_slots = steps.now("state"), steps.now("battery"), steps.slots_before()
        was_ts, was_state, was_battery = steps.before("ts"), steps.before("state"), steps.before("battery")
        some = np.flatnonzero(
            (battery != was_battery) | (state != was_state) | (steps.slots != was_slots) | (was_ts == 0)
        )
        known, gone, was_gone = was_ts[some] > 0, GONE[state[some]], GONE[was_state[some]]
        level, was = self._levels(battery[some]), self._levels(was_battery[some])
        level[gone], was[was_gone | ~known] = _FINE, _FINE
        region = self.slots.region_of(steps.slots[some])
        left = known & (region != self.slots.region_of(was_slots[some])) & (was != _FINE)
        was[left] = _FINE
        passed = (level != was) & (level != _BETWEEN)
        ts, type_ = steps.now("ts"), steps.now("type_")
        for place in np.flatnonzero(left | passed).tolist():
            i = int(some[place])
            offset, row, at, kind = self._offset(steps, i), int(steps.rows[i]), int(ts[i]), int(type_[i])
            if left[place]:
                self._tell(offset, row, int(was_slots[i]), at, "elsewhere", kind, None)
            if passed[place]:
                charge = None if battery[i] == UNKNOWN_BATTERY else int(battery[i])
                self._tell(offset, row, int(steps.slots[i]), at, VEHICLE_STATES[state[i]], kind, charge)

    # ------------------------------------------------------------------ names

    def _tell(
        self, offset: int | None, row: int, slot: int, ts: int, state: str, type_: int, battery: int | None
    ) -> None:
        region = int(self.slots.region_of(np.array([slot]))[0])
        cell, operator = self._named(slot)
        kind = VEHICLE_TYPES[type_]
        self.passed.append(Passed(region, offset, self._id(row), operator, kind, ts, cell, state, battery))

    def _id(self, row: int) -> str:
        return self.vehicles.ids.texts(np.array([row]))[0]

    def _named(self, slot: int) -> tuple[str, str]:
        """Return the cell (hex) and the operator of a slot."""
        cells, operators = self.slots.names(np.array([slot]))
        return cells[0], operators[0]

    def _offset(self, steps: Steps, i: int) -> int:
        record, _, _ = steps.batch.at(int(steps.take[i]))
        return record.offset
