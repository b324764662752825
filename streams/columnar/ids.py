"""Row numbers by id, for many ids at once: a hash table in numpy arrays.

A dict of strings costs some 150 bytes a vehicle; this costs the id's own bytes and 8 to 16 more. Open addressing with
linear probing, at most half full; the hash is multilinear with random odd factors (no one can choose ids that
collide) and MurmurHash3's finaliser.
"""

import secrets
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.vehicles import MAX_ID_LENGTH
from streams.columnar.arrays import grown
from streams.columnar.compiled import compiled, fetch, int64
from streams.columnar.json_text import Words

Names = NDArray[np.bytes_]
"""ASCII ids in a fixed width that is a multiple of 8, padded with zeros."""
Table = NDArray[np.int32]

EMPTY, GONE = -1, -2
WORD = 8
_LEAST = 1024
_FACTORS = np.array([secrets.randbits(64) | 1 for _ in range(MAX_ID_LENGTH // WORD + 1)], np.uint64)
"""One more than an id has words: a key may be an id and a word before it."""

_AT_ONCE = 128
"""Ids that are looked for together: what is fetched for them stays in the nearest cache."""


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


def named(numbers: NDArray[np.int64]) -> Names:
    """Return numbers that are not negative as ids of 8 bytes; none is empty."""
    return np.ascontiguousarray(numbers + 1).view(f"S{WORD}")


def words_of(names: Names) -> Words:
    """Return names as integers."""
    words = np.ascontiguousarray(names).view(np.uint64)
    return words.reshape(len(names), names.dtype.itemsize // WORD)


class Ids:
    """Which row each id has. `words`, `table` and `factors` are for compiled functions of other modules."""

    def __init__(self) -> None:
        self.words: Words = np.zeros((_LEAST, 1), np.uint64)
        """By row; all zero: free."""
        self.table: Table = np.full(2 * _LEAST, EMPTY, np.int32)
        self.factors = _FACTORS
        self._used = 0  # places of the table that are not empty

    def find(self, names: Names) -> NDArray[np.int64]:
        """Return the row of each id, -1 where it has none."""
        return self.rows_of(self.as_wide(words_of(names))).astype(np.int64)

    def rows_of(self, words: Words) -> NDArray[np.int32]:
        """Return the row of each id, -1 where it has none; they are in the width of this table."""
        rows = np.empty(len(words), np.int32)
        _find(words, self.words, self.table, self.factors, rows)
        return rows

    def put(self, names: Names, rows: NDArray[np.integer]) -> None:
        """Give rows to ids that have none; ids and rows are distinct."""
        self.put_words(words_of(names), rows)

    def put_words(self, words: Words, rows: NDArray[np.integer]) -> None:
        """Do what `put` does for ids as integers, of any width."""
        words = self.as_wide(words)
        self.reserve(len(rows), int(rows.max(initial=-1)) + 1)
        self.words[rows] = words
        insert(self.words, self.table, self.factors, rows.astype(np.int32))
        self._used += len(rows)

    def reserve(self, more: int, rows: int) -> None:
        """Make room for so many more ids, and for row numbers below `rows`."""
        self.words = grown(self.words, rows)
        if 2 * (self._used + more) > len(self.table):
            self._rebuild(more)

    def was_put(self, ids: int) -> None:
        """Hear that a compiled function put so many ids in."""
        self._used += ids

    def remove(self, rows: NDArray[np.integer]) -> None:
        """Forget the ids of rows."""
        _remove(self.words, self.table, self.factors, rows.astype(np.int32))

    def names(self, rows: NDArray[np.integer]) -> Names:
        """Return the ids of rows, as bytes."""
        names: Names = self.words.take(rows, axis=0).view(f"S{WORD * self.words.shape[1]}").reshape(len(rows))
        return names

    def texts(self, rows: NDArray[np.integer]) -> list[str]:
        """Return the ids of rows."""
        return texts_of(self.names(rows))

    def as_wide(self, words: Words) -> Words:
        """Return ids in the width of this table, which becomes theirs where they are wider."""
        lacking = words.shape[1] - self.words.shape[1]
        if lacking > 0:
            self.words = np.pad(self.words, ((0, 0), (0, lacking)))
        return words if lacking >= 0 else np.pad(words, ((0, 0), (0, -lacking)))

    def _rebuild(self, more: int) -> None:
        """Make a table for what is there and what is to come, without what is gone."""
        rows = np.flatnonzero(self.words.any(axis=1)).astype(np.int32)
        size = 2 * _LEAST
        while size < 3 * (len(rows) + more):
            size *= 2
        self.table = np.full(size, EMPTY, np.int32)
        self._used = len(rows)
        insert(self.words, self.table, self.factors, rows)


@compiled
def place_of(words: Words, at: int, table: Table, factors: Words) -> int:
    """Return where in the table the search for an id begins."""
    hashed = np.uint64(0)
    for number in range(words.shape[1]):  # a word of padding adds nothing: the width does not matter
        hashed += words[at, number] * factors[number]
    return _place(hashed, table)


@compiled
def _place(hashed: np.uint64, table: Table) -> int:
    """Return the place of a sum: MurmurHash3's finaliser, its first half."""
    hashed ^= hashed >> np.uint64(33)
    hashed *= np.uint64(0xFF51AFD7ED558CCD)
    hashed ^= hashed >> np.uint64(33)
    return int64(hashed & np.uint64(len(table) - 1))


@compiled
def find_one(words: Words, at: int, known: Words, table: Table, factors: Words) -> int:
    """Return the row of the id `words[at]`, -1 where it has none."""
    return _search(words, at, known, table, place_of(words, at, table, factors))


@compiled
def _search(words: Words, at: int, known: Words, table: Table, place: int) -> int:
    while table[place] != EMPTY:
        row = int64(table[place])
        if row >= 0:
            same = True
            for number in range(words.shape[1]):
                same &= words[at, number] == known[row, number]
            if same:
                return row
        place = (place + 1) & (len(table) - 1)
    return EMPTY


@compiled
def find_number(number: int, known: Words, table: Table, factors: Words) -> int:
    """Return the row of a number (see `named`) in a table of nothing but numbers, -1 where it has none."""
    wanted = np.uint64(number + 1)
    place = _place(wanted * factors[0], table)
    while table[place] != EMPTY:
        row = int64(table[place])
        if row >= 0 and known[row, 0] == wanted:
            return row
        place = (place + 1) & (len(table) - 1)
    return EMPTY


@compiled
def insert_number(number: int, known: Words, table: Table, factors: Words, row: int) -> None:
    """Give a row to a number that has none, in a table of nothing but numbers."""
    known[row, 0] = np.uint64(number + 1)
    insert_one(known, table, factors, row)


@compiled
def _find(words: Words, known: Words, table: Table, factors: Words, rows: NDArray[np.int32]) -> None:
    """Set the row of each id, -1 where it has none.

    Both far places of memory that an id needs are asked for in loops of their own, so that many are waited for at once.
    """
    for begin in range(0, len(words), _AT_ONCE):
        end = min(len(words), begin + _AT_ONCE)
        for at in range(begin, end):
            place = place_of(words, at, table, factors)
            rows[at] = place
            fetch(table, place)
        for at in range(begin, end):
            fetch(known, max(0, int64(table[rows[at]])))
        for at in range(begin, end):
            rows[at] = _search(words, at, known, table, int64(rows[at]))


@compiled
def insert_one(known: Words, table: Table, factors: Words, row: int) -> None:
    """Put the id of a row into the table, where it is not yet and there is room."""
    place = place_of(known, row, table, factors)
    while table[place] >= 0:
        place = (place + 1) & (len(table) - 1)
    table[place] = row


@compiled
def insert(known: Words, table: Table, factors: Words, rows: NDArray[np.int32]) -> None:
    """Put the ids of rows into the table."""
    for row in rows:
        insert_one(known, table, factors, row)


@compiled
def _remove(known: Words, table: Table, factors: Words, rows: NDArray[np.int32]) -> None:
    for row in rows:
        place = place_of(known, row, table, factors)
        while table[place] != row:
            place = (place + 1) & (len(table) - 1)
        table[place] = GONE
        known[row] = 0


def _width(length: int) -> int:
    return max(1, -(-length // WORD)) * WORD
