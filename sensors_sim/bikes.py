"""A fleet of shared bikes on a city's places: its state, how it changes, and what it reports.

Vectorised: one array element a bike, and a fixed tick of event time, so that the readings do not
depend on how large the steps of the caller are. The same seed gives the same bytes.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import numpy as np

from schemas.vehicles import VEHICLE_STATES
from sensors_sim.batch import (
    AVAILABLE,
    NON_CONTACTABLE,
    NON_OPERATIONAL,
    ON_TRIP,
    REMOVED,
    RESERVED,
    Bools,
    Codes,
    Floats,
    Ints,
    Positions,
    ids,
)
from sensors_sim.city import KINDS, City
from sensors_sim.geo import inside
from sensors_sim.rhythm import STANDING_AT_NIGHT, USUAL, Calendar, Demand, demand
from sensors_sim.riders import Riders

OPERATORS: Mapping[str, float] = MappingProxyType({"hello": 0.42, "meituan": 0.36, "didi": 0.22})
"""Share of the fleet, by operator."""

UNKNOWN = -1
TICK_MS = 1_000
LEAST_GAP_MS = 5_000
"""Least time between two readings of a bike: with GPS noise, a shorter one would look like a jump."""

RIDING_PING_MS, PARKED_PING_MS, NEVER_MS = 15_000, 60_000, 2**60
SPEED_KMH = (12.0, 15.0)
LEAST_TRIP_MS = 60_000
GPS_SIGMA_M, GPS_WORST_M = 5.0, 15.0

RANGE_M = 45_000.0
LOW_BATTERY = 12.0
SWAP_AFTER_MS = (1_800_000, 10_800_000)
BREAKS_PER_TRIP = 0.001

RESERVED_SHARE = 0.12
RESERVED_MS = (60_000, 240_000)

SILENT_PER_S = 0.006 / 3600
SILENT_MS = (1_200_000, 3_600_000)


def bikes_of(operators: Mapping[str, float], bikes: int) -> dict[str, int]:
    """Return how many of the bikes each operator has, by its share."""
    counts = np.diff(np.round(np.cumsum([0.0, *operators.values()]) * bikes)).astype(int)
    return dict(zip(operators, counts.tolist(), strict=True))


def vehicle_name(operator: str, number: int) -> str:
    """Return the id of an operator's bike; they are numbered from 0."""
    return f"{operator}-{number:06d}"


class Happening(Protocol):
    """Something that a scenario adds to the ordinary day; told about every tick."""

    def act(self, fleet: "Fleet", now: int) -> None:
        """Change what the riders do at `now`, milliseconds since the epoch."""
        ...


