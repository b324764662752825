"""Water levels: the tide in rivers and canals, and rain that runs off the streets with a delay."""

from math import exp, pi

import numpy as np

from sensors_sim.batch import Floats
from sensors_sim.city import HOME, LEISURE, City
from sensors_sim.sensors.contract import Measured, Sensors
from sensors_sim.sensors.moment import Moment
from sensors_sim.sensors.sites import sites_at
from sensors_sim.sensors.weather import Sky

TIDE_MS = 12.42 * 3_600_000
"""Period of the lunar tide."""

TIDES_M = (0.05, 0.15, 0.6)
"""Half the range of the tide: behind a sluice, in a canal, on the river."""

STREET_MINUTES, CANAL_MINUTES = 40.0, 480.0
"""Times in which rain leaves the streets and the canals: two reservoirs in a row."""


class Water:
    """Gauges in metres above their zero."""

    def __init__(self, city: City, n: int, sky: Sky, rng: np.random.Generator) -> None:
        self._sky, self._rng = sky, rng
        sites = sites_at(city, n, (HOME, LEISURE), 400.0, rng)
        self.sensors = Sensors.at(
            city.plane,
            sites.x,
            sites.y,
            kind="water",
            owner="city-water",
            metrics=("water_level",),
            every_s=300,
        )
        self._usual: Floats = rng.uniform(2.3, 3.0, n)
        self._tide_m: Floats = np.array(TIDES_M)[rng.integers(0, len(TIDES_M), n)]
        self._delay: Floats = rng.uniform(0, 0.25, n)
        self._rises: Floats = rng.uniform(0.008, 0.025, n)
        self._street_mm = self._canal_mm = 0.0

    def step(self, now: Moment) -> Measured:
        """Live through the minute that ends at `now`."""
        self._street_mm += self._sky.rain / 60
        runs_off = self._street_mm * (1 - exp(-1 / STREET_MINUTES))
        self._street_mm -= runs_off
        self._canal_mm = self._canal_mm * exp(-1 / CANAL_MINUTES) + runs_off
        tide = self._tide_m * np.sin(2 * pi * (now.ts / TIDE_MS - self._delay))
        level = self._usual + tide + self._rises * self._canal_mm
        return Measured.sound(np.round(level + self._rng.normal(0.0, 0.004, len(level)), 3))
