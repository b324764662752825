"""Car parks: full when the people of their place are there; cars come and go one by one."""

import numpy as np

from sensors_sim.batch import Floats
from sensors_sim.city import LEISURE, METRO, OFFICE, City
from sensors_sim.sensors.contract import Measured, Sensors
from sensors_sim.sensors.drift import Drift
from sensors_sim.sensors.moment import Moment
from sensors_sim.sensors.presence import presence
from sensors_sim.sensors.sites import sites_at

TURNOVER_A_MINUTE = 1 / 45
"""Cars leave after three quarters of an hour at the mean of those that could; others take their place."""


class Parking:
    """Car parks that tell their free spaces.

    free        float64[n], whole numbers from 0 to the capacity
    place_kind  uint8[n], what kind of place each serves (sensors_sim.city.KINDS)
    """

    def __init__(self, city: City, n: int, rng: np.random.Generator) -> None:
        self._rng = rng
        sites = sites_at(city, n, (METRO, OFFICE, LEISURE), 200.0, rng)
        capacity = (np.clip(rng.lognormal(5.3, 0.6, n), 30, 1_500) // 10 * 10).astype(np.int64)
        self.sensors = Sensors.at(
            city.plane, sites.x, sites.y, kind="parking", owner="city-parking", metrics=("free_spaces",),
            every_s=300, capacity=capacity,
        )  # fmt: skip
        self.place_kind = city.kind[sites.place]
        self._capacity: Floats = capacity.astype(np.float64)
        self._liked: Floats = rng.uniform(0.75, 1.1, n)
        self._mood = Drift(n, 0.05, 90.0, rng)
        self.free: Floats = self._capacity.copy()
        self._opened = False

    def step(self, now: Moment) -> Measured:
        """Live through the minute that ends at `now`."""
        here = presence(now)
        here[METRO] = 0.5 * (here[METRO] + here[OFFICE])  # park and ride: left there for the day
        share = np.clip(0.06 + here[self.place_kind] * self._liked + self._mood.step(), 0.0, 1.0)
        wanted = share * self._capacity
        if not self._opened:
            self._opened = True
            self.free = np.ceil(self._capacity - wanted)
        cars = self._capacity - self.free
        come = self._rng.poisson(wanted * TURNOVER_A_MINUTE)
        leave = self._rng.binomial(cars.astype(np.int64), TURNOVER_A_MINUTE)
        self.free = np.clip(self.free - come + leave, 0.0, self._capacity)
        return Measured.sound(self.free)
