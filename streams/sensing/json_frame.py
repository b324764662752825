"""The quick way from the JSON of a frame to columns: for frames as gateways write them.

Whatever is out of the ordinary (an escape, an exponent, an unknown field, metric, owner or unit, a long id, an error)
is left to the general decoder of columns.py. What is read here is what that one would read.
"""

import numpy as np
from numpy.typing import NDArray

from schemas.limits import EARLIEST_MS, END_MS
from schemas.metrics import SENSOR_KINDS
from schemas.sensors import SENSOR_STATUSES, SensorFrame
from streams.columnar.compiled import compiled
from streams.columnar.json_lists import (
    codes,
    decimal_or_decimals,
    decimals,
    decimals_or_nulls,
    integers,
    strings,
)
from streams.columnar.json_text import (
    NOT_READ,
    OPEN,
    Patterns,
    Text,
    Words,
    has_more,
    integer,
    letter,
    member,
    patterns_of,
    skip,
)
from streams.sensing.columns import METRIC_NAMES

_ID, _METRIC, _VALUE, _TS, _LAT, _LON, _KIND, _OWNER, _RECEIVED_AT, _UNIT, _STATUS, _CAPACITY = range(
    len(SensorFrame.__struct_fields__)
)
_REQUIRED = 0b1_1111_1111  # the first nine
FIELDS = patterns_of(SensorFrame.__struct_fields__)
METRICS = patterns_of(METRIC_NAMES)
KINDS = patterns_of(SENSOR_KINDS)
STATUSES = patterns_of(SENSOR_STATUSES)


@compiled
def read_frame(
    text: Text,
    end: int,
    ids: Words,
    metric: NDArray[np.int8],
    value: NDArray[np.float64],
    ts: NDArray[np.int64],
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    kind: NDArray[np.int8],
    owner: NDArray[np.int32],
    unit: NDArray[np.int8],
    status: NDArray[np.int8],
    capacity: NDArray[np.float64],
    fields: Patterns,
    metrics: Patterns,
    kinds: Patterns,
    owners: Patterns,
    units: Patterns,
    statuses: Patterns,
) -> tuple[int, int, bool]:
    """Read the frame `text[:end]`, which a zero follows, into columns.

    Returns how many readings it holds, when it was received, and whether it names units. The number of readings is
    NOT_READ where the frame is left alone; the columns hold anything then.
    """
    n, seen, received, field, inside = 0, 0, 0, -1, True
    p = skip(text, 0)
    if letter(text, p) != OPEN:
        return NOT_READ, 0, False
    p = skip(text, p + 1)
    while inside:
        field, p = member(text, p, fields, field + 1)
        # The ids come first: they say how many readings there are.
        if p < 0 or seen >> field & 1 or (field != _ID and not seen & 1):
            return NOT_READ, 0, False
        seen |= 1 << field
        if field == _ID:
            n, p = strings(text, p, ids)
        elif field == _METRIC:
            p = codes(text, p, metrics, metric, n)
        elif field == _VALUE:
            p = decimals(text, p, value, n)
        elif field == _TS:
            p = integers(text, p, ts, n)
        elif field == _LAT:
            p = decimal_or_decimals(text, p, lat, n)
        elif field == _LON:
            p = decimal_or_decimals(text, p, lon, n)
        elif field == _KIND:
            p = codes(text, p, kinds, kind, n)
        elif field == _OWNER:
            p = codes(text, p, owners, owner, n)
        elif field == _RECEIVED_AT:
            received, p = integer(text, p)
        elif field == _UNIT:
            p = codes(text, p, units, unit, n)
        elif field == _STATUS:
            p = codes(text, p, statuses, status, n)
        else:
            p = decimals_or_nulls(text, p, capacity, n)
        inside, p = has_more(text, p)
    if p < 0 or skip(text, p) != end:
        return NOT_READ, 0, False
    if seen & _REQUIRED != _REQUIRED or not EARLIEST_MS <= received < END_MS:
        return NOT_READ, 0, False
    if not seen >> _STATUS & 1:
        status[:n] = 0
    if not seen >> _CAPACITY & 1:
        capacity[:n] = np.nan
    return n, received, bool(seen >> _UNIT & 1)
