"""Moves that are faster than the areas allow that a vehicle was in, from one reading to the next.

Metres of GPS's errors are taken off a distance first, and what is left must take more than the limit: what is told is
what the vehicle did at the least. Two readings far apart in time say little about how it went in between, and a move
faster than such a vehicle can be is a wrong position.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import inf

import numpy as np
from numpy.typing import NDArray

from schemas.vehicles import VEHICLE_STATES, VEHICLE_TYPES
from streams.fleet.ground import Ground, Standing
from streams.fleet.jumps import JumpRule, distance_m
from streams.fleet.slots import Slots
from streams.fleet.steps import Steps
from streams.fleet.vehicles import Vehicles


@dataclass(frozen=True, slots=True)
class SpeedLimits:
    """Where vehicles may not go faster than what.

    ground      areas, and the states in which limits are about a vehicle
    limits_kmh  by id of area, the least limit of any rule there; areas without one are left out
    noise_m     metres of each move that are taken for errors of GPS
    longest_ms  the longest time between two readings that is judged
    impossible  speeds that no vehicle has
    """

    ground: Ground
    limits_kmh: Mapping[str, float]
    noise_m: float = 30.0
    longest_ms: int = 60_000
    impossible: JumpRule = field(default_factory=JumpRule)

    def kmh(self, metres: NDArray[np.float64], ms: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the speeds that n moves take at the least, of so many metres in so many milliseconds (above 0)."""
        return np.maximum(metres - self.noise_m, 0.0) * 3_600 / ms


@dataclass(frozen=True, slots=True)
class Fast:
    """A move that may be too fast: a row of schemas.cells.VehicleSpeeds, told in `region` (a number)."""

    region: int
    offset: int
    vehicle_id: str
    operator: str
    vehicle_type: str
    cell: str
    from_ts: int
    from_lat: float
    from_lon: float
    from_state: str
    from_areas: list[str]
    ts: int
    lat: float
    lon: float
    vehicle_state: str
    areas: list[str]
    metres: float
    kmh: float


class Speeds:
    """Looks at the steps of one partition's vehicles. It remembers nothing of them."""

    def __init__(self, limits: SpeedLimits, slots: Slots, vehicles: Vehicles) -> None:
        self._limits = limits
        self._slots = slots
        self._vehicles = vehicles
        self._standing = Standing(limits.ground, slots)
        self._moving = np.array([name in limits.ground.states for name in VEHICLE_STATES])
        self._least = min(limits.limits_kmh.values(), default=inf)
        self._impossible = limits.impossible.limits()

    def look(self, steps: Steps) -> Iterator[Fast]:
        """Yield the moves that are faster than the least limits of where they began and of where they ended."""
        ts, was_ts, type_ = steps.now("ts"), steps.before("ts"), steps.now("type_")
        state, was_state = steps.now("state"), steps.before("state")
        known = (was_ts > 0) & (ts - was_ts <= self._limits.longest_ms)
        some = np.flatnonzero(known & self._moving[state] & self._moving[was_state])
        lat, lon = steps.now("lat"), steps.now("lon")
        was_lat, was_lon = steps.before("lat"), steps.before("lon")
        metres = distance_m(was_lat[some], was_lon[some], lat[some], lon[some])
        kmh = self._limits.kmh(metres, ts[some] - was_ts[some])
        fast = (kmh > self._least) & (kmh <= self._impossible[type_[some]])
        some, metres, kmh = some[fast], metres[fast], kmh[fast]
        if not len(some):
            return
        was_slots = steps.slots_before()[some]
        codes = self._standing.codes(
            np.concatenate((steps.slots[some], was_slots)),
            np.concatenate((lat[some], was_lat[some])),
            np.concatenate((lon[some], was_lon[some])),
            np.concatenate((state[some], was_state[some])),
        )
        code, was_code = codes[: len(some)], codes[len(some) :]
        limit = self._limit(codes)
        over = kmh > np.maximum(limit[: len(some)], limit[len(some) :])
        regions = self._slots.region_of(steps.slots[some])
        areas = self._limits.ground.areas
        for place in np.flatnonzero(over).tolist():
            i = int(some[place])
            record, _ = steps.batch.at(int(steps.take[i]))
            cells, operators = self._slots.names(steps.slots[i : i + 1])
            [vehicle_id] = self._vehicles.ids.texts(steps.rows[i : i + 1])
            yield Fast(
                int(regions[place]), record.offset, vehicle_id, operators[0], VEHICLE_TYPES[type_[i]], cells[0],
                int(was_ts[i]), float(was_lat[i]), float(was_lon[i]), VEHICLE_STATES[was_state[i]],
                areas(int(was_code[place])),
                int(ts[i]), float(lat[i]), float(lon[i]), VEHICLE_STATES[state[i]], areas(int(code[place])),
                float(metres[place]), float(kmh[place]),
            )  # fmt: skip

    def _limit(self, codes: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the least limit of each of n sets of areas, km/h; infinite where there is none."""
        sets, which = np.unique(codes, return_inverse=True)
        limits = self._limits.limits_kmh
        least = [
            min((limits.get(area, inf) for area in self._limits.ground.areas(code)), default=inf)
            for code in sets.tolist()
        ]
        return np.array(least)[which]
