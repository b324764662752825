"""Troubles that the city has of itself, without an event: leaks, accidents, rain, dark lamps; nobody is wrong then."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sensors_sim.batch import Bools, Ints
from sensors_sim.cells import cells_at, disk
from sensors_sim.sensors.moment import MINUTE_MS
from sensors_sim.sensors.world import SHARES, World
from sensors_sim.truth.entry import Entry

LINGERS_MS = 5_400_000
"""Jams dissolve, pipes warm up, streets dry: so long afterwards an alert is no false one."""

LIGHTS_UP_MS = 86_400_000
"""A lamp that was out and is mended burns again, at the latest, in the night that follows."""

SPOT_RINGS = 5
"""People call from the cell of a cold pipe and those beside it; the middle of a hot spot lies up to three further."""


@dataclass(slots=True)
class _Spans:
    """When each of n things was in trouble."""

    since: Ints
    over: list[tuple[int, int, int]]

    @classmethod
    def of(cls, n: int) -> "_Spans":
        return cls(np.full(n, -1, dtype=np.int64), [])

    def look(self, now: int, trouble: Bools) -> None:
        """Note what is in trouble since the minute that ends `now`: its readings show it already."""
        begins = trouble & (self.since < 0)
        ends = np.flatnonzero(~trouble & (self.since >= 0))
        self.over += [(row, int(self.since[row]), now) for row in ends.tolist()]
        self.since[ends] = -1
        self.since[begins] = now - MINUTE_MS

    def all(self, end: int) -> list[tuple[int, int, int]]:
        still = np.flatnonzero(self.since >= 0)
        return [*self.over, *((row, int(self.since[row]), end) for row in still.tolist())]


class Troubles:
    """Looks at a world once a minute."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._pipes = _Spans.of(len(world.heating.sensors))
        self._chains = _Spans.of(len(world.traffic.road.roads.names))
        self._rain = _Spans.of(1)
        self._lamps = _Spans.of(len(world.lights.sensors))

    def look(self, now: int) -> None:
        """Take note of what is wrong at `now`."""
        heating, road = self._world.heating, self._world.traffic.road
        self._pipes.look(now, (heating.leaks_at <= now) & (now < heating.mended_at))
        blocked = np.bincount(road.roads.chain, road.blocked(now), minlength=len(road.roads.names)) > 0
        self._chains.look(now, blocked)
        self._rain.look(now, np.array([self._world.weather.sky.rain > 0]))
        self._lamps.look(now, self._world.lights.out)

    def entries(self, end: int) -> Iterator[Entry]:
        """Yield what may be called an anomaly."""
        pipes, roads = self._world.heating.sensors, self._world.traffic.road.roads
        of_pipe = cells_at(pipes.lat, pipes.lon)
        lat, lon = self._world.city.plane.latlon(roads.x, roads.y)
        of_segment = np.array(cells_at(lat, lon))
        for row, first, last in self._pipes.all(end):
            why = f"{pipes.sensor_id[row]} leaks"
            yield Entry("may", "anomaly", "heating", (of_pipe[row],), first, last + LINGERS_MS, why)
            near = tuple(disk(of_pipe[row], SPOT_RINGS))
            yield Entry("may", "hot_spot", "requests", near, first, last + LINGERS_MS, why, "heating")
        for chain, first, last in self._chains.all(end):
            cells = tuple(sorted(set(of_segment[roads.chain == chain].tolist())))
            for kind in ("traffic", "noise", "air"):
                why = f"accident on {roads.names[chain]}"
                yield Entry("may", "anomaly", kind, cells, first, last + LINGERS_MS, why)
        for _, first, last in self._rain.all(end):
            for kind in SHARES:
                yield Entry("may", "anomaly", kind, (), first, last + LINGERS_MS, "rain")
        lamps = self._world.lights.sensors
        of_lamp = cells_at(lamps.lat, lamps.lon)
        for row, first, last in self._lamps.all(end):
            why = f"{lamps.sensor_id[row]} is out"
            yield Entry("may", "anomaly", lamps.kind, (of_lamp[row],), first, last + LIGHTS_UP_MS, why)
