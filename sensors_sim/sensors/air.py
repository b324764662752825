"""Air quality: what traffic nearby emits and the region brings, thinned by wind, washed out by rain, lit by the sun.

Levels are those of an East Chinese city in early spring, rounded; the terms are the simplest with the right signs.
"""

from math import exp, radians, sin

import numpy as np

from sensors_sim.batch import Floats
from sensors_sim.city import HOME, METRO, OFFICE, City
from sensors_sim.geo import closeness
from sensors_sim.sensors.contract import Measured, Sensors
from sensors_sim.sensors.drift import Drift
from sensors_sim.sensors.flow import Flow
from sensors_sim.sensors.moment import Moment
from sensors_sim.sensors.sites import sites_at
from sensors_sim.sensors.weather import Sky

REACH_M = 350.0
"""Exhaust thins to a third within this distance."""

BUSY_KM = 2_500.0
"""Vehicle kilometres an hour, weighted by distance, beside a busy road."""

MINUTES = 20.0
"""Time in which the air follows its sources."""


class Air:
    """Stations that measure six pollutants in ug/m3."""

    def __init__(self, city: City, n: int, road: Flow, sky: Sky, rng: np.random.Generator) -> None:
        self._road, self._sky, self._rng = road, sky, rng
        sites = sites_at(city, n, (HOME, METRO, OFFICE), 250.0, rng)
        self.sensors = Sensors.at(
            city.plane, sites.x, sites.y, kind="air", owner="city-air", every_s=300,
            metrics=("pm25", "pm10", "no2", "o3", "so2", "co"),
        )  # fmt: skip
        self._near = closeness(sites.x, sites.y, road.roads.x, road.roads.y, REACH_M) * road.roads.length_km
        self._where = (city.plane.lat0, city.plane.lon0)
        self._haze = Drift(1, 0.45, 1_500.0, rng)
        self._own = Drift(n, 0.06, 120.0, rng)
        self._now: Floats | None = None

    def exhaust(self) -> Floats:
        """Return how much traffic emits near each station, 1 beside a busy road; slow vehicles emit more."""
        road = self._road
        emitted = road.flow * (1 + 12 / np.maximum(road.speed, 6.0))
        return np.asarray(self._near @ emitted / BUSY_KM)

    def step(self, now: Moment) -> Measured:
        """Live through the minute that ends at `now`."""
        sky, exhaust = self._sky, self.exhaust()
        sun = max(0.0, sin(radians(now.sun_elevation(*self._where))))
        thins = (1.2 if sun == 0 else 1.0) / (0.45 + 0.55 * sky.wind / 2.6)
        haze = 30 * exp(float(self._haze.step()[0])) * (1 - 0.55 * sky.wet)
        no2 = (12 + 42 * exhaust) * thins
        pm25 = (haze + 14 * exhaust) * thins
        pm10 = 1.3 * pm25 + (2.5 * sky.wind + 10 * exhaust) * (1 - sky.wet)
        o3 = 42 + 75 * sun * (1 - 0.6 * sky.wet) + 0.8 * sky.temperature - 0.55 * no2
        so2 = np.full(len(exhaust), 7 * thins)
        co = 380 + 450 * exhaust * thins + 4 * pm25
        target = np.stack([pm25, pm10, no2, o3, so2, co])
        self._now = target if self._now is None else self._now + (target - self._now) / MINUTES
        noise = 1 + self._own.step() + self._rng.normal(0.0, 0.02, target.shape)
        return Measured.sound(*np.round(np.maximum(self._now * noise, 1.0), 1))
