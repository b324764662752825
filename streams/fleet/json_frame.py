"""The quick way from the JSON of a frame to columns: for frames as gateways write them.

Whatever is out of the ordinary (an escape, an exponent, an unknown field or operator, a long id, an error) is left to
the general decoder of columns.py. What is read here is what that one would read.
"""

import numpy as np
from numpy.typing import NDArray

from schemas.limits import EARLIEST_MS, END_MS
from schemas.vehicles import VEHICLE_STATES, VEHICLE_TYPES, VehicleFrame
from streams.columnar.compiled import compiled
from streams.columnar.json_lists import codes, decimals, integers, list_of, strings
from streams.columnar.json_text import (
    NOT_READ,
    OPEN,
    OPEN_LIST,
    Patterns,
    Text,
    Words,
    has_more,
    integer,
    is_null,
    letter,
    member,
    patterns_of,
    skip,
)

ID, TS, LAT, LON, OPERATOR, RECEIVED_AT, STATE, TYPE, BATTERY = range(len(VehicleFrame.__struct_fields__))
_REQUIRED = 0b111111  # the first six
FIELDS = patterns_of(VehicleFrame.__struct_fields__)
STATES = patterns_of(VEHICLE_STATES)
TYPES = patterns_of(VEHICLE_TYPES)


@compiled
def per_cent(text: Text, p: int) -> tuple[int, int]:
    """Read a per cent; null, and what is beyond 100, is -1."""
    if is_null(text, p):
        return -1, p + 4
    number, p = integer(text, p)
    return (number if number <= 100 else -1), p


_list_of_per_cents = list_of(per_cent)


@compiled
def _per_cents(text: Text, p: int, into: NDArray[np.int8], n: int) -> int:
    """Read a per cent, or a list of n; null, and what is beyond 100, is -1."""
    if letter(text, p) == OPEN_LIST:
        return _list_of_per_cents(text, p, into, n)
    number, p = per_cent(text, p)
    into[:n] = number
    return p


@compiled
def read_frame(
    text: Text,
    end: int,
    ids: Words,
    ts: NDArray[np.int64],
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    operator: NDArray[np.int32],
    received_at: NDArray[np.int64],
    state: NDArray[np.int8],
    type_: NDArray[np.int8],
    battery: NDArray[np.int8],
    fields: Patterns,
    states: Patterns,
    types: Patterns,
    operators: Patterns,
) -> int:
    """Read the frame `text[:end]`, which a zero follows, into columns; returns the number of readings, or -1.

    Where -1 is returned the columns hold anything.
    """
    n, seen, received, field, inside = 0, 0, 0, -1, True
    p = skip(text, 0)
    if letter(text, p) != OPEN:
        return NOT_READ
    p = skip(text, p + 1)
    while inside:
        field, p = member(text, p, fields, field + 1)
        # The ids come first: they say how many readings there are.
        if p < 0 or seen >> field & 1 or (field != ID and not seen & 1):
            return NOT_READ
        seen |= 1 << field
        if field == ID:
            n, p = strings(text, p, ids)
        elif field == TS:
            p = integers(text, p, ts, n)
        elif field == LAT:
            p = decimals(text, p, lat, n)
        elif field == LON:
            p = decimals(text, p, lon, n)
        elif field == OPERATOR:
            p = codes(text, p, operators, operator, n)
        elif field == RECEIVED_AT:
            received, p = integer(text, p)
        elif field == STATE:
            p = codes(text, p, states, state, n)
        elif field == TYPE:
            p = codes(text, p, types, type_, n)
        else:
            p = _per_cents(text, p, battery, n)
        inside, p = has_more(text, p)
    if p < 0 or skip(text, p) != end:
        return NOT_READ
    if seen & _REQUIRED != _REQUIRED or not EARLIEST_MS <= received < END_MS:
        return NOT_READ
    received_at[:n] = received
    if not seen >> STATE & 1:
        state[:n] = 0
    if not seen >> TYPE & 1:
        type_[:n] = 0
    if not seen >> BATTERY & 1:
        battery[:n] = -1
    return n
