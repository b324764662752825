"""Distances and polygons on a patch of the Earth small enough to be flat (some tens of kilometres)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians

import numpy as np

from sensors_sim.batch import Bools, Floats

METRES_PER_DEGREE = 111_195.0
"""Length of one degree of a great circle, with the mean Earth radius of 6,371,009 m."""


@dataclass(frozen=True, slots=True)
class Plane:
    """A local plane in metres around (lat0, lon0): x to the east, y to the north.

    Equirectangular projection; 30 km from the origin it is wrong by less than 0.3 per cent,
    which is less than what a straight line is wrong about a ride.
    """

    lat0: float
    lon0: float

    def xy(self, lat: Floats, lon: Floats) -> tuple[Floats, Floats]:
        """Return metres east and north of the origin."""
        return (
            (lon - self.lon0) * (METRES_PER_DEGREE * cos(radians(self.lat0))),
            (lat - self.lat0) * METRES_PER_DEGREE,
        )

    def latlon(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return degrees, rounded to 6 decimals (0.1 m). No city crosses the 180th meridian: nothing lies beyond it."""
        lat = self.lat0 + y / METRES_PER_DEGREE
        lon = self.lon0 + x / (METRES_PER_DEGREE * cos(radians(self.lat0)))
        return np.round(lat, 6), np.clip(np.round(lon, 6), -180.0, 180.0)


def inside(polygon: Sequence[tuple[float, float]], x: Floats, y: Floats) -> Bools:
    """Say for each point whether it lies in `polygon`, given as its (x, y) corners (even-odd rule)."""
    x1, y1 = np.array(polygon).T[:, :, None]
    x2, y2 = np.roll(x1, -1, axis=0), np.roll(y1, -1, axis=0)
    crosses = (y < y1) != (y < y2)  # never for an edge along x, whose division is thus not used
    with np.errstate(divide="ignore", invalid="ignore"):
        to_the_left = x < x1 + (y - y1) * (x2 - x1) / (y2 - y1)
    result: Bools = np.logical_xor.reduce(crosses & to_the_left, axis=0)
    return result


def closeness(x: Floats, y: Floats, of_x: Floats, of_y: Floats, reach_m: float) -> Floats:
    """Return how near each point is to each other one, float64[len(x), len(of_x)]: exp(-d / reach_m)."""
    distance = np.hypot(x[:, None] - of_x, y[:, None] - of_y)
    return np.asarray(np.exp(-distance / reach_m))
