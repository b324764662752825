"""Noise: roads, people, rain and music, added as energies; levels in dB(A)."""

import numpy as np

from sensors_sim.batch import Floats
from sensors_sim.city import HOME, LEISURE, METRO, City
from sensors_sim.sensors.contract import Measured, Sensors
from sensors_sim.sensors.flow import Flow
from sensors_sim.sensors.gatherings import Gatherings
from sensors_sim.sensors.moment import Moment
from sensors_sim.sensors.presence import presence
from sensors_sim.sensors.sites import sites_one_a_place
from sensors_sim.sensors.weather import Sky

ROAD_ENERGY = 3.5e7
"""Makes 72 dB at 40 m from a road with 3,000 vehicles an hour at 50 km/h."""

MUSIC_ENERGY = 4.0e12
"""Makes 100 dB at 20 m from the stage."""

QUIET_DB, LIVELY_DB, RAIN_DB = 38.0, 20.0, 48.0


class Noise:
    """Sound level meters: half of them at places of leisure first, half beside roads.

    level  float64[n], what they hear, without the error of the device
    """

    def __init__(
        self, city: City, n: int, road: Flow, sky: Sky, gatherings: Gatherings, rng: np.random.Generator
    ) -> None:
        self._road, self._sky, self._gatherings, self._rng = road, sky, gatherings, rng
        by_road = n // 2
        sites = sites_one_a_place(city, n - by_road, (LEISURE, METRO, HOME), 80.0, rng)
        roads = road.roads
        at = np.sort(rng.integers(0, len(roads), by_road))
        away = rng.uniform(20, 45, (2, by_road)) * rng.choice([-1, 1], (2, by_road))
        x = np.concatenate([sites.x, roads.x[at] + away[0]])
        y = np.concatenate([sites.y, roads.y[at] + away[1]])
        self.sensors = Sensors.at(
            city.plane, x, y, kind="noise", owner="city-air", metrics=("laeq",), every_s=60
        )
        self._kind = np.concatenate([city.kind[sites.place], np.full(by_road, HOME)])
        self._from_road = roads.length_km / _square(x, y, roads.x, roads.y, 30.0)
        away = _square(x, y, gatherings.x, gatherings.y, 20.0)
        self._from_stage = np.exp(-np.sqrt(away) / 1_000.0) / away
        self.level: Floats = np.full(n, QUIET_DB)

    def step(self, now: Moment) -> Measured:
        """Live through the minute that ends at `now`."""
        road = self._road
        energy = ROAD_ENERGY * (self._from_road @ (road.flow * (road.speed / 50) ** 2))
        energy += MUSIC_ENERGY * (self._from_stage @ self._gatherings.music)
        energy += 10 ** ((QUIET_DB + LIVELY_DB * presence(now)[self._kind]) / 10)
        energy += 10 ** (RAIN_DB / 10) * self._sky.wet
        self.level = 10 * np.log10(energy)
        return Measured.sound(np.round(self.level + self._rng.normal(0.0, 0.8, len(self.level)), 1))


def _square(x: Floats, y: Floats, of_x: Floats, of_y: Floats, least_m: float) -> Floats:
    """Return squares of distances, float64[len(x), len(of_x)], as if nothing were nearer than `least_m`."""
    return np.asarray((x[:, None] - of_x) ** 2 + (y[:, None] - of_y) ** 2 + least_m**2)
