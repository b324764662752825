"""Moves that no vehicle makes: too far between two successive readings for the time between them.

A GPS position errs by tens of metres between houses, and by some hundred after a cold start. So `noise_m` of a distance
prove nothing, and only what is left of it is asked for its speed: two readings a second apart and 60 m off are no jump.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.vehicles import VEHICLE_TYPES

EARTH_M = 6_371_007.18
"""Radius of the sphere that H3 is drawn on."""
_METRES_PER_DEGREE = np.radians(1) * EARTH_M
_MOTORISED = ("moped", "other")
_FASTER = 3.0
"""How much faster than a bicycle or scooter: at the usual limit, 180 km/h."""


@dataclass(frozen=True, slots=True)
class JumpRule:
    """What is impossible. Mopeds, and vehicles of type `other` (cars), may be three times as fast.

    limit_kmh  speed that a bicycle or scooter can have
    noise_m    metres of each move that are taken for errors of GPS
    """

    limit_kmh: float = 60.0
    noise_m: float = 250.0

    def limits(self) -> NDArray[np.float64]:
        """Return the limit of each vehicle type, by its code, km/h."""
        factors = [_FASTER if name in _MOTORISED else 1.0 for name in VEHICLE_TYPES]
        return self.limit_kmh * np.array(factors)

    @property
    def least_degrees(self) -> float:
        """No move goes beyond the noise that is shorter than this in latitude and in longitude."""
        return float(self.noise_m / _METRES_PER_DEGREE / np.sqrt(2))

    def too_fast(
        self, metres: NDArray[np.float64], ms: NDArray[np.int64], limit_kmh: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Return which of n moves, of so many metres in so many milliseconds (above 0), are impossible."""
        return (metres - self.noise_m) * 3_600 > limit_kmh * ms


def distance_m(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    to_lat: NDArray[np.float64],
    to_lon: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return great-circle distances in metres between positions in degrees (haversine: R. W. Sinnott, 1984)."""
    phi, to_phi = np.radians(lat), np.radians(to_lat)
    up, across = np.sin((to_phi - phi) / 2), np.sin(np.radians(to_lon - lon) / 2)
    a = up * up + np.cos(phi) * np.cos(to_phi) * across * across
    found: NDArray[np.float64] = 2 * EARTH_M * np.arcsin(np.sqrt(np.minimum(a, 1.0)))
    return found
