"""Simulated days that several tests look at: lived once, kept as columns by metric."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import numpy as np

from sensors_sim.batch import Floats, Ints
from sensors_sim.city import City, pudong_city
from sensors_sim.events.concert import Concert
from sensors_sim.rhythm import SHANGHAI
from sensors_sim.sensors.contract import Readings
from sensors_sim.sensors.world import World

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Series:
    """Readings of one metric: ts in milliseconds, index of the sensor, value."""

    ts: Ints
    sensor: Ints
    value: Floats

    def by_hour(self, start: int) -> Floats:
        """Mean over all sensors, by hour after `start`."""
        hour = (self.ts - start) // HOUR_MS
        return np.bincount(hour, self.value) / np.bincount(hour)

    def of(self, sensor: int) -> tuple[Ints, Floats]:
        """Times and values of one sensor."""
        mine = self.sensor == sensor
        return self.ts[mine], self.value[mine]


def when(*date: int) -> int:
    """Local time in milliseconds since the epoch."""
    return int(datetime(*date, tzinfo=SHANGHAI).timestamp()) * 1000  # type: ignore[arg-type, misc]


def series(readings: Iterable[Readings], metric: str) -> Series:
    """The readings of one metric."""
    mine = [r for r in readings if metric in r.sensors.metrics]
    code = mine[0].sensors.metrics.index(metric)
    ts, sensor, value, of = (
        np.concatenate([getattr(r, name) for r in mine]) for name in ("ts", "sensor", "value", "metric")
    )
    rows = of == code
    return Series(ts[rows], sensor[rows], value[rows])


@dataclass(frozen=True)
class Lived:
    """A world after `hours` hours, and all that it reported."""

    world: World
    start: int
    readings: tuple[Readings, ...]

    def series(self, metric: str) -> Series:
        """The readings of one metric."""
        return series(self.readings, metric)

    def by_hour(self, metric: str) -> Floats:
        """Mean over all sensors, by hour after the start."""
        return self.series(metric).by_hour(self.start)


@cache
def lived(
    start: int, hours: int, *, sensors: int = 900, seed: int = 3, concerts: tuple[Concert, ...] = ()
) -> Lived:
    """A world from `start` on, warmed up for an hour."""
    world = World(pudong_city(), sensors, start, seed, concerts)
    world.settle(60)
    readings = tuple(part for _ in range(hours * 60) for part in world.step())
    return Lived(world, start, readings)


def monday() -> Lived:
    """A working day from midnight to midnight."""
    return lived(when(2026, 3, 2), 24)


def city() -> City:
    """The city that all live in."""
    return pudong_city()
