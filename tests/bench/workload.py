"""The readings that contestants work on: a seeded fleet over Pudong, in the order in which they would arrive.

Every vehicle reports once in STEP_MS of event time and is up to LATEST_MS late, so readings are a little out of
order. A share of the fleet rides in a straight line, the others are parked and their positions scatter by 5 m.
A restless fleet jumps across the city at every report: each position lies in another cell than the one before.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

OPERATORS = ("alpha", "beta", "gamma")
T0_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z, the start of a window
STEP_MS = 15_000
LATEST_MS = 2_000
WINDOW_MS = 60_000

_SOUTH, _NORTH, _WEST, _EAST = 31.10, 31.35, 121.45, 121.75
_METRE_LAT = 1 / 111_195
_METRE_LON = _METRE_LAT / np.cos(np.radians((_SOUTH + _NORTH) / 2))
_RIDE_M = 15 / 3.6 * STEP_MS / 1000
_RIDE_STEPS = 40
_SCATTER_M = 5.0


@dataclass(frozen=True, slots=True)
class Workload:
    """What to make. `readings` is a multiple of `vehicles`; `shape` is columns, or rows (an array of objects)."""

    readings: int = 1_000_000
    vehicles: int = 20_000
    riding: float = 0.05
    restless: bool = False
    partitions: int = 4
    frame: int = 500
    shape: str = "columns"
    resolution: int = 9
    seed: int = 1

    def __post_init__(self) -> None:
        if self.readings % self.vehicles:
            raise ValueError(
                f"{self.readings} readings of {self.vehicles} vehicles: every vehicle reports equally often; "
                "give a multiple"
            )

    def of(self, readings: int) -> Self:
        """Return the same with about so many readings: each vehicle reports at least once."""
        return replace(self, readings=max(1, round(readings / self.vehicles)) * self.vehicles)

    @property
    def end_ms(self) -> int:
        """Time of the closing reading of each partition, with which watermarks pass all that came before."""
        return self._last_window_ms + 10 * WINDOW_MS

    @property
    def _last_window_ms(self) -> int:
        return (T0_MS + self.readings // self.vehicles * STEP_MS) // WINDOW_MS * WINDOW_MS

    @property
    def total(self) -> int:
        """Readings with the closing ones."""
        return self.readings + self.partitions


@dataclass(frozen=True, slots=True)
class Positions:
    """Columns in order of arrival; `vehicle` is a number from 0, `arrival` when it is received (ms)."""

    vehicle: NDArray[np.int32]
    ts: NDArray[np.int64]
    arrival: NDArray[np.int64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    rides: NDArray[np.bool_]
    battery: NDArray[np.int16]


@lru_cache(maxsize=2)
def positions(readings: int, vehicles: int, riding: float, restless: bool, seed: int) -> Positions:
    """Return the readings of a fleet; the same arguments give the same."""
    rng = np.random.default_rng(seed)
    rounds = readings // vehicles
    phase = rng.integers(0, STEP_MS, vehicles)
    battery = rng.integers(5, 101, vehicles).astype(np.int16)
    walk = _Restless(rng, vehicles) if restless else _City(rng, vehicles, riding)
    lat, lon = np.empty((rounds, vehicles)), np.empty((rounds, vehicles))
    rides = np.empty((rounds, vehicles), np.bool_)
    for number in range(rounds):
        lat[number], lon[number], rides[number] = walk.step(number)
    ts = (T0_MS + np.arange(rounds)[:, None] * STEP_MS + phase).ravel()
    arrival = ts + rng.integers(0, LATEST_MS, readings)
    order = np.argsort(arrival, kind="stable")
    return Positions(
        vehicle=np.tile(np.arange(vehicles, dtype=np.int32), rounds)[order],
        ts=ts[order],
        arrival=arrival[order],
        lat=lat.ravel().round(6)[order],
        lon=lon.ravel().round(6)[order],
        rides=rides.ravel()[order],
        battery=np.tile(battery, rounds)[order],
    )


Step = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]


class _City:
    def __init__(self, rng: np.random.Generator, vehicles: int, riding: float) -> None:
        self._rng, self._n = rng, vehicles
        self._lat, self._lon = somewhere(rng, vehicles)
        self._heading = rng.uniform(0, 2 * np.pi, vehicles)
        self._left = np.zeros(vehicles, np.int64)  # steps that a ride still takes
        self._most = int(vehicles * riding)
        first = rng.choice(vehicles, self._most, replace=False)
        self._left[first] = rng.integers(1, _RIDE_STEPS + 1, self._most)

    def step(self, _number: int) -> Step:
        rng = self._rng
        rides = self._left > 0
        short = self._most - int(rides.sum())
        if short > 0:
            begin = rng.choice(np.flatnonzero(~rides), short, replace=False)
            self._left[begin], rides[begin] = _RIDE_STEPS, True
            self._heading[begin] = rng.uniform(0, 2 * np.pi, short)
        self._left[rides] -= 1
        north, east = np.cos(self._heading), np.sin(self._heading)
        self._lat = self._lat + np.where(rides, _RIDE_M * _METRE_LAT * north, 0.0)
        self._lon = self._lon + np.where(rides, _RIDE_M * _METRE_LON * east, 0.0)
        outside = (self._lat < _SOUTH) | (self._lat > _NORTH) | (self._lon < _WEST) | (self._lon > _EAST)
        self._heading[outside] += np.pi
        scatter = rng.normal(0, 1, (2, self._n)) * np.where(rides, 0.0, _SCATTER_M)
        return self._lat + scatter[0] * _METRE_LAT, self._lon + scatter[1] * _METRE_LON, rides


class _Restless:
    """West and east of the city in turn, so that two positions in succession never share a cell."""

    def __init__(self, rng: np.random.Generator, vehicles: int) -> None:
        self._rng, self._n = rng, vehicles

    def step(self, number: int) -> Step:
        middle, gap = (_WEST + _EAST) / 2, 0.01
        west, east = (_WEST, middle - gap) if number % 2 == 0 else (middle + gap, _EAST)
        lat, lon = somewhere(self._rng, self._n, west, east)
        return lat, lon, np.zeros(self._n, np.bool_)


def somewhere(
    rng: np.random.Generator, n: int, west: float = _WEST, east: float = _EAST
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return n places in the city, degrees: latitudes and longitudes."""
    return rng.uniform(_SOUTH, _NORTH, n), rng.uniform(west, east, n)
