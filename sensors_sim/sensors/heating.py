"""District heating: a pipe leaks and its pressure sags for some hours, it fails, goes cold, and is repaired."""

from dataclasses import dataclass
from math import exp

import numpy as np

from sensors_sim.batch import Bools, Floats, Ints
from sensors_sim.city import HOME, City
from sensors_sim.sensors.contract import Measured, Sensors
from sensors_sim.sensors.drift import Drift
from sensors_sim.sensors.moment import MINUTE_MS, Moment
from sensors_sim.sensors.sites import sites_at
from sensors_sim.sensors.weather import Sky

SOUND_MINUTES = 12 * 1_440.0
"""Mean time from a repair to the next leak."""

LEAKS_MINUTES = (180, 480)
"""From the first leak to the failure."""

REPAIR_MINUTES = (240, 600)
"""From the failure until the pipe is warm again, but for the time that it takes to heat up."""

LOST_KPA, FAILED_KPA = 0.45, 90.0
"""Share of the pressure that is lost just before the failure, and what is left after it."""

COOLER_BY = 12.0
"""Degrees that the water has lost just before the failure."""

COLD = 45.0
"""Degrees below which radiators feel cold."""

WARMS_UP_MS = 5_400_000
"""After a repair it is warm again no later than that."""


@dataclass(frozen=True, slots=True)
class Mains:
    """n mains that burst; all around each the flats go cold, not only those behind the pipes with a sensor.

    x, y       float64[n], metres
    calls_h    float64[n], calls an hour while it is cold there and people are awake
    mended_at  int64[n], milliseconds since the epoch
    pipes      the pipes with a sensor that each of them feeds
    """

    x: Floats
    y: Floats
    calls_h: Floats
    mended_at: Ints
    pipes: tuple[Ints, ...] = ()

    def and_one(self, x: float, y: float, calls_h: float, mended_at: int, pipes: Ints) -> "Mains":
        """Return these and one more."""
        return Mains(
            np.append(self.x, x),
            np.append(self.y, y),
            np.append(self.calls_h, calls_h),
            np.append(self.mended_at, mended_at),
            (*self.pipes, pipes),
        )


class Heating:
    """Pipes with a sensor each; times in milliseconds since the epoch.

    leaks_at     int64[n], when the pressure begins to sag, or began to
    fails_at     int64[n]
    mended_at    int64[n], when the repair is done; then the next life begins
    temperature  float64[n], degrees Celsius
    mains        those that burst
    """

    def __init__(self, city: City, n: int, start: int, sky: Sky, rng: np.random.Generator) -> None:
        self._rng, self._sky = rng, sky
        sites = sites_at(city, n, (HOME,), 250.0, rng)
        self.sensors = Sensors.at(
            city.plane, sites.x, sites.y, kind="heating", owner="city-heating",
            metrics=("pipe_temperature", "pipe_pressure"), every_s=300,
        )  # fmt: skip
        self._usual_kpa: Floats = rng.uniform(520.0, 680.0, n)
        self._mood = Drift(n, 6.0, 90.0, rng)
        self.leaks_at: Ints
        self.fails_at: Ints
        self.mended_at: Ints
        self.leaks_at, self.fails_at, self.mended_at = self._lives(np.full(n, start))
        # Some pipes are in trouble at the start already: shift a share of the lives back into theirs.
        trouble = self.mended_at - self.leaks_at
        troubled = rng.random(n) < trouble / (trouble + SOUND_MINUTES * MINUTE_MS)
        back = np.where(troubled, self.leaks_at - start + (rng.random(n) * trouble).astype(np.int64), 0)
        self.leaks_at, self.fails_at, self.mended_at = (
            at - back for at in (self.leaks_at, self.fails_at, self.mended_at)
        )
        self.temperature: Floats = np.full(n, 70.0)
        self._kpa: Floats = self._usual_kpa.copy()
        self.mains = Mains(np.empty(0), np.empty(0), np.empty(0), np.empty(0, dtype=np.int64))

    def failed(self, now: int) -> Bools:
        """Say which pipes have failed and are not repaired."""
        return (self.fails_at <= now) & (now < self.mended_at)

    def burst(self, pipes: Ints, now: int, mended_at: int, x: float, y: float, calls_h: float) -> None:
        """Let pipes fail at once, without a leak before, as their main bursts; it is repaired at that time.

        A pipe that has failed already is repaired no earlier than it would have been.
        """
        until = np.where(self.failed(now)[pipes], np.maximum(self.mended_at[pipes], mended_at), mended_at)
        self.leaks_at[pipes], self.fails_at[pipes], self.mended_at[pipes] = now - MINUTE_MS, now, until
        self.mains = self.mains.and_one(x, y, calls_h, mended_at, pipes)

    def cold(self) -> Bools:
        """Say behind which pipes radiators are cold."""
        return self.temperature < COLD

    def cold_around(self, now: int) -> Floats:
        """Return which share of the pipes of each main is cold, float64[mains]; 0 once it is mended and warm again."""
        warm = self.mains.mended_at + WARMS_UP_MS <= now
        cold = self.cold()
        shares: Floats = np.array([cold[pipes].mean() for pipes in self.mains.pipes], dtype=np.float64)
        return np.where(warm, 0.0, shares)

    def step(self, now: Moment) -> Measured:
        """Live through the minute that ends at `now`."""
        anew = self.mended_at <= now.ts
        if anew.any():
            for mine, drawn in zip(
                (self.leaks_at, self.fails_at, self.mended_at), self._lives(self.mended_at[anew]), strict=True
            ):
                mine[anew] = drawn
        outside = self._sky.temperature
        failed = self.failed(now.ts)
        leak = np.clip((now.ts - self.leaks_at) / (self.fails_at - self.leaks_at), 0.0, 1.0)
        warm = min(95.0, max(55.0, 78.0 - 1.1 * outside))
        self.temperature += np.where(
            failed,
            (outside + 8.0 - self.temperature) * (1 - exp(-1 / 90)),
            (warm - COOLER_BY * leak**2 - self.temperature) * (1 - exp(-1 / 25)),
        )
        kpa = np.where(failed, FAILED_KPA, self._usual_kpa * (1 - LOST_KPA * leak**1.5))
        self._kpa += (kpa - self._kpa) * (1 - exp(-1 / 5))
        mood = np.where(failed, 0.0, self._mood.step())
        noise = self._rng.normal(0.0, 1.0, (2, len(failed)))
        return Measured.sound(
            np.round(self.temperature + 0.2 * noise[0], 1), np.round(self._kpa + mood + noise[1], 1)
        )

    def _lives(self, since: Ints) -> tuple[Ints, Ints, Ints]:
        """Return when pipes that are sound since then leak, fail and are mended."""
        n = len(since)
        leaks = since + (self._rng.exponential(SOUND_MINUTES, n) * MINUTE_MS).astype(np.int64)
        fails = leaks + self._rng.integers(*LEAKS_MINUTES, n) * MINUTE_MS
        return leaks, fails, fails + self._rng.integers(*REPAIR_MINUTES, n) * MINUTE_MS
