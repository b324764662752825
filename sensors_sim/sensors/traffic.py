"""Traffic loops: what drives past them by the hour of the day and week, and the accidents that stop it."""

import numpy as np

from sensors_sim.batch import Floats, Ints
from sensors_sim.city import City
from sensors_sim.sensors.contract import Measured, Sensors
from sensors_sim.sensors.drift import Drift
from sensors_sim.sensors.flow import LANE_CAPACITY, Flow
from sensors_sim.sensors.moment import MINUTE_MS, Moment
from sensors_sim.sensors.roads import network
from sensors_sim.sensors.weather import Sky

LOOP_KM = 0.0065
"""Length of a vehicle and of the loop that it covers: occupancy = density a lane x this length."""

_MORNING = np.array([
    .10, .06, .04, .04, .07, .18, .45, .82, .98, .90, .74, .70,
    .66, .68, .70, .70, .72, .76, .74, .60, .46, .38, .28, .17,
])  # fmt: skip
_EVENING = np.array([
    .12, .07, .04, .04, .06, .14, .36, .64, .76, .74, .70, .70,
    .66, .68, .72, .76, .86, .96, .98, .80, .56, .44, .32, .20,
])  # fmt: skip
_DAY_OFF = np.array([
    .18, .11, .07, .05, .06, .10, .18, .28, .40, .52, .60, .64,
    .64, .62, .64, .66, .70, .72, .68, .58, .50, .44, .36, .26,
])  # fmt: skip
"""Share of the busiest hour, by the middle of each hour: towards the centre, away from it, at the weekend."""

ACCIDENTS_AN_HOUR = 0.04
"""On each chain when it is full; fewer on an empty one."""
BUSIEST = (0.7, 0.95)
"""What wants to drive on a road in its busiest hour, as a share of what it can carry."""

MISCOUNTS = 0.01
"""In a minute a vehicle more or less passes than on the mean: no jam is so steady that loops repeat themselves."""

WEAK_SPOTS = 0.015
"""Share of the segments that carry a quarter to a third less than the others: there the daily jams begin."""

LASTS_MINUTES = (15, 50)
STILL_PASSES = (0.25, 0.45)


class Traffic:
    """The roads and the loops in them: `road` (a Flow) is what noise, air and requests look at.

    segment  int64[n], the segment that each loop lies in
    """

    def __init__(self, city: City, n: int, sky: Sky, rng: np.random.Generator) -> None:
        self._rng = rng
        self._sky = sky
        roads = network(city)
        self.road = Flow(roads, _weakness(len(roads), rng))
        self._chains = len(roads.names)
        self._busiest: Floats = rng.uniform(*BUSIEST, self._chains)[roads.chain] * roads.lanes * LANE_CAPACITY
        self._mood = Drift(self._chains, 0.05, 45.0, rng)
        self.segment = loops(len(roads), n)
        self.sensors = Sensors.at(
            city.plane, roads.x[self.segment], roads.y[self.segment], kind="traffic", owner="city-traffic",
            metrics=("flow", "speed", "occupancy"), every_s=60,
        )  # fmt: skip
        self._counts: Floats = rng.normal(1.0, 0.01, n)
        (self._luck,) = rng.spawn(1)  # of its own: what happens on the roads does not depend on who counts

    def step(self, now: Moment) -> Measured:
        """Live through the minute that ends at `now`."""
        roads = self.road.roads
        mood = 1 + self._mood.step()[roads.chain] + self._rng.normal(0.0, 0.04, len(roads))
        self._have_accidents(now.ts)
        self.road.step(now.ts, self._busiest * rhythm(now, roads.inward) * mood, self._sky.wet)
        counts = self._counts * self._luck.normal(1.0, MISCOUNTS, len(self._counts))
        density = self.road.density[self.segment] * counts
        speed = self.road.speed[self.segment]
        lanes = roads.lanes[self.segment]
        return Measured.sound(
            np.round(density * speed), np.round(speed, 1), np.round(100 * LOOP_KM * density / lanes, 2)
        )

    def _have_accidents(self, now: int) -> None:
        """Block a segment of a chain now and then; the fuller the chain, the likelier."""
        roads = self.road.roads
        fullness = np.bincount(roads.chain, self.road.flow / self.road.capacity) / np.bincount(roads.chain)
        for chain in np.flatnonzero(
            self._rng.random(self._chains) < ACCIDENTS_AN_HOUR / 60 * fullness
        ).tolist():
            segment = int(self._rng.choice(np.flatnonzero(roads.chain == chain)))
            minutes = int(self._rng.integers(*LASTS_MINUTES))
            self.road.block(segment, now + minutes * MINUTE_MS, float(self._rng.uniform(*STILL_PASSES)))


def loops(segments: int, n: int) -> Ints:
    """Return the segment that each of `n` loops lies in: every other one, before any other has one."""
    every_other = np.concatenate([np.arange(0, segments, 2), np.arange(1, segments, 2)])
    return np.sort(np.resize(every_other, n))


def _weakness(n: int, rng: np.random.Generator) -> Floats:
    """Return the share of its capacity that each of `n` segments lacks."""
    usual, weak = rng.uniform(0.0, 0.08, n), rng.uniform(0.25, 0.35, n)
    return np.where(rng.random(n) < WEAK_SPOTS, weak, usual)


def rhythm(now: Moment, inward: Floats) -> Floats:
    """Return the share of the busiest hour that wants to drive, by direction (1 to the centre, 0 away from it)."""
    hours = np.arange(24) + 0.5
    if not now.working:
        return np.full(len(inward), np.interp(now.hour, hours, _DAY_OFF, period=24))
    there, back = (float(np.interp(now.hour, hours, table, period=24)) for table in (_MORNING, _EVENING))
    return inward * there + (1 - inward) * back
