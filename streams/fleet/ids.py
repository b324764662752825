"""Row numbers by vehicle id, for many ids at once: a hash table in numpy arrays.

A dict of strings costs some 150 bytes a vehicle; this costs the id's own bytes and 8 to 16 more. Open addressing with
linear probing, at most half full; the hash is multilinear with random odd factors (no one can choose ids that
collide) and MurmurHash3's finaliser.
"""

import secrets
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.vehicles import MAX_ID_LENGTH
from streams.arrays import grown

Names = NDArray[np.bytes_]
"""ASCII ids in a fixed width that is a multiple of 8, padded with zeros."""

_EMPTY, _GONE = -1, -2
_LEAST = 1024
_WORD = 8
_FACTORS = np.array([secrets.randbits(64) | 1 for _ in range(MAX_ID_LENGTH // _WORD)], np.uint64)


def names_of(ids: Sequence[str]) -> Names:
    """Return ids as an array; one that cannot be an id becomes the empty one."""
    longest = max(map(len, ids), default=0)
    text = "".join(ids)
    if longest > MAX_ID_LENGTH or "\0" in text or not text.isascii():
        ids = [
            name if len(name) <= MAX_ID_LENGTH and name.isascii() and "\0" not in name else "" for name in ids
        ]
        longest = max(map(len, ids))
    return np.array(ids, f"S{_width(longest)}")


def texts_of(names: Names) -> list[str]:
    """Return ids as strings."""
    texts: list[str] = names.astype(np.str_).tolist()
    return texts


class Ids:
    """Which row each id has."""

    def __init__(self) -> None:
        self._names: Names = np.zeros(_LEAST, f"S{_WORD}")  # by row; empty: free
        self._table = np.full(2 * _LEAST, _EMPTY, np.int32)
        self._used = 0  # places of the table that are not empty

    def find(self, names: Names) -> NDArray[np.int64]:
        """Return the row of each id, -1 where it has none."""
        names = self._as_wide(names)
        place = self._place(names)
        rows = self._table[place]
        unsure = np.flatnonzero(self._differs(rows, names))
        while len(unsure):
            place[unsure] = place[unsure] + 1 & len(self._table) - 1
            rows[unsure] = self._table[place[unsure]]
            unsure = unsure[self._differs(rows[unsure], names[unsure])]
        return rows.astype(np.int64)

    def put(self, names: Names, rows: NDArray[np.int64]) -> None:
        """Give rows to ids that have none; ids and rows are distinct."""
        names = self._as_wide(names)
        self._names = grown(self._names, int(rows.max(initial=-1)) + 1, b"")
        self._names[rows] = names
        self._used += len(rows)
        if 2 * self._used > len(self._table):
            self._rebuild()
        else:
            self._insert(names, rows.astype(np.int32))

    def remove(self, rows: NDArray[np.int64]) -> None:
        """Forget the ids of rows."""
        place = self._place(self._names[rows])
        unsure = np.flatnonzero(self._table[place] != rows)
        while len(unsure):
            place[unsure] = place[unsure] + 1 & len(self._table) - 1
            unsure = unsure[self._table[place[unsure]] != rows[unsure]]
        self._table[place] = _GONE
        self._names[rows] = b""

    def names(self, rows: NDArray[np.integer]) -> Names:
        """Return the ids of rows, as bytes."""
        names: Names = self._names[rows]
        return names

    def texts(self, rows: NDArray[np.integer]) -> list[str]:
        """Return the ids of rows."""
        return texts_of(self._names[rows])

    def _differs(self, rows: NDArray[np.int32], names: Names) -> NDArray[np.bool_]:
        """Return where another id than the one sought (or none any more) stands in its place."""
        differs: NDArray[np.bool_] = (rows == _GONE) | (rows >= 0) & (self._names[rows] != names)
        return differs

    def _insert(self, names: Names, rows: NDArray[np.int32]) -> None:
        place = self._place(names)
        todo = np.arange(len(rows))
        while len(todo):
            free = todo[self._table[place[todo]] < 0]
            self._table[place[free]] = rows[free]  # of several with one place the last stays
            todo = todo[self._table[place[todo]] != rows[todo]]
            place[todo] = place[todo] + 1 & len(self._table) - 1

    def _rebuild(self) -> None:
        """Make a table for what is there, without what is gone."""
        rows = np.flatnonzero(self._names != b"").astype(np.int32)
        size = 2 * _LEAST
        while size < 3 * len(rows):
            size *= 2
        self._table = np.full(size, _EMPTY, np.int32)
        self._used = len(rows)
        self._insert(self._names[rows], rows)

    def _as_wide(self, names: Names) -> Names:
        if names.dtype.itemsize > self._names.dtype.itemsize:
            self._names = self._names.astype(names.dtype)
        return names.astype(self._names.dtype, copy=False)

    def _place(self, names: Names) -> NDArray[np.int64]:
        words = np.ascontiguousarray(names).view(np.uint64).reshape(len(names), names.dtype.itemsize // _WORD)
        hashed = words[:, 0] * _FACTORS[0]
        for number in range(1, words.shape[1]):  # a word of padding adds nothing: the width does not matter
            hashed += words[:, number] * _FACTORS[number]
        hashed ^= hashed >> np.uint64(33)
        hashed *= np.uint64(0xFF51AFD7ED558CCD)
        hashed ^= hashed >> np.uint64(33)
        place: NDArray[np.int64] = (hashed & np.uint64(len(self._table) - 1)).astype(np.int64)
        return place


def _width(length: int) -> int:
    return max(1, -(-length // _WORD)) * _WORD
