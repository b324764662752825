"""Rows in binary COPY format, against what psycopg makes of the same values one by one."""

import struct
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from psycopg._copy_base import format_row_binary
from psycopg.adapt import Transformer

from streams.columnar.rows import Coded, Numbers, Texts
from streams.store import binary

NAMES = ("", "north", "a name that is much longer than the others")

rows_of_values = st.lists(
    st.tuples(
        st.from_regex(r"[A-Za-z0-9]{0,64}", fullmatch=True),
        st.sampled_from(NAMES),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(),
        st.none() | st.integers(-128, 127),
    ),
    max_size=20,
)


TYPES = (25, 25, 20, 701, 20)
orders = st.permutations(range(len(TYPES)))


def as_psycopg(rows: list[tuple[Any, ...]], order: list[int]) -> bytes:
    transformer = Transformer()
    transformer.set_dumper_types([TYPES[place] for place in order], 1)
    out = bytearray()
    for row in rows:
        format_row_binary([row[place] for place in order], transformer, out)
    return bytes(out)


def columns_of(rows: list[tuple[Any, ...]]) -> list[binary.Column]:
    texts, names, integers, floats, maybe = (list(column) for column in zip(*rows, strict=True))
    return [
        Texts(np.array(texts, "S64")),
        Coded(np.array([NAMES.index(name) for name in names], np.int32), NAMES),
        Numbers(np.array(integers, np.int64)),
        Numbers(np.array(floats)),
        Numbers(np.array([value or 0 for value in maybe], np.int8), np.array([v is not None for v in maybe])),
    ]


@given(rows_of_values.filter(bool), orders)
def test_rows_are_what_psycopg_writes(rows: list[tuple[Any, ...]], order: list[int]) -> None:
    columns = columns_of(rows)
    assert b"".join(binary.blocks([columns[place] for place in order])) == as_psycopg(rows, order)


@given(rows_of_values.filter(bool))
def test_whoever_iterates_a_column_finds_the_values(rows: list[tuple[Any, ...]]) -> None:
    columns = columns_of(rows)
    for column, values in zip(columns, zip(*rows, strict=True), strict=True):
        assert len(column) == len(values)
        assert repr(list(column)) == repr(list(values))
        assert repr(column[-1]) == repr(values[-1])
        assert repr(column[1:]) == repr(list(values[1:]))


def test_many_rows_are_what_psycopg_writes() -> None:
    texts = ["x" * (number % 65) for number in range(5_000)]
    rows = [(text, NAMES[len(text) % 3], len(text), 0.1 * len(text), None) for text in texts]
    blocks = list(binary.blocks(columns_of(rows)))
    assert len(blocks) > 1
    assert b"".join(blocks) == as_psycopg(rows, list(range(len(TYPES))))


def test_no_rows_are_no_bytes() -> None:
    assert list(binary.blocks([Texts(np.zeros(0, "S8")), Numbers(np.zeros(0, np.int64))])) == []
    assert struct.unpack(">h", binary.TRAILER) == (-1,)
