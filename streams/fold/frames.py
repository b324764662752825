"""What the folds ask of any frame: whether it is one, ids and times in order, names as codes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.vehicles import ID_PATTERN

UNKNOWN = -1
"""Code of a name that is not in the list."""

is_id = re.compile(ID_PATTERN).fullmatch


@dataclass(frozen=True, slots=True)
class BadFrame:
    """A record that is neither a frame nor readings; `count` is the number of readings that it claims to hold."""

    detail: str
    count: int


def column_codes(values: str | list[str], code: Mapping[str, int], n: int) -> NDArray[np.int8]:
    """Return the code of each of n names, or of the one name that stands for all."""
    if isinstance(values, str):
        return np.full(n, code.get(values, UNKNOWN), np.int8)
    try:
        return np.fromiter(map(code.__getitem__, values), np.int8, n)
    except KeyError:
        return np.fromiter([code.get(value, UNKNOWN) for value in values], np.int8, n)


def column_floats(values: float | list[float], n: int) -> NDArray[np.float64]:
    """Return a column of n numbers, or of the one number that stands for all."""
    return np.fromiter(values, np.float64, n) if isinstance(values, list) else np.full(n, values)
