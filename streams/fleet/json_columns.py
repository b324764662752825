"""Columns of a partial as JSON lists, written in compiled code: an adversary's fleet tells a row for each reading."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.columnar.compiled import compiled, int64

Bytes = NDArray[np.uint8]

_QUOTE, _COMMA, _MINUS, _ZERO, _OPEN, _CLOSE = b'",-0[]'
_DIGITS = 20  # of an integer of 64 bits, its sign included


def texts(names: NDArray[np.bytes_], which: NDArray[np.integer]) -> msgspec.Raw:
    """Return names[which]; the names are ids or hex numbers, so that none needs an escape."""
    width = names.dtype.itemsize
    out = np.empty(len(which) * (width + 3) + 2, np.uint8)
    return msgspec.Raw(out[: _texts(names.view(np.uint8).reshape(-1, width), which, out)].tobytes())


def integers(values: NDArray[np.integer]) -> msgspec.Raw:
    """Return integers."""
    out = np.empty(len(values) * (_DIGITS + 1) + 2, np.uint8)
    return msgspec.Raw(out[: _integers(values.astype(np.int64), out)].tobytes())


@compiled
def _texts(names: Bytes, which: NDArray[np.integer], out: Bytes) -> int:
    out[0] = _OPEN
    p = 1
    for at in range(len(which)):
        out[p] = _QUOTE
        p += 1
        name = which[at]
        for place in range(names.shape[1]):
            letter = names[name, place]
            if letter == 0:
                break
            out[p] = letter
            p += 1
        out[p] = _QUOTE
        out[p + 1] = _COMMA
        p += 2
    return _closed(out, p)


@compiled
def _integers(values: NDArray[np.int64], out: Bytes) -> int:
    out[0] = _OPEN
    p = 1
    for at in range(len(values)):
        value = np.uint64(values[at])
        if values[at] < 0:
            value = ~value + np.uint64(1)
            out[p] = _MINUS
            p += 1
        size, rest = 1, value
        while rest >= np.uint64(10):
            rest //= np.uint64(10)
            size += 1
        for place in range(p + size - 1, p - 1, -1):
            out[place] = _ZERO + int64(value % np.uint64(10))
            value //= np.uint64(10)
        out[p + size] = _COMMA
        p += size + 1
    return _closed(out, p)


@compiled
def _closed(out: Bytes, p: int) -> int:
    """End a list, in the place of its last comma."""
    if p > 1:
        p -= 1
    out[p] = _CLOSE
    return p + 1
