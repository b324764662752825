"""News of single vehicles: moves that are impossible or too fast, batteries that passed a line, areas they stand in.

News follow from a reading and the vehicle's reading before it. So only news that were not handed out yet are kept here,
and a fold that starts from a checkpoint publishes the same news as one that never ended.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise, repeat

import numpy as np
from numpy.typing import NDArray

from schemas.vehicles import VEHICLE_STATES, VEHICLE_TYPES
from streams.fleet import looks
from streams.fleet.columns import UNKNOWN_BATTERY
from streams.fleet.ground import Ground, Standing
from streams.fleet.jumps import JumpRule, distance_m
from streams.fleet.looks import GONE, HOUR_MS
from streams.fleet.slots import Slots
from streams.fleet.speeds import SpeedLimits, Speeds
from streams.fleet.steps import Steps
from streams.fleet.told import Move, Passed, Told
from streams.fleet.trips import Trips
from streams.fleet.vehicles import Vehicles

_FINE, _BETWEEN, _LOW = 0, 1, 2
_MISSING, _ELSEWHERE = (VEHICLE_STATES.index(name) for name in ("missing", "elsewhere"))

_NONE = np.zeros(0)
MOST_MOVES = 10
"""Impossible moves told of one record of the log. Where more are, the feed is broken, and ten vehicles say so."""


@dataclass(frozen=True, slots=True)
class NewsConfig:
    """What is looked for; None: it is not. `battery` is (low below, fine from), per cent.

    `ground` are areas to stand in, `speeds` those with speed limits, `trips` those in which trips that begin are told:
    their cells, by id.
    """

    jumps: JumpRule | None = None
    battery: tuple[int, int] | None = None
    ground: Ground | None = None
    speeds: SpeedLimits | None = None
    trips: Mapping[str, frozenset[str]] | None = None


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
        self._look_for(self.config)

    @property
    def looks(self) -> bool:
        """Whether anything is looked for."""
        return self.config != NOTHING

    @property
    def ground(self) -> str:
        """Version of the areas that are looked for; empty: none are."""
        return "" if self.config.ground is None else self.config.ground.version

    def take_config(self, config: NewsConfig) -> None:
        """Look for something else from now on; all vehicles that stand in an area are told."""
        self.config = config
        self._look_for(config)
        self.tell_all()

    def _look_for(self, config: NewsConfig) -> None:
        ground, speeds, trips = config.ground, config.speeds, config.trips
        self._standing = None if ground is None else Standing(ground, self.slots)
        self._speeds = None if speeds is None else Speeds(speeds, self.slots, self.vehicles)
        self._trips = None if trips is None else Trips(trips, self.slots)

    def tell_all(self) -> None:
        """Tell of every vehicle that stands in an area: whoever hears this knows of no others. No record says so."""
        self._waiting.anew = []
        if self._standing is None:
            return
        rows = np.flatnonzero(self.vehicles["ts"] > 0)
        codes = self._codes_on_file(rows)
        self._waiting.anew += self._rows_on_file(rows[codes > 0], codes[codes > 0])

    def tell_charged(self, before: tuple[int, int]) -> None:
        """Tell of every vehicle whose battery is fine by the lines of now, and was not by those before.

        It may have been told as low, and the way to its next reading passes no line. No record says so.
        """
        if self.config.battery is None:
            return
        v = self.vehicles
        fine = self._levels(v["battery"]) == _FINE
        was_fine = _levels(v["battery"], before) == _FINE
        rows = np.flatnonzero((v["ts"] > 0) & ~GONE[v["state"]] & fine & ~was_fine)
        self._waiting.charged += self._rows_on_file(rows, self._codes_on_file(rows))

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
        open_ = (self._levels(v["battery"][rows]) != _FINE) | (self._codes_on_file(rows) > 0)
        rows, n = rows[open_], int(np.count_nonzero(open_))
        self._waiting.passed += self._rows(
            repeat(None),
            rows,
            v["slot"][rows],
            at[open_],
            np.full(n, _MISSING),
            v["type_"][rows],
            np.full(n, UNKNOWN_BATTERY),
            np.zeros(n, np.int32),
        )

    def take(self) -> Told:
        """Return what was not told yet."""
        told, self._waiting = self._waiting, Told()
        return told

    # ------------------------------------------------------------------ jumps

    def _jumps(self, steps: Steps, rule: JumpRule) -> None:
        steps, metres, limit = self._too_fast(steps, rule)
        if not len(steps):
            return
        some, offsets = self._first(steps)
        steps, metres, limit = steps.of(some), metres[some], limit[some]
        region, slot = self._either(steps.slots_before(), steps.slots)
        cells, operators = self.slots.names(slot)
        self._waiting.moves += map(
            Move,
            region,
            offsets,
            self.vehicles.ids.texts(steps.rows),
            operators,
            [VEHICLE_TYPES[code] for code in steps.now("type_").tolist()],
            cells,
            *(steps.before(name).tolist() for name in ("ts", "lat", "lon")),
            *(steps.now(name).tolist() for name in ("ts", "lat", "lon")),
            metres.tolist(),
            limit.tolist(),
        )

    def _too_fast(
        self, steps: Steps, rule: JumpRule
    ) -> tuple[Steps, NDArray[np.float64], NDArray[np.float64]]:
        """Return the impossible steps, at least the first MOST_MOVES of each record; their metres and limits, km/h.

        Where a whole fleet jumps about, few of them are looked at.
        """
        starts = np.array(steps.batch.starts)
        for most in (2 * MOST_MOVES, len(steps)):
            some = self._moved(steps, rule, starts, most)
            if not len(some):
                return some, _NONE, _NONE
            metres = distance_m(some.before("lat"), some.before("lon"), some.now("lat"), some.now("lon"))
            limit = rule.limits()[some.now("type_")]
            fast = np.flatnonzero(rule.too_fast(metres, some.now("ts") - some.before("ts"), limit))
            record = np.searchsorted(starts, some.take, side="right")
            moved, jumped = np.bincount(record), np.bincount(record[fast], minlength=len(starts) + 1)
            if ((moved < most) | (jumped[: len(moved)] >= MOST_MOVES)).all():
                break
        return some.of(fast), metres[fast], limit[fast]

    def _moved(self, steps: Steps, rule: JumpRule, starts: NDArray[np.int64], most: int) -> Steps:
        """Return the steps that may go beyond the noise, at most the first `most` of each record."""
        found = np.empty(len(steps), np.int32)
        n = looks.moved(
            steps.batch.readings, steps.take, steps.on_file, starts, most, rule.least_degrees, found
        )
        return steps.of(found[:n])

    def _first(self, steps: Steps) -> tuple[NDArray[np.intp], list[int]]:
        """Return the places of the first steps of each record, and their offsets. A batch may show one in pieces."""
        places = np.arange(len(steps))
        chosen, offsets = [places[:0]], []
        bounds = [*np.searchsorted(steps.take, steps.batch.starts).tolist(), len(steps)]
        for record, (begin, end) in zip(steps.batch.records, pairwise(bounds), strict=True):
            told = self._told[1] if self._told[0] == record.offset else 0
            some = places[begin : min(end, begin + MOST_MOVES - told)]
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
        return _levels(battery, self.config.battery)

    def _lines(self, steps: Steps) -> None:
        """Note vehicles that changed: battery low or fine, standing in other areas, gone, or of another type.

        A vehicle that leaves a region is noted in both regions. One whose battery stays low is noted once an hour: it
        may have been low before alerts on it were switched on, or while they had another limit.
        """
        steps = self._changed(steps)
        if not len(steps):
            return
        state, battery, was_slots = steps.now("state"), steps.now("battery"), steps.slots_before()
        known, was_state = steps.before("ts") > 0, steps.before("state")
        gone, was_gone = GONE[state], GONE[was_state]
        level, was = self._levels(battery), self._levels(steps.before("battery"))
        level[gone], was[was_gone | ~known] = _FINE, _FINE
        code, was_code = self._codes(steps)
        was_code[~known] = 0
        region, was_region = self.slots.region_of(steps.slots), self.slots.region_of(was_slots)
        left = known & (region != was_region) & ((was != _FINE) | (was_code != 0))
        was[left], was_code[left] = _FINE, 0
        passed = (level != was) & (level != _BETWEEN)
        passed |= (level == _LOW) & (steps.now("ts") // HOUR_MS != steps.before("ts") // HOUR_MS)
        other = (state != was_state) | (steps.now("type_") != steps.before("type_"))
        passed |= (code != was_code) | ((code != 0) & other)
        both = np.sort(np.concatenate((2 * np.flatnonzero(left), 2 * np.flatnonzero(passed) + 1)))
        some, elsewhere = steps.of(both // 2), both % 2 == 0
        self._waiting.passed += self._rows(
            some.offsets(),
            some.rows,
            np.where(elsewhere, some.slots_before(), some.slots),
            some.now("ts"),
            np.where(elsewhere, _ELSEWHERE, some.now("state")),
            some.now("type_"),
            np.where(elsewhere, UNKNOWN_BATTERY, some.now("battery")),
            np.where(elsewhere, 0, code[both // 2]),
        )

    def _changed(self, steps: Steps) -> Steps:
        """Return the steps with which a vehicle may have passed a line."""
        found = np.empty(len(steps), np.int32)
        n = looks.changed(
            steps.batch.readings,
            steps.take,
            steps.slots,
            steps.on_file,
            self.slots.cell_of,
            self.slots.cells.region,
            self._standing is None,  # then the way from one region to another is all that matters
            0 if self.config.battery is None else self.config.battery[0],
            found,
        )
        if self._standing is None:
            return steps.of(found[:n])
        worth = self._standing.on_boundary(steps.slots)
        worth[found[:n]] = True
        return steps.of(np.flatnonzero(worth))

    def _codes(self, steps: Steps) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the sets of areas in which vehicles stand, and stood."""
        n = len(steps)
        if self._standing is None:
            return np.zeros(n, np.int32), np.zeros(n, np.int32)
        lat, lon, state = (
            np.concatenate((steps.now(name), steps.before(name))) for name in ("lat", "lon", "state")
        )
        codes = self._standing.codes(np.concatenate((steps.slots, steps.slots_before())), lat, lon, state)
        return codes[:n], codes[n:]

    def _codes_on_file(self, rows: NDArray[np.intp]) -> NDArray[np.int32]:
        """Return the sets of areas in which vehicles stand, as they are on file."""
        if self._standing is None:
            return np.zeros(len(rows), np.int32)
        v = self.vehicles
        return self._standing.codes(v["slot"][rows], v["lat"][rows], v["lon"][rows], v["state"][rows])

    # ------------------------------------------------------------------ rows

    def _rows_on_file(self, rows: NDArray[np.intp], codes: NDArray[np.int32]) -> Iterable[Passed]:
        """Return what is told of vehicles as they are on file."""
        slot, ts, state, type_, battery = (
            self.vehicles[name][rows] for name in ("slot", "ts", "state", "type_", "battery")
        )
        return self._rows(repeat(None), rows, slot, ts, state, type_, battery, codes)

    def _rows(
        self,
        offsets: Iterable[int | None],
        rows: NDArray[np.integer],
        slots: NDArray[np.int32],
        ts: NDArray[np.int64],
        state: NDArray[np.integer],
        type_: NDArray[np.int8],
        battery: NDArray[np.integer],
        code: NDArray[np.int32],
    ) -> Iterable[Passed]:
        """Return what is told of n vehicles; `code`: of the set of areas that each stands in."""
        cells, operators = self.slots.names(slots)
        areas = self._standing.ground.areas if self._standing is not None else _no_areas
        sets = {one: areas(one) for one in set(code.tolist())}
        return map(
            Passed,
            self.slots.region_of(slots).tolist(),
            offsets,
            self.vehicles.ids.texts(rows),
            operators,
            [VEHICLE_TYPES[one] for one in type_.tolist()],
            ts.tolist(),
            cells,
            [VEHICLE_STATES[one] for one in state.tolist()],
            [None if one == UNKNOWN_BATTERY else one for one in battery.tolist()],
            [sets[one] for one in code.tolist()],
        )


def _levels(battery: NDArray[np.int16], lines: tuple[int, int]) -> NDArray[np.int8]:
    low, fine = lines
    levels = np.full(len(battery), _BETWEEN, np.int8)
    levels[battery >= fine] = _FINE
    levels[(battery < low) & (battery != UNKNOWN_BATTERY)] = _LOW
    return levels


def _no_areas(_code: int) -> list[str]:
    return []
