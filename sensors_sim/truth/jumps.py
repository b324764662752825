"""Which bikes say that they moved as no bike can: seen in what they report, from one reading to the next.

Written from docs/semantics.md ("Single vehicles"), with its defaults; it shares no code with the pipeline.
"""

from collections.abc import Iterable

import numpy as np

from sensors_sim.batch import Positions
from sensors_sim.geo import Plane

JUMP = "impossible_jump"
JUMP_KMH, NOISE_M = 60.0, 250.0


class Jumps:
    """Looks at the reports of some bikes; `seen` are those that jumped, with the times of the readings after it."""

    def __init__(self, bikes: Iterable[str], plane: Plane) -> None:
        self.seen: dict[str, list[int]] = {bike: [] for bike in bikes}
        self._plane = plane
        self._last: dict[str, tuple[int, float, float]] = {}

    def look(self, reported: Positions) -> None:
        """Compare what was reported with what was before."""
        for bike, jumps in self.seen.items():
            rows = np.flatnonzero(reported.vehicle_id == bike)
            x, y = self._plane.xy(reported.lat[rows], reported.lon[rows])
            for ts, east, north in zip(reported.ts[rows].tolist(), x.tolist(), y.tolist(), strict=True):
                before, was_east, was_north = self._last.get(bike, (ts, east, north))
                km = (np.hypot(east - was_east, north - was_north) - NOISE_M) / 1_000
                if km > JUMP_KMH * (ts - before) / 3_600_000:
                    jumps.append(ts)
                self._last[bike] = ts, east, north