class Fleet:
    """n bikes. Attributes may be read between steps; only the methods change them.

    state     uint8[n], index into schemas.vehicles.VEHICLE_STATES
    place     int64[n], where the bike stands, or is being ridden to
    stock     int64[p], bikes per place; its sum is n
    x, y      float64[n], metres, where the bike stands or its ride began
    left, due   int64[n], milliseconds since the epoch, when the last ride began and ends
    changes_at  int64[n], when the present state ends by itself, NEVER_MS for those that do not
    appetite  float64[o], how many people want to ride a bike of each operator, as a share of the usual number;
              happenings change it for one tick
    closed    int64[p], how many happenings close a place; nobody rides to a place that is closed by any
    locked    int64[n], how many happenings lock a bike; a locked bike stands and cannot be taken
    usual     int64[p], bikes that would be at a place without its floods; UNKNOWN for a place without a flood
    asked     int64[p], how many bikes more than that the floods of a place ask for together
    """

    def __init__(
        self,
        city: City,
        bikes: int,
        start: int,
        rng: np.random.Generator,
        happenings: Sequence[Happening] = (),
        operators: Mapping[str, float] = OPERATORS,
        calendar: Calendar = USUAL,
    ) -> None:
        self.city = city
        self.now = start
        self.happenings = tuple(happenings)
        self.operators = tuple(operators)
        self.calendar = calendar
        self.appetite: Floats = np.ones(len(operators))
        self.closed: Ints = np.zeros(len(city.x), dtype=np.int64)
        self.locked: Ints = np.zeros(bikes, dtype=np.int64)
        self.usual: Ints = np.full(len(city.x), UNKNOWN)
        self.asked: Ints = np.zeros(len(city.x), dtype=np.int64)
        self._rng, self._gps, riders = rng.spawn(3)
        self._riders = Riders(city, bikes, riders)

        counts = list(bikes_of(operators, bikes).values())
        self.operator: Codes = np.repeat(np.arange(len(operators), dtype=np.uint8), counts)
        self.vehicle_id = ids(
            [vehicle_name(name, i) for name, n in zip(operators, counts, strict=True) for i in range(n)]
        )

        of_kind = np.bincount(city.kind, weights=city.room, minlength=len(KINDS))
        share = STANDING_AT_NIGHT[city.kind] * city.room / of_kind[city.kind]
        self.place: Ints = self._rng.choice(len(share), bikes, p=share / share.sum())
        self.stock: Ints = np.bincount(self.place, minlength=len(share))
        self.x, self.y = self._spots(self.place, city.spread[self.place])
        self._to_x, self._to_y = self.x.copy(), self.y.copy()
        self.left: Ints = np.full(bikes, start - LEAST_TRIP_MS)
        self.due: Ints = np.full(bikes, start)

        self.battery: Floats = self._rng.uniform(LOW_BATTERY, 100.0, bikes)
        empty = self._rng.random(bikes) < 0.015
        self.battery[empty] = self._rng.uniform(1.0, LOW_BATTERY, int(empty.sum()))
        self.state: Codes = np.where(empty, NON_OPERATIONAL, AVAILABLE).astype(np.uint8)
        self.changes_at: Ints = np.where(empty, start + self._rng.integers(*SWAP_AFTER_MS, bikes), NEVER_MS)

        self._ping_every: Ints = np.full(len(VEHICLE_STATES), PARKED_PING_MS)
        self._ping_every[ON_TRIP] = RIDING_PING_MS
        self._ping_every[[NON_CONTACTABLE, REMOVED]] = NEVER_MS
        self._next_ping: Ints = start + self._rng.integers(0, PARKED_PING_MS, bikes)
        self._last_ping: Ints = self._next_ping - PARKED_PING_MS

    def __len__(self) -> int:
        return len(self.state)

    def step(self, until: int) -> Positions:
        """Advance in whole ticks while a tick ends at or before `until`; return what was reported, by ts."""
        rows: list[tuple[Ints, Ints, Floats, Floats, Codes, Ints]] = []
        while self.now + TICK_MS <= until:
            self._change(demand(self.now, self.calendar))
            self.now += TICK_MS
            due = np.flatnonzero(self._next_ping < self.now)
            if len(due):
                rows.append(self._report(due))
        if not rows:
            rows.append(self._report(np.empty(0, np.int64)))
        bike, ts, x, y, state, battery = (np.concatenate(column) for column in zip(*rows, strict=True))
        lat, lon = self.city.plane.latlon(x, y)
        return Positions(
            self.operators, self.operator[bike], self.vehicle_id[bike], ts, lat, lon, state, battery
        )

    def free_at(self, place: int) -> Ints:
        """Return the bikes that stand at `place` and can be taken."""
        return np.flatnonzero((self.place == place) & self._free())

    def free_around(self, x: float, y: float, nearest_m: float, farthest_m: float) -> Ints:
        """Return the bikes that can be taken between two distances from a point."""
        distance = np.hypot(self.x - x, self.y - y)
        near = (distance >= nearest_m) & (distance <= farthest_m)
        return np.flatnonzero(near & self._free())

    def some(self, bikes: Ints, n: int) -> Ints:
        """Return `n` of `bikes` by lot, or all of them where there are fewer."""
        return self._rng.permutation(bikes)[: max(n, 0)]

    def kmh(self) -> Floats:
        """Return how fast the ride is that each bike is on, or was on last."""
        distance = np.hypot(self._to_x - self.x, self._to_y - self.y)
        kmh: Floats = distance * 3_600 / (self.due - self.left)
        return kmh

    def ride_to(self, bikes: Ints, place: Ints, spread_m: Floats, kmh: float | None = None) -> None:
        """Start rides that end around the centres of `place`, with a standard deviation of `spread_m`.

        All ride at `kmh`, or each at a usual speed of its own.
        """
        if len(bikes) == 0:
            return
        np.subtract.at(self.stock, self.place[bikes], 1)
        np.add.at(self.stock, place, 1)
        self.place[bikes] = place
        to_x, to_y = self._spots(place, spread_m)
        distance = np.hypot(to_x - self.x[bikes], to_y - self.y[bikes])
        between_kmh = SPEED_KMH if kmh is None else (kmh, kmh)
        metres_a_ms = self._rng.uniform(*between_kmh, len(bikes)) / 3_600
        self._to_x[bikes], self._to_y[bikes] = to_x, to_y
        self.left[bikes] = self.now
        self.due[bikes] = self.now + np.maximum(distance / metres_a_ms, LEAST_TRIP_MS).astype(np.int64)
        self._become(bikes, ON_TRIP, self.due[bikes])

    def bring(self, places: Ints) -> None:
        """Say that a happening brings a bike to each of `places`: a flood there does not make up for it."""
        np.add.at(self.usual, places, self.usual[places] != UNKNOWN)

    def carry_to(self, bikes: Ints, place: int, spread_m: float, arrive: Ints) -> None:
        """Put bikes on lorries that set them down around the centre of `place` at those times (milliseconds)."""
        places = np.full(len(bikes), place)
        self.bring(places)
        np.subtract.at(self.stock, self.place[bikes], 1)
        np.add.at(self.stock, places, 1)
        self.place[bikes] = places
        self._to_x[bikes], self._to_y[bikes] = self._spots(places, np.full(len(bikes), spread_m))
        self.left[bikes], self.due[bikes] = self.now, arrive
        self._become(bikes, REMOVED, arrive)

    def ride_away(self, bikes: Ints, wanted: Demand) -> None:
        """Start rides to where the riders of the hour want to go; a bike stays where nothing has room."""
        if len(bikes) == 0:
            return
        full = np.where(self.closed > 0, np.iinfo(np.int64).max, self.stock)
        place = self._riders.destinations(wanted, self.place[bikes], full)
        found = place >= 0
        place, stays = place[found], bikes[~found & (self.state[bikes] == RESERVED)]
        self.ride_to(bikes[found], place, self.city.spread[place])
        self._become(stays, AVAILABLE, NEVER_MS)

    def _change(self, wanted: Demand) -> None:
        """Apply what is due at the beginning of a tick, then let riders, scenario and mishaps act."""
        due = np.flatnonzero(self.changes_at <= self.now)
        if len(due):
            state = self.state[due]
            self._arrive(due[state == ON_TRIP])
            self._restore(due[state == NON_OPERATIONAL])
            self._set_down(due[state == REMOVED])
            self._become(due[state == NON_CONTACTABLE], AVAILABLE, NEVER_MS)
            self.ride_away(due[state == RESERVED], wanted)

        self.appetite[:] = 1.0
        for happening in self.happenings:
            happening.act(self, self.now)

        taken = self._riders.take(
            wanted, self.place, self._free(), self.stock, self.operator, self.appetite, TICK_MS / 1000
        )
        if len(taken):
            booked = self._rng.random(len(taken)) < RESERVED_SHARE
            self.ride_away(taken[~booked], wanted)
            until = self.now + self._rng.integers(*RESERVED_MS, int(booked.sum()))
            self._become(taken[booked], RESERVED, until)

        hits = self._rng.poisson(len(self) * SILENT_PER_S)
        if hits:
            hit = np.unique(self._rng.integers(0, len(self), hits))
            hit = hit[self.state[hit] == AVAILABLE]
            self._become(hit, NON_CONTACTABLE, self.now + self._rng.integers(*SILENT_MS, len(hit)))

    def _free(self) -> Bools:
        """Say which bikes can be taken."""
        free: Bools = (self.state == AVAILABLE) & (self.locked == 0)
        return free

    def _arrive(self, bikes: Ints) -> None:
        """End rides: the bike stands where it was ridden to, with less in its battery, and may be unfit."""
        if len(bikes) == 0:
            return
        distance = np.hypot(self._to_x[bikes] - self.x[bikes], self._to_y[bikes] - self.y[bikes])
        self.x[bikes], self.y[bikes] = self._to_x[bikes], self._to_y[bikes]
        self.battery[bikes] = np.maximum(self.battery[bikes] - 100.0 * distance / RANGE_M, 1.0)
        broken = self._rng.random(len(bikes)) < BREAKS_PER_TRIP
        unfit = broken | (self.battery[bikes] < LOW_BATTERY)
        self._become(bikes[~unfit], AVAILABLE, NEVER_MS)
        until = self.now + self._rng.integers(*SWAP_AFTER_MS, int(unfit.sum()))
        self._become(bikes[unfit], NON_OPERATIONAL, until)

    def _restore(self, bikes: Ints) -> None:
        """Let a service van repair bikes where they stand and swap their batteries."""
        self.battery[bikes] = 100.0
        self._become(bikes, AVAILABLE, NEVER_MS)

    def _set_down(self, bikes: Ints) -> None:
        """Take bikes off the lorry."""
        self.x[bikes], self.y[bikes] = self._to_x[bikes], self._to_y[bikes]
        self._become(bikes, AVAILABLE, NEVER_MS)

    def _become(self, bikes: Ints, state: int, until: Ints | int) -> None:
        """Put bikes into a state that lasts until then; a bike reports a new state as soon as it may."""
        if len(bikes) == 0:
            return
        self.state[bikes] = state
        self.changes_at[bikes] = until
        self._next_ping[bikes] = np.maximum(self.now + bikes % TICK_MS, self._last_ping[bikes] + LEAST_GAP_MS)

    def _report(self, due: Ints) -> tuple[Ints, Ints, Floats, Floats, Codes, Ints]:
        """Return bike, ts, x, y, state, battery of the readings of bikes that are due, by ts; plan the next ones."""
        bike = due[np.argsort(self._next_ping[due], kind="stable")]
        ts = self._next_ping[bike]
        state = self.state[bike]
        self._last_ping[bike] = ts
        self._next_ping[bike] = ts + self._ping_every[state]

        left = self.left[bike]
        done = np.clip((ts - left) / (self.due[bike] - left), 0.0, 1.0)
        noise = np.clip(self._gps.normal(0.0, GPS_SIGMA_M, (2, len(bike))), -GPS_WORST_M, GPS_WORST_M)
        x = self.x[bike] + done * (self._to_x[bike] - self.x[bike]) + noise[0]
        y = self.y[bike] + done * (self._to_y[bike] - self.y[bike]) + noise[1]
        return bike, ts, x, y, state, self.battery[bike].astype(np.int64)

    def _spots(self, place: Ints, spread_m: Floats) -> tuple[Floats, Floats]:
        """Return where bikes are left around the centres of places: never outside the city's outline."""
        centre_x, centre_y = self.city.x[place], self.city.y[place]
        off_x, off_y = self._rng.normal(0.0, 1.0, (2, len(place))) * spread_m
        for factor in (-1.0, 0.3, 0.0):  # to the other side of the centre, nearer to it, onto it
            outside = ~inside(self.city.outline, centre_x + off_x, centre_y + off_y)
            off_x[outside] *= factor
            off_y[outside] *= factor
        return centre_x + off_x, centre_y + off_y
