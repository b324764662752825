"""Crowds: people counted at metro stations, places of leisure and offices, and where a concert draws them."""

from math import pi

import numpy as np

from sensors_sim.batch import Floats
from sensors_sim.city import LEISURE, METRO, OFFICE, ROOM, City
from sensors_sim.geo import closeness
from sensors_sim.sensors.contract import Measured, Sensors
from sensors_sim.sensors.drift import Drift
from sensors_sim.sensors.gatherings import Gatherings
from sensors_sim.sensors.moment import Moment
from sensors_sim.sensors.presence import presence
from sensors_sim.sensors.sites import sites_one_a_place
from sensors_sim.sensors.weather import Sky

PEOPLE = np.array([0.0, 320.0, 180.0, 420.0])
"""People in view of a sensor at a place of weight 1 when all are there, by kind of place."""

GATHERING_M = 300.0
"""An audience thins to a third within this distance."""

TRAIN_MINUTES = 5.0
STAYS_AWAY = 0.5
"""Share of the people who do not go out for leisure in heavy rain."""


class Crowd:
    """Sensors that count people, one at every station before any other place has one.

    place_kind  uint8[n], what kind of place each watches (sensors_sim.city.KINDS)
    """

    def __init__(
        self, city: City, n: int, sky: Sky, gatherings: Gatherings, rng: np.random.Generator
    ) -> None:
        self._rng, self._sky, self._gatherings = rng, sky, gatherings
        sites = sites_one_a_place(city, n, (METRO, LEISURE, OFFICE), 40.0, rng)
        self.sensors = Sensors.at(
            city.plane,
            sites.x,
            sites.y,
            kind="crowd",
            owner="city-safety",
            metrics=("people_count",),
            every_s=60,
        )
        self.place_kind = city.kind[sites.place]
        self._usual: Floats = (
            PEOPLE[self.place_kind] * city.room[sites.place] / np.array(ROOM)[self.place_kind]
        )
        self._mood = Drift(n, 0.12, 60.0, rng)
        self._phase: Floats = rng.uniform(0, 2 * pi, n)
        self._draws = closeness(sites.x, sites.y, gatherings.x, gatherings.y, GATHERING_M)

    def step(self, now: Moment) -> Measured:
        """Live through the minute that ends at `now`."""
        trains = np.sin(2 * pi * now.hour * 60 / TRAIN_MINUTES + self._phase) * (self.place_kind == METRO)
        dry = np.where(self.place_kind == LEISURE, 1 - STAYS_AWAY * self._sky.wet, 1.0)
        here = self._usual * presence(now)[self.place_kind] * dry * (1 + 0.25 * trains)
        mean = here * np.maximum(1 + self._mood.step(), 0.0) + self._draws @ self._gatherings.people
        return Measured.sound(self._rng.poisson(mean).astype(np.float64))
