"""Lists of JSON as columns, in compiled code, and the one value that may stand for all of a column.

As in json_text.py, NOT_READ says that what stands here is not as it ordinarily is, and is left to a general decoder.
"""

from collections.abc import Callable
from typing import Any

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


def list_of(read: Callable[[Text, int], tuple[Any, int]]) -> Callable[[Text, int, NDArray[Any], int], int]:
    """Return a compiled function that reads a list of n values, each as `read` does, into a column.

    It returns the place after the list, or NOT_READ.
    """

    @compiled
    def values(text: Text, p: int, into: NDArray[Any], n: int) -> int:
        if letter(text, p) != OPEN_LIST:
            return NOT_READ
        more, p = True, skip(text, p + 1)
        for at in range(n):
            if not more:
                return NOT_READ
            into[at], p = read(text, p)
            if p < 0:
                return NOT_READ
            more, p = goes_on(text, p)
        return NOT_READ if more else p

    return values


decimals = list_of(decimal)
integers = list_of(integer)


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


_decimals_or_nulls = list_of(_decimal_or_null)


@compiled
def decimals_or_nulls(text: Text, p: int, into: NDArray[np.float64], n: int) -> int:
    """Read a number, or null, that stands for all, or a list of n of them; null is NaN."""
    if letter(text, p) == OPEN_LIST:
        return _decimals_or_nulls(text, p, into, n)
    number, p = _decimal_or_null(text, p)
    into[:n] = number
    return p
