"""Waste containers: they fill where people are, and lorries empty them on their rounds, mostly."""

import numpy as np

from sensors_sim.batch import Bools, Floats
from sensors_sim.city import HOME, LEISURE, METRO, OFFICE, City
from sensors_sim.sensors.contract import Measured, Sensors
from sensors_sim.sensors.moment import Moment
from sensors_sim.sensors.presence import presence
from sensors_sim.sensors.sites import sites_at

ROUND = 40
"""Containers on one lorry's round."""

STOP_MINUTES = 3
MISSED = 0.04
"""Share of the stops at which the lorry cannot get to the container."""

FILLS_BY = 0.09
"""Per cent a minute at a place of the usual size when all of its people are there."""


class Waste:
    """Containers; what does not fit lies beside them.

    fill        float64[n], per cent
    place_kind  uint8[n], what kind of place each serves (sensors_sim.city.KINDS)
    """

    def __init__(self, city: City, n: int, rng: np.random.Generator) -> None:
        self._rng = rng
        sites = sites_at(city, n, (HOME, METRO, OFFICE, LEISURE), 120.0, rng)
        self.sensors = Sensors.at(
            city.plane,
            sites.x,
            sites.y,
            kind="waste",
            owner="city-waste",
            metrics=("fill_level",),
            every_s=900,
        )
        self.place_kind = city.kind[sites.place]
        self._rate: Floats = FILLS_BY * rng.lognormal(0.0, 0.45, n)
        lorry, stop = np.divmod(np.arange(n), ROUND)
        lorries = int(lorry[-1]) + 1
        morning = rng.integers(5 * 60, 9 * 60, lorries)
        evening = rng.integers(17 * 60, 20 * 60, lorries)
        twice = rng.random(lorries) < 0.5
        self._morning = morning[lorry] + STOP_MINUTES * stop
        self._evening = np.where(twice[lorry], evening[lorry] + STOP_MINUTES * stop, -1)
        self.fill: Floats = rng.uniform(0.0, 75.0, n)

    def due(self, now: Moment) -> Bools:
        """Say at which containers a lorry stops in this minute."""
        minute = int(now.hour * 60 + 1e-6)
        return np.asarray((self._morning == minute) | (self._evening == minute))

    def step(self, now: Moment) -> Measured:
        """Live through the minute that ends at `now`."""
        n = len(self.fill)
        grows = self._rate * (0.15 + presence(now)[self.place_kind]) * self._rng.uniform(0.5, 1.5, n)
        self.fill = np.minimum(self.fill + grows, 100.0)
        emptied = self.due(now) & (self._rng.random(n) >= MISSED)
        self.fill[emptied] = self._rng.uniform(0.0, 4.0, int(emptied.sum()))
        return Measured.sound(np.round(self.fill, 1))
