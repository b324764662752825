"""Which steps of vehicles there may be news of, in compiled code: in a calm city few."""

import numpy as np
from numpy.typing import NDArray

from schemas.vehicles import GONE_STATES, VEHICLE_STATES
from streams.columnar.arrays import Records
from streams.columnar.compiled import compiled

GONE = np.array([name in GONE_STATES for name in VEHICLE_STATES])
"""By state code: whether a vehicle in this state is not in the city."""
HOUR_MS = 3_600_000


@compiled
def moved(
    readings: Records,
    take: NDArray[np.int32],
    before: Records,
    starts: NDArray[np.int64],
    most: int,
    least: float,
    found: NDArray[np.int32],
) -> int:
    """Set `found` to the steps by more than `least` degrees from one place in the city to another; returns how many.

    At most the first `most` of each record are among them; `starts` are the indices of the records' first readings.
    """
    n, record, room = 0, 0, most
    for at in range(len(take)):
        while record + 1 < len(starts) and take[at] >= starts[record + 1]:
            record += 1
            room = most
        if room == 0:
            continue
        reading, was = readings[take[at]], before[at]
        far = abs(reading.lat - was.lat) > least or abs(reading.lon - was.lon) > least
        if far and was.ts > 0 and not GONE[reading.state] and not GONE[was.state]:
            found[n] = at
            n += 1
            room -= 1
    return n


@compiled
def changed(
    readings: Records,
    take: NDArray[np.int32],
    slots: NDArray[np.int32],
    before: Records,
    cell_of: NDArray[np.int32],
    region_of: NDArray[np.int32],
    by_region: bool,
    low: int,
    found: NDArray[np.int32],
) -> int:
    """Set `found` to the steps of new vehicles and into another state, type, battery or slot; returns how many.

    Where `by_region` is set, only those slots count as others that lie in other regions. Of a battery that is known and
    below `low` the first step into an hour is among them too.
    """
    n = 0
    for at in range(len(take)):
        reading, was = readings[take[at]], before[at]
        other = was.ts == 0 or reading.battery != was.battery or reading.state != was.state
        other = other or reading.type_ != was.type_
        other = other or (0 <= reading.battery < low and reading.ts // HOUR_MS != was.ts // HOUR_MS)
        if not other and slots[at] != was.slot:
            other = not by_region or region_of[cell_of[slots[at]]] != region_of[cell_of[was.slot]]
        if other:
            found[n] = at
            n += 1
    return n
