"""Lists of JSON as columns, in compiled code, and the one value that may stand for all of a column.

As in json_text.py, NOT_READ says that what stands here is not as it ordinarily is, and is left to a general decoder.
"""

import numpy as np
from numpy.typing import NDArray

from streams.columnar.compiled import compiled
from streams.columnar.json_text import (
    NOT_READ,
    OPEN_LIST,
    Patterns,
    Text,
    Words,
    decimal,
    goes_on,
    integer,
    is_null,
    known_string,
    letter,
    skip,
    string,
)

Codes = NDArray[np.signedinteger]


@compiled
def strings(text: Text, p: int, into: Words) -> tuple[int, int]:
    """Read a list of strings into rows; returns (how many, the place after it), -1 for what is left alone."""
    if letter(text, p) != OPEN_LIST:
        return 0, NOT_READ
    more, p, n = True, skip(text, p + 1), 0
    while more:
        if n == len(into):
            return 0, NOT_READ
        p = string(text, p, into[n])
        n += 1
        if p < 0:
            return 0, NOT_READ
        more, p = goes_on(text, p)
    return n, p


@compiled
def codes(text: Text, p: int, known: Patterns, into: Codes, n: int) -> int:
    """Read a string, or a list of n strings, as their numbers among those that are known."""
    if letter(text, p) != OPEN_LIST:
        code, p = known_string(text, p, known, 0)
        into[:n] = code
        return p
    code, more, p = 0, True, skip(text, p + 1)
    for at in range(n):
        if not more:
            return NOT_READ
        code, p = known_string(text, p, known, code)
        if p < 0:
            return NOT_READ
        into[at] = code
        more, p = goes_on(text, p)
    return NOT_READ if more else p


@compiled
def decimals(text: Text, p: int, into: NDArray[np.float64], n: int) -> int:
    """Read a list of n numbers; returns the place after it, or NOT_READ."""
    if letter(text, p) != OPEN_LIST:
        return NOT_READ
    more, p = True, skip(text, p + 1)
    for at in range(n):
        if not more:
            return NOT_READ
        into[at], p = decimal(text, p)
        if p < 0:
            return NOT_READ
        more, p = goes_on(text, p)
    return NOT_READ if more else p


@compiled
def integers(text: Text, p: int, into: NDArray[np.int64], n: int) -> int:
    """Read a list of n integers; returns the place after it, or NOT_READ."""
    if letter(text, p) != OPEN_LIST:
        return NOT_READ
    more, p = True, skip(text, p + 1)
    for at in range(n):
        if not more:
            return NOT_READ
        into[at], p = integer(text, p)
        if p < 0:
            return NOT_READ
        more, p = goes_on(text, p)
    return NOT_READ if more else p


@compiled
def decimal_or_decimals(text: Text, p: int, into: NDArray[np.float64], n: int) -> int:
    """Read a number that stands for all, or a list of n numbers."""
    if letter(text, p) == OPEN_LIST:
        return decimals(text, p, into, n)
    number, p = decimal(text, p)
    into[:n] = number
    return p


@compiled
def _decimal_or_null(text: Text, p: int) -> tuple[float, int]:
    """Read a number; null is NaN."""
    if is_null(text, p):
        return np.nan, p + 4
    return decimal(text, p)


@compiled
def decimals_or_nulls(text: Text, p: int, into: NDArray[np.float64], n: int) -> int:
    """Read a number, or null, that stands for all, or a list of n of them; null is NaN."""
    if letter(text, p) != OPEN_LIST:
        number, p = _decimal_or_null(text, p)
        into[:n] = number
        return p
    more, p = True, skip(text, p + 1)
    for at in range(n):
        if not more:
            return NOT_READ
        into[at], p = _decimal_or_null(text, p)
        if p < 0:
            return NOT_READ
        more, p = goes_on(text, p)
    return NOT_READ if more else p
