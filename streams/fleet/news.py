"""News of single vehicles: moves that are impossible or too fast, batteries that passed a line, areas they stand in.

What there is to tell follows from a reading and the one of its vehicle before it. So nothing is kept here but what was
not told yet, and a fold that begins at a checkpoint tells the same as one that never ended.
"""

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.vehicles import VEHICLE_STATES, VEHICLE_TYPES
from streams.fleet.columns import UNKNOWN_BATTERY
from streams.fleet.ground import Ground, Standing
from streams.fleet.jumps import JumpRule, distance_m
from streams.fleet.slots import Slots
from streams.fleet.speeds import SpeedLimits, Speeds
from streams.fleet.steps import Steps
from streams.fleet.told import Move, Passed, Told
from streams.fleet.trips import Trips
from streams.fleet.vehicles import Vehicles

GONE = np.array([name in ("missing", "elsewhere", "removed") for name in VEHICLE_STATES])
"""By state code: whether a vehicle in this state is not in the city."""

_FINE, _BETWEEN, _LOW = 0, 1, 2

MOST_MOVES = 10
"""Impossible moves told of one record of the log. Where more are, the feed is broken, and ten vehicles say so."""


@dataclass(frozen=True, slots=True)
class NewsConfig:
    """What is looked for; None: it is not. `battery` is (low below, fine from), per cent.

    `ground` are areas to stand in, `speeds` those with speed limits, `trips` cells in which trips that begin are told.
    """

    jumps: JumpRule | None = None
    battery: tuple[int, int] | None = None
    ground: Ground | None = None
    speeds: SpeedLimits | None = None
    trips: frozenset[str] | None = None


NOTHING = NewsConfig()


