"""Rows of numpy columns in PostgreSQL's binary COPY format, made in compiled code.

Format: https://www.postgresql.org/docs/17/sql-copy.html, "Binary Format": per row the number of fields (2 bytes), per
field its length (4 bytes, -1 for NULL) and its bytes; numbers in network byte order.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from streams.columnar.compiled import compiled
from streams.columnar.rows import Coded, Numbers, Texts

Column = Numbers | Texts | Coded
Bytes = NDArray[np.uint8]
Places = NDArray[np.uint64]
"""Where the next field of each row begins; whoever puts one moves them on."""

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
_AT_ONCE = 2_048
"""Rows of a block: few enough to stay in the processor's cache until the client has taken them."""
_WORD, _LENGTH = 8, 4
_ALL = np.zeros(0, np.bool_)


def blocks(columns: Sequence[Column]) -> Iterator[memoryview]:
    """Yield the rows of columns of equal length; integers are bigint, floats double precision, the others text."""
    fields = [
        _Number(column) if isinstance(column, Numbers) else _Text(column, behind=len(columns) - place)
        for place, column in enumerate(columns, 1)
    ]
    for begin in range(0, len(columns[0]), _AT_ONCE):
        yield _block(fields, slice(begin, min(begin + _AT_ONCE, len(columns[0]))))


def _block(fields: Sequence["_Number | _Text"], part: slice) -> memoryview:
    size = np.full(part.stop - part.start, 2 + _LENGTH * len(fields), np.uint64)
    for field in fields:
        field.add_sizes(size, part)
    end = np.cumsum(size)
    out, at = np.empty(int(end[-1]), np.uint8), end - size
    _put_count(out, at, len(fields))
    for field in fields:
        field.put(out, at, part)
    return out.data


class _Number:
    """The bits of a column of numbers, and which of them are known (empty: all)."""

    def __init__(self, column: Numbers) -> None:
        kind = np.float64 if column.values.dtype.kind == "f" else np.int64
        self._bits = np.ascontiguousarray(column.values, kind).view(np.uint64)
        self._known = _ALL if column.known is None else column.known

    def add_sizes(self, size: Places, part: slice) -> None:
        _add_numbers(size, self._known[part])

    def put(self, out: Bytes, at: Places, part: slice) -> None:
        _put_numbers(out, at, self._bits[part], self._known[part])


class _Text:
    """Texts as words of eight bytes, and which of them each row has; `behind`: so many fields follow."""

    def __init__(self, column: Texts | Coded, *, behind: int) -> None:
        if isinstance(column, Texts):
            texts, self._which = column.values, np.arange(len(column), dtype=np.uint64)
        else:
            texts = np.array([name.encode() for name in column.names])
            self._which = column.codes.astype(np.uint64)
        words = max(1, -(-texts.dtype.itemsize // _WORD))
        self._length = np.strings.str_len(texts).astype(np.uint64)
        self._words = texts.astype(f"S{_WORD * words}").view(np.uint64).reshape(len(texts), words)
        self._whole_words = behind * _LENGTH >= _WORD - 1

    def add_sizes(self, size: Places, part: slice) -> None:
        _add_texts(size, self._length, self._which[part])

    def put(self, out: Bytes, at: Places, part: slice) -> None:
        _put_texts(out, at, self._words, self._length, self._which[part], self._whole_words)


@compiled
def _add_numbers(size: Places, known: NDArray[np.bool_]) -> None:
    for row in range(len(size)):
        size[row] += np.uint64(8 * known[row] if len(known) else 8)


@compiled
def _add_texts(size: Places, length: NDArray[np.uint64], which: NDArray[np.uint64]) -> None:
    for row in range(len(size)):
        size[row] += length[which[row]]


@compiled
def _put_count(out: Bytes, at: Places, fields: int) -> None:
    for row in range(len(at)):
        out[at[row]] = fields >> 8
        out[at[row] + np.uint64(1)] = fields & 0xFF
        at[row] += np.uint64(2)


@compiled
def _put_numbers(out: Bytes, at: Places, bits: NDArray[np.uint64], known: NDArray[np.bool_]) -> None:
    for row in range(len(at)):
        place = at[row]
        if len(known) and not known[row]:
            _put_length(out, place, np.uint64(0xFFFFFFFF))
            at[row] = place + np.uint64(4)
            continue
        number = bits[row]
        _put_length(out, place, np.uint64(8))
        for byte in range(8):
            out[place + np.uint64(4 + byte)] = (number >> np.uint64(56 - 8 * byte)) & np.uint64(0xFF)
        at[row] = place + np.uint64(12)


@compiled
def _put_texts(
    out: Bytes,
    at: Places,
    words: NDArray[np.uint64],
    length: NDArray[np.uint64],
    which: NDArray[np.uint64],
    whole_words: bool,
) -> None:
    """Put texts; with `whole_words` the zeros behind their last letters, too, as the next fields overwrite them.

    That saves a loop over those letters, whose number no processor can guess.
    """
    for row in range(len(at)):
        place, text = at[row], which[row]
        letters = length[text]
        _put_length(out, place, letters)
        place += np.uint64(4)
        whole = letters >> np.uint64(3)
        for number in range(whole):
            word = words[text, number]
            for byte in range(8):
                out[place + np.uint64(byte)] = (word >> np.uint64(8 * byte)) & np.uint64(0xFF)
            place += np.uint64(8)
        rest = letters & np.uint64(7)
        if rest:
            word = words[text, whole]
            if whole_words:
                for byte in range(8):
                    out[place + np.uint64(byte)] = (word >> np.uint64(8 * byte)) & np.uint64(0xFF)
            else:
                for byte in range(rest):
                    out[place + np.uint64(byte)] = (word >> np.uint64(8 * byte)) & np.uint64(0xFF)
        at[row] = place + rest


@compiled
def _put_length(out: Bytes, place: np.uint64, length: np.uint64) -> None:
    for byte in range(4):
        out[place + np.uint64(byte)] = (length >> np.uint64(24 - 8 * byte)) & np.uint64(0xFF)
