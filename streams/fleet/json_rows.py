"""The quick way from JSON readings, an array of them or a single one, to columns.

As in json_frame.py, what is out of the ordinary is left to the general decoder, and what is read here is what that one
would read.
"""

import numpy as np
from numpy.typing import NDArray

from streams.columnar.compiled import compiled
from streams.columnar.json_text import (
    NOT_READ,
    OPEN,
    OPEN_LIST,
    Patterns,
    Text,
    Words,
    decimal,
    goes_on,
    has_more,
    integer,
    known_string,
    letter,
    member,
    skip,
    string,
)
from streams.fleet.json_frame import (
    BATTERY,
    ID,
    LAT,
    LON,
    OPERATOR,
    RECEIVED_AT,
    STATE,
    TS,
    TYPE,
    per_cent,
)

_REQUIRED = 0b11111
"""Ids, times, positions and operators: one who names none is not known by number here."""


@compiled
def read_rows(
    text: Text,
    end: int,
    received: int,
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
    """Read the readings `text[:end]`, which a zero follows; returns their number, or -1. `received` is of all of them.

    Where -1 is returned the columns hold anything.
    """
    p, n, more = skip(text, 0), 0, True
    listed = letter(text, p) == OPEN_LIST
    if listed:
        p = skip(text, p + 1)
    while more:
        if n == len(ids) or letter(text, p) != OPEN:
            return NOT_READ
        p = skip(text, p + 1)
        state[n], type_[n], battery[n] = 0, 0, -1
        seen, field, inside = 0, -1, True
        while inside:
            field, p = member(text, p, fields, field + 1)
            if p < 0 or field == RECEIVED_AT or seen >> field & 1:
                return NOT_READ
            seen |= 1 << field
            if field == ID:
                p = string(text, p, ids[n])
            elif field == TS:
                ts[n], p = integer(text, p)
            elif field == LAT:
                lat[n], p = decimal(text, p)
            elif field == LON:
                lon[n], p = decimal(text, p)
            elif field == OPERATOR:
                operator[n], p = known_string(text, p, operators, 0 if n == 0 else operator[n - 1])
            elif field == STATE:
                state[n], p = known_string(text, p, states, state[n - 1] if n else 0)
            elif field == TYPE:
                type_[n], p = known_string(text, p, types, type_[n - 1] if n else 0)
            elif field == BATTERY:
                battery[n], p = per_cent(text, p)
            inside, p = has_more(text, p)
        if p < 0 or seen & _REQUIRED != _REQUIRED:
            return NOT_READ
        n += 1
        if listed:
            more, p = goes_on(text, p)
        else:
            more = False
    if p < 0 or skip(text, p) != end:
        return NOT_READ
    received_at[:n] = received
    return n
