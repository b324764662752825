"""Street lights: on at dusk, dimmed at night, off at dawn; now and then one fails and waits for its repair."""

import numpy as np

from sensors_sim.batch import Bools, Floats, Ints
from sensors_sim.city import HOME, LEISURE, METRO, OFFICE, City
from sensors_sim.sensors.contract import FAULT, OK, Measured, Sensors
from sensors_sim.sensors.moment import MINUTE_MS, Moment
from sensors_sim.sensors.sites import sites_at

DUSK_DEG = -1.5
"""Elevation of the sun at which lights come on, a degree more or less each."""

DIMMED = 60.0
DIMMED_FROM, DIMMED_UNTIL = 23.5, 5.0
LAMPS_W = (90.0, 150.0, 250.0)
STANDBY_W = 1.5

FAILS_A_MINUTE = 1 / (40 * 1_440)
REPAIRED_AFTER_MINUTES = (8 * 60, 48 * 60)


class StreetLights:
    """Lamps with a controller each. `out` bool[n] are those that stay dark at night."""

    def __init__(self, city: City, n: int, start: int, rng: np.random.Generator) -> None:
        self._rng = rng
        sites = sites_at(city, n, (HOME, METRO, OFFICE, LEISURE), 150.0, rng)
        self.sensors = Sensors.at(
            city.plane, sites.x, sites.y, kind="street_light", owner="city-lights",
            metrics=("brightness", "power"), every_s=600,
        )  # fmt: skip
        self._where = (city.plane.lat0, city.plane.lon0)
        self._comes_on: Floats = DUSK_DEG + rng.uniform(-1, 1, n)
        self._rated_w: Floats = np.array(LAMPS_W)[rng.integers(0, len(LAMPS_W), n)]
        long_out = rng.random(n) < FAILS_A_MINUTE * sum(REPAIRED_AFTER_MINUTES) / 2
        until = start + rng.integers(0, REPAIRED_AFTER_MINUTES[1], n) * MINUTE_MS
        self._repaired_at: Ints = np.where(long_out, until, 0)
        self.out: Bools = long_out
        self.dark = False

    def step(self, now: Moment) -> Measured:
        """Live through the minute that ends at `now`."""
        n = len(self.out)
        fails = (self._rng.random(n) < FAILS_A_MINUTE) & ~self.out
        after = self._rng.integers(*REPAIRED_AFTER_MINUTES, int(fails.sum())) * MINUTE_MS
        self._repaired_at[fails] = now.ts + after
        self.out = self._repaired_at > now.ts
        elevation = now.sun_elevation(*self._where)
        self.dark = elevation < DUSK_DEG - 1
        level = DIMMED if now.hour >= DIMMED_FROM or now.hour < DIMMED_UNTIL else 100.0
        brightness = np.where((elevation < self._comes_on) & ~self.out, level, 0.0)
        power = self._rated_w * brightness / 100 * self._rng.normal(1.0, 0.01, n)
        power = np.where(self.out, 0.0, STANDBY_W + power)
        return Measured(
            np.stack([brightness, np.round(power, 1)]), np.where(self.out, FAULT, OK).astype(np.uint8)
        )
