"""Rows of numpy columns in PostgreSQL's binary COPY format, made in compiled code.

Format: https://www.postgresql.org/docs/17/sql-copy.html, "Binary Format": per row the number of fields (2 bytes), per
field its length (4 bytes, -1 for NULL) and its bytes; numbers in network byte order.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streams.columnar import Coded, Numbers, Texts
from streams.compiled import compiled, int64

Column = Numbers | Texts | Coded
Bytes = NDArray[np.uint8]

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
_NUMBER = 8


def rows(columns: Sequence[Column]) -> bytes:
    """Return the rows of columns of equal length; integers are bigint, floats double precision, the others text."""
    prepared = [_prepared(column) for column in columns]
    fields = len(columns)
    size = np.full(len(columns[0]), 2 + 4 * fields, np.int64)
    for data, code, known in prepared:
        _add_sizes(size, data, code, known)
    end = np.cumsum(size)
    out = np.empty(int(end[-1]) if len(end) else 0, np.uint8)
    at = end - size
    _put_fields(out, at, fields)
    for data, code, known in prepared:
        _put(out, at, data, code, known)
    return out.tobytes()


def _prepared(column: Column) -> tuple[Bytes, NDArray[np.int64], NDArray[np.bool_]]:
    """Return (k, 1 + width): lengths and bytes of k values; the place of each row's value, none: its own; known."""
    none, all_known = np.zeros(0, np.int64), np.zeros(0, np.bool_)
    if isinstance(column, Texts):
        return _texts(column.values), none, all_known
    if isinstance(column, Coded):
        return (
            _texts(np.array([name.encode() for name in column.names])),
            column.codes.astype(np.int64),
            all_known,
        )
    kind = np.float64 if column.values.dtype.kind == "f" else np.int64
    big = column.values.astype(np.dtype(kind).newbyteorder(">"))
    data = np.full((len(big), 1 + _NUMBER), _NUMBER, np.uint8)
    data[:, 1:] = big.view(np.uint8).reshape(-1, _NUMBER)
    return data, none, all_known if column.known is None else column.known


def _texts(values: NDArray[np.bytes_]) -> Bytes:
    width = values.dtype.itemsize
    data = np.zeros((len(values), 1 + width), np.uint8)
    data[:, 0] = np.strings.str_len(values)
    data[:, 1:] = np.ascontiguousarray(values).view(np.uint8).reshape(-1, width)
    return data


@compiled
def _add_sizes(
    size: NDArray[np.int64], data: Bytes, code: NDArray[np.int64], known: NDArray[np.bool_]
) -> None:
    for row in range(len(size)):
        if len(known) == 0 or known[row]:
            size[row] += int64(data[code[row] if len(code) else row, 0])


@compiled
def _put_fields(out: Bytes, at: NDArray[np.int64], fields: int) -> None:
    for row in range(len(at)):
        out[at[row]] = fields >> 8
        out[at[row] + 1] = fields & 0xFF
        at[row] += 2


@compiled
def _put(
    out: Bytes, at: NDArray[np.int64], data: Bytes, code: NDArray[np.int64], known: NDArray[np.bool_]
) -> None:
    """Put one field of each row where `at` says, and move that on."""
    for row in range(len(at)):
        place = at[row]
        if len(known) and not known[row]:
            out[place : place + 4] = 0xFF
            at[row] = place + 4
            continue
        value = code[row] if len(code) else int64(row)
        length = int64(data[value, 0])
        out[place] = out[place + 1] = out[place + 2] = 0
        out[place + 3] = length
        for byte in range(length):
            out[place + 4 + byte] = data[value, 1 + byte]
        at[row] = place + 4 + length
