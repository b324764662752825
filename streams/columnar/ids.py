"""Row numbers by id, for many ids at once: a hash table in numpy arrays.

A dict of strings costs some 150 bytes a vehicle; this costs the id's own bytes and 8 to 16 more. Open addressing with
linear probing, at most half full; the hash is multilinear in numbers of 32 bits, with random factors of 64 (no one can
choose ids that collide), and has MurmurHash3's finaliser. A place holds a row and five more bits of the hash: of the
ids that are met on the way to the one that is looked for, 31 of 32 need not be read.
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
_ROW_BITS = 26
_ROW = (1 << _ROW_BITS) - 1
_32, _59 = np.uint64(32), np.uint64(59)
_HALF = np.uint64((1 << 32) - 1)
_LEAST = 1024
_FACTORS = np.array([secrets.randbits(64) | 1 for _ in range(2 * (MAX_ID_LENGTH // WORD + 1))], np.uint64)
"""Two a word, of one more than an id has: a key may be an id and a word before it."""

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
        """Make room for so many more ids, and for row numbers below `rows`.

        Raises OverflowError where a place of the table cannot hold such a number.
        """
        if rows > _ROW + 1:
            raise OverflowError(f"{rows:,} rows in one table of ids, which has {_ROW + 1:,} at the most")
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
def _hash(words: Words, at: int, factors: Words) -> np.uint64:
    hashed = np.uint64(0)
    for number in range(words.shape[1]):  # a word of padding adds nothing: the width does not matter
        hashed += _summand(words[at, number], number, factors)
    return _mixed(hashed)


@compiled
def _summand(word: np.uint64, number: int, factors: Words) -> np.uint64:
    """Return what a word adds to the sum that is hashed.

    Its halves have a factor each: a whole word times a factor says of the word's last character in its highest 8 bits
    only, and ids that differ in the last character of each word would have 256 sums between them.
    """
    return np.uint64((word & _HALF) * factors[2 * number] + (word >> _32) * factors[2 * number + 1])


@compiled
def _mixed(hashed: np.uint64) -> np.uint64:
    """Return the hash of a sum: MurmurHash3's finaliser, its first half."""
    hashed ^= hashed >> np.uint64(33)
    hashed *= np.uint64(0xFF51AFD7ED558CCD)
    return np.uint64(hashed ^ hashed >> np.uint64(33))


@compiled
def _place(hashed: np.uint64, table: Table) -> int:
    """Return where in the table the search for a hash begins."""
    return int64(hashed & np.uint64(len(table) - 1))


@compiled
def _mark(hashed: np.uint64) -> int:
    """Return what a place says of a hash, beside the row."""
    return int64(hashed >> _59)


@compiled
def find_one(words: Words, at: int, known: Words, table: Table, factors: Words) -> int:
    """Return the row of the id `words[at]`, -1 where it has none."""
    hashed = _hash(words, at, factors)
    place = _likely(table, _place(hashed, table), _mark(hashed))
    while table[place] != EMPTY:
        row = int64(table[place]) & _ROW
        if _is_same(words, at, known, row):
            return row
        place = _likely(table, (place + 1) & (len(table) - 1), _mark(hashed))
    return EMPTY


@compiled
def find_number(number: int, known: Words, table: Table, factors: Words) -> int:
    """Return the row of a number (see `named`) in a table of nothing but numbers, -1 where it has none."""
    wanted = np.uint64(number + 1)
    hashed = _mixed(_summand(wanted, 0, factors))
    place = _likely(table, _place(hashed, table), _mark(hashed))
    while table[place] != EMPTY:
        row = int64(table[place]) & _ROW
        if known[row, 0] == wanted:
            return row
        place = _likely(table, (place + 1) & (len(table) - 1), _mark(hashed))
    return EMPTY


@compiled
def _likely(table: Table, place: int, mark: int) -> int:
    """Return the first place from this one on that has this mark, or is empty."""
    while table[place] != EMPTY and int64(table[place]) >> _ROW_BITS != mark:
        place = (place + 1) & (len(table) - 1)
    return place


@compiled
def _is_same(words: Words, at: int, known: Words, row: int) -> bool:
    same = True
    for number in range(words.shape[1]):
        same &= words[at, number] == known[row, number]
    return same


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
            fetch(table, _place(_hash(words, at, factors), table))
        for at in range(begin, end):
            hashed = _hash(words, at, factors)
            found = int64(table[_likely(table, _place(hashed, table), _mark(hashed))])
            rows[at] = found & _ROW if found >= 0 else EMPTY
            fetch(known, max(0, int64(rows[at])))
        for at in range(begin, end):
            if rows[at] >= 0 and not _is_same(words, at, known, int64(rows[at])):
                rows[at] = find_one(words, at, known, table, factors)


@compiled
def insert_one(known: Words, table: Table, factors: Words, row: int) -> None:
    """Put the id of a row into the table, where it is not yet and there is room."""
    hashed = _hash(known, row, factors)
    place = _place(hashed, table)
    while table[place] >= 0:
        place = (place + 1) & (len(table) - 1)
    table[place] = _mark(hashed) << _ROW_BITS | row


@compiled
def insert(known: Words, table: Table, factors: Words, rows: NDArray[np.int32]) -> None:
    """Put the ids of rows into the table."""
    for row in rows:
        insert_one(known, table, factors, row)


@compiled
def _remove(known: Words, table: Table, factors: Words, rows: NDArray[np.int32]) -> None:
    for row in rows:
        hashed = _hash(known, row, factors)
        place = _place(hashed, table)
        while table[place] != _mark(hashed) << _ROW_BITS | row:
            place = (place + 1) & (len(table) - 1)
        table[place] = GONE
        known[row] = 0


def _width(length: int) -> int:
    return max(1, -(-length // WORD)) * WORD
