"""The weather: one sky over the whole city, and the stations that measure it.

Temperature follows season and hour, wind is log-normal, and showers come and go at random: dry spells of a day
or two, rain of some hours. Temperatures are those of the city's climate, the other levels Shanghai's, rounded.
"""

from collections import deque
from math import cos, exp, pi

import numpy as np

from sensors_sim.city import City
from sensors_sim.city_plan import Climate
from sensors_sim.sensors.contract import Measured, Sensors
from sensors_sim.sensors.drift import Drift
from sensors_sim.sensors.moment import Moment
from sensors_sim.sensors.sites import sites_at

EVERY_S = 300
DRY_MINUTES, WET_MINUTES = 1_800.0, 240.0
USUAL_RAIN_MM_H = 2.0
HEAVY_RAIN_MM_H = 8.0

SHANGHAI = Climate()


class Sky:
    """What is the same everywhere: degrees Celsius, per cent, hPa, m/s and mm an hour, after each `step`.

    more_rain, warmer_by   what a scenario adds: mm an hour, degrees
    """

    def __init__(self, rng: np.random.Generator, climate: Climate = SHANGHAI) -> None:
        self._rng = rng
        self._climate = climate
        self._drift = Drift(5, 1.0, 600.0, rng)
        self.more_rain = self.warmer_by = 0.0
        self.raining = bool(rng.random() < WET_MINUTES / (WET_MINUTES + DRY_MINUTES))
        self.temperature = self.humidity = self.pressure = self.wind = self.rain = 0.0

    @property
    def wet(self) -> float:
        """0 when it is dry, 1 in heavy rain."""
        return min(1.0, self.rain / HEAVY_RAIN_MM_H)

    def step(self, now: Moment) -> None:
        """Live through the minute that ends at `now`."""
        warm, damp, heavy, windy, deep = self._drift.step().tolist()
        if self._rng.random() < 1 / (WET_MINUTES if self.raining else DRY_MINUTES):
            self.raining = not self.raining
        mean, swing = self._climate.mean_c, self._climate.swing_c
        season = mean - swing * cos(2 * pi * (now.day_of_year - 25) / 365)
        day = cos(2 * pi * (now.hour - 14.5) / 24) * (1.5 if self.raining else 4.0)
        self.temperature = season + day + 2.5 * warm + self.warmer_by
        self.humidity = min(
            100.0, max(15.0, 68 - 3 * day + 9 * damp + (18 if self.raining or self.more_rain else 0))
        )
        self.pressure = 1_016 + 0.6 * (mean - season) + 4 * deep - (3 if self.raining else 0)
        self.wind = 2.6 * exp(0.5 * windy)
        self.rain = (USUAL_RAIN_MM_H * exp(0.8 * heavy) if self.raining else 0.0) + self.more_rain


class Weather:
    """Stations under the sky, each with a small offset of its own."""

    def __init__(self, city: City, n: int, sky: Sky, rng: np.random.Generator) -> None:
        self.sky = sky
        self._rng = rng
        sites = sites_at(city, n, (0,), 200.0, rng)
        self.sensors = Sensors.at(
            city.plane, sites.x, sites.y, kind="weather", owner="city-air", every_s=EVERY_S,
            metrics=("temperature", "humidity", "pressure", "wind_speed", "rain"),
        )  # fmt: skip
        self._offset = rng.normal(0.0, 1.0, n)
        self._fallen: deque[float] = deque(maxlen=EVERY_S // 60)

    def step(self, now: Moment) -> Measured:
        """Live through the minute that ends at `now`."""
        sky = self.sky
        sky.step(now)
        self._fallen.append(sky.rain / 60)
        n = len(self.sensors)
        noise = self._rng.normal(0.0, 1.0, (4, n))
        return Measured.sound(
            np.round(sky.temperature + 0.4 * self._offset + 0.1 * noise[0], 1),
            np.round(np.clip(sky.humidity - self._offset + noise[1], 5, 100)),
            np.round(sky.pressure + 0.3 * self._offset + 0.1 * noise[2], 1),
            np.round(np.maximum(sky.wind * (1 + 0.1 * self._offset) + 0.3 * noise[3], 0.0), 1),
            np.round(np.maximum(sum(self._fallen) * (1 + 0.1 * self._offset), 0.0), 2),
        )
