"""Positions as columns: what every source hands out and the encoder turns into MQTT payloads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from schemas.vehicles import VEHICLE_STATES

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Codes = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Ids = NDArray[np.object_]

AVAILABLE, NON_OPERATIONAL, RESERVED, ON_TRIP, NON_CONTACTABLE, REMOVED = (
    VEHICLE_STATES.index(name)
    for name in ("available", "non_operational", "reserved", "on_trip", "non_contactable", "removed")
)

NO_BATTERY = -1
"""Battery value of a vehicle whose source does not report one."""


@dataclass(frozen=True, slots=True)
class Positions:
    """n positions, columns of equal length, in the order in which they are to be sent.

    operators   names that `operator` indexes
    operator    uint8[n], index into `operators`
    vehicle_id  str[n] (objects)
    ts          int64[n], milliseconds since the epoch, UTC, never decreasing
    lat, lon    float64[n], degrees WGS-84
    state       uint8[n], index into schemas.vehicles.VEHICLE_STATES
    battery     int64[n], per cent, or NO_BATTERY
    """

    operators: tuple[str, ...]
    operator: Codes
    vehicle_id: Ids
    ts: Ints
    lat: Floats
    lon: Floats
    state: Codes
    battery: Ints

    def __len__(self) -> int:
        return len(self.ts)

    def take(self, rows: slice | Ints) -> Self:
        """Return the given rows, in the given order."""
        return type(self)(
            self.operators,
            self.operator[rows],
            self.vehicle_id[rows],
            self.ts[rows],
            self.lat[rows],
            self.lon[rows],
            self.state[rows],
            self.battery[rows],
        )


def ids(names: Sequence[str]) -> Ids:
    """Return `names` as an array of str objects, which numpy can gather without copying the text."""
    out = np.empty(len(names), dtype=object)
    out[:] = names
    return out