@dataclass(slots=True)
class News:
    """What one partition has to tell, in the order of its log."""

    config: NewsConfig
    slots: Slots
    vehicles: Vehicles
    _waiting: Told = field(default_factory=Told)
    _told: tuple[int, int] = (-1, 0)
    """Offset of the record that told a move last, and how many it told."""
    _standing: Standing | None = field(init=False)
    _speeds: Speeds | None = field(init=False)
    _trips: Trips | None = field(init=False)

    def __post_init__(self) -> None:
        ground = self.config.ground
        self._standing = None if ground is None else Standing(ground, self.slots)
        self.take_speeds(self.config.speeds)
        self.take_trips(self.config.trips)

    @property
    def looks(self) -> bool:
        """Whether anything is looked for."""
        return self.config != NOTHING

    @property
    def ground(self) -> str:
        """Version of the areas that are looked for; empty: none are."""
        return "" if self.config.ground is None else self.config.ground.version

    def take_ground(self, ground: Ground | None) -> None:
        """Look for other areas from now on; all vehicles that stand in one of them are told."""
        self.config = replace(self.config, ground=ground)
        self._standing = None if ground is None else Standing(ground, self.slots)
        self.tell_all()

    def take_speeds(self, limits: SpeedLimits | None) -> None:
        """Look for other speeds from now on."""
        self.config = replace(self.config, speeds=limits)
        self._speeds = None if limits is None else Speeds(limits, self.slots, self.vehicles)

    def take_trips(self, cells: frozenset[str] | None) -> None:
        """Tell trips that begin in other cells from now on."""
        self.config = replace(self.config, trips=cells)
        self._trips = None if cells is None else Trips(cells, self.slots)

    def tell_all(self) -> None:
        """Tell of every vehicle that stands in an area: whoever hears this knows of no others. No record says so."""
        self._waiting.anew = []
        if self._standing is None:
            return
        v = self.vehicles
        rows = np.flatnonzero(v["ts"] > 0)
        codes = self._standing.codes(v["slot"][rows], v["lat"][rows], v["lon"][rows], v["state"][rows])
        for row, code in zip(rows[codes > 0].tolist(), codes[codes > 0].tolist(), strict=True):
            state, charge = VEHICLE_STATES[v["state"][row]], int(v["battery"][row])
            self._waiting.anew.append(
                self._row(
                    None,
                    row,
                    int(v["slot"][row]),
                    int(v["ts"][row]),
                    state,
                    int(v["type_"][row]),
                    charge,
                    code,
                )
            )

    def look(self, steps: Steps) -> None:
        """Look at steps; they may be on file already."""
        if self.config.jumps is not None:
            self._jumps(steps, self.config.jumps)
        if self.config.battery is not None or self._standing is not None:
            self._lines(steps)
        if self._speeds is not None:
            self._waiting.fast += self._speeds.look(steps)
        if self._trips is not None:
            self._waiting.begun += self._trips.look(steps)

    def gone(self, rows: NDArray[np.intp], at: NDArray[np.int64]) -> None:
        """Hear of vehicles that are missing from `at` on, before that is written. No record of the log says so."""
        if not self.looks:
            return
        v = self.vehicles
        open_ = self._levels(v["battery"][rows]) != _FINE
        if self._standing is not None:
            open_ |= (
                self._standing.codes(v["slot"][rows], v["lat"][rows], v["lon"][rows], v["state"][rows]) > 0
            )
        for row, ts in zip(rows[open_].tolist(), at[open_].tolist(), strict=True):
            self._tell(None, row, int(v["slot"][row]), ts, "missing", int(v["type_"][row]))

    def take(self) -> Told:
        """Return what was not told yet."""
        told, self._waiting = self._waiting, Told()
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
        first, offsets = self._first(steps, far, np.flatnonzero(fast))
        some = far[first]
        region, slot = self._either(steps.slots_before()[some], steps.slots[some])
        cells, operators = self.slots.names(slot)
        self._waiting.moves += map(
            Move,
            region,
            offsets,
            self.vehicles.ids.texts(steps.rows[some]),
            operators,
            [VEHICLE_TYPES[code] for code in type_[some].tolist()],
            cells,
            was_ts[some].tolist(),
            was_lat[some].tolist(),
            was_lon[some].tolist(),
            ts[some].tolist(),
            lat[some].tolist(),
            lon[some].tolist(),
            metres[first].tolist(),
            limit[first].tolist(),
        )

    def _first(
        self, steps: Steps, far: NDArray[np.intp], fast: NDArray[np.intp]
    ) -> tuple[NDArray[np.intp], list[int]]:
        """Return the first places of `fast` in each record, and their offsets. A batch may show a record in pieces."""
        chosen, offsets = [fast[:0]], []
        bounds = [*np.searchsorted(steps.take[far[fast]], steps.batch.starts).tolist(), len(fast)]
        for record, (begin, end) in zip(steps.batch.records, pairwise(bounds), strict=True):
            told = self._told[1] if self._told[0] == record.offset else 0
            some = fast[begin : min(end, begin + MOST_MOVES - told)]
            if len(some):
                self._told = record.offset, told + len(some)
                chosen.append(some)
                offsets += [record.offset] * len(some)
        return np.concatenate(chosen), offsets

    def _either(
        self, before: NDArray[np.int32], now: NDArray[np.int32]
    ) -> tuple[list[int], NDArray[np.int32]]:
        """Return one region that both ways between two places are told in, and the place in it, for each of n."""
        names = np.array(self.slots.cells.regions)
        regions_before, regions_now = self.slots.region_of(before), self.slots.region_of(now)
        first = names[regions_before] < names[regions_now]
        return np.where(first, regions_before, regions_now).tolist(), np.where(first, before, now)

    # ------------------------------------------------------------------ lines

    def _levels(self, battery: NDArray[np.int16]) -> NDArray[np.int8]:
        """Return whether batteries are low, fine or between; one that is not known is between: it changes nothing."""
        if self.config.battery is None:
            return np.full(len(battery), _FINE, np.int8)
        low, fine = self.config.battery
        levels = np.full(len(battery), _BETWEEN, np.int8)
        levels[battery >= fine] = _FINE
        levels[(battery < low) & (battery != UNKNOWN_BATTERY)] = _LOW
        return levels

    def _lines(self, steps: Steps) -> None:
        """Tell of vehicles that are low, or fine, or stand elsewhere, or are gone, and were not so before.

        One that leaves a region is told in both.
        """
        state, battery, was_slots = steps.now("state"), steps.now("battery"), steps.slots_before()
        was_ts, was_state, was_battery = steps.before("ts"), steps.before("state"), steps.before("battery")
        look = (battery != was_battery) | (state != was_state) | (steps.slots != was_slots) | (was_ts == 0)
        if self._standing is not None:
            look |= self._standing.on_boundary(steps.slots)
        some = np.flatnonzero(look)
        known, gone, was_gone = was_ts[some] > 0, GONE[state[some]], GONE[was_state[some]]
        level, was = self._levels(battery[some]), self._levels(was_battery[some])
        level[gone], was[was_gone | ~known] = _FINE, _FINE
        code, was_code = self._codes(steps, some, was_slots[some], was_state[some])
        was_code[~known] = 0
        region, was_region = (self.slots.region_of(one[some]) for one in (steps.slots, was_slots))
        left = known & (region != was_region) & ((was != _FINE) | (was_code != 0))
        was[left], was_code[left] = _FINE, 0
        passed = (level != was) & (level != _BETWEEN)
        passed |= (code != was_code) | ((code != 0) & (state[some] != was_state[some]))
        ts, type_ = steps.now("ts"), steps.now("type_")
        for place in np.flatnonzero(left | passed).tolist():
            i = int(some[place])
            offset, row, at, kind = self._offset(steps, i), int(steps.rows[i]), int(ts[i]), int(type_[i])
            if left[place]:
                self._tell(offset, row, int(was_slots[i]), at, "elsewhere", kind)
            if passed[place]:
                name, charge, areas = VEHICLE_STATES[state[i]], int(battery[i]), int(code[place])
                self._tell(offset, row, int(steps.slots[i]), at, name, kind, charge, areas)

    def _codes(
        self, steps: Steps, some: NDArray[np.intp], was_slots: NDArray[np.int32], was_state: NDArray[np.int8]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the sets of areas in which some vehicles stand, and stood."""
        if self._standing is None:
            return np.zeros(len(some), np.int32), np.zeros(len(some), np.int32)
        lat, lon = (
            np.concatenate((steps.now(name)[some], steps.before(name)[some])) for name in ("lat", "lon")
        )
        slots = np.concatenate((steps.slots[some], was_slots))
        state = np.concatenate((steps.now("state")[some], was_state))
        codes = self._standing.codes(slots, lat, lon, state)
        return codes[: len(some)], codes[len(some) :]

    # ------------------------------------------------------------------ names

    def _tell(self, *row: Any) -> None:
        self._waiting.passed.append(self._row(*row))

    def _row(
        self,
        offset: int | None,
        row: int,
        slot: int,
        ts: int,
        state: str,
        type_: int,
        battery: int = UNKNOWN_BATTERY,
        code: int = 0,
    ) -> Passed:
        region = int(self.slots.region_of(np.array([slot]))[0])
        cell, operator = self._named(slot)
        charge = None if battery == UNKNOWN_BATTERY else battery
        areas = [] if self._standing is None else self._standing.ground.areas(code)
        kind = VEHICLE_TYPES[type_]
        return Passed(region, offset, self._id(row), operator, kind, ts, cell, state, charge, areas)

    def _id(self, row: int) -> str:
        return self.vehicles.ids.texts(np.array([row]))[0]

    def _named(self, slot: int) -> tuple[str, str]:
        """Return the cell (hex) and the operator of a slot."""
        cells, operators = self.slots.names(np.array([slot]))
        return cells[0], operators[0]

    def _offset(self, steps: Steps, i: int) -> int:
        record, _ = steps.batch.at(int(steps.take[i]))
        return record.offset
