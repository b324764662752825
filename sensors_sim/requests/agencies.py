"""The agencies that work requests off: when they are open, and how fast they are."""

from dataclasses import dataclass
from datetime import tzinfo
from math import log

import numpy as np

from sensors_sim.rhythm import SHANGHAI, at_hour, local

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Agency:
    """Open from `opens` to `closes` (hours of the local clock), on weekends only if `weekends`.

    median_h  half of its requests are closed within so many hours in which it is open
    sigma     standard deviation of the logarithm of that time: how uneven the work is
    """

    name: str
    median_h: float
    sigma: float = 0.6
    opens: int = 0
    closes: int = 24
    weekends: bool = True

    def work_ms(self, rng: np.random.Generator) -> int:
        """Draw how long it works on a request, in milliseconds of opening time."""
        return int(rng.lognormal(log(self.median_h), self.sigma) * HOUR_MS)

    def after(self, ts: int, work_ms: int, zone: tzinfo = SHANGHAI) -> int:
        """Return when `work_ms` milliseconds of opening time have passed since `ts` (milliseconds, UTC)."""
        while True:
            closes = at_hour(ts, self.closes, zone)
            begins = max(ts, at_hour(ts, self.opens, zone))
            if (self.weekends or local(ts, zone).weekday() < 5) and begins < closes:
                if begins + work_ms <= closes:
                    return begins + work_ms
                work_ms -= closes - begins
            ts = at_hour(ts, 24, zone)


HOTLINE = Agency("city hotline", median_h=2.0, sigma=0.8, opens=9, closes=20)
"""Calls back to ask for a rating."""

HEATING = Agency("heating company", median_h=5.0)
POLICE = Agency("police", median_h=1.2, sigma=0.5)
ENVIRONMENT = Agency("environment bureau", median_h=12.0, opens=8, closes=18, weekends=False)
SANITATION = Agency("sanitation", median_h=4.0, opens=6, closes=22)
LIGHTING = Agency("street lighting", median_h=9.0, opens=8, closes=18, weekends=False)
ROADS = Agency("road maintenance", median_h=22.0, sigma=0.7, opens=8, closes=17, weekends=False)
BIKE_DESK = Agency("bike desk", median_h=2.0, opens=7, closes=21)
