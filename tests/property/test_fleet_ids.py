"""ids_are_a_dict: the table of vehicle ids answers as a dict does, whatever is put, removed and asked."""

from itertools import islice, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.vehicles import MAX_ID_LENGTH
from streams.columnar.ids import EMPTY, Ids, find_number, insert_number, names_of

ID = st.text("ab_.:-0", min_size=1, max_size=5) | st.text("xy9", min_size=60, max_size=MAX_ID_LENGTH)
STEP = st.tuples(st.sampled_from(("put", "remove", "find")), st.lists(ID, max_size=20))


def table(*, collide: bool) -> Ids:
    """Return a table without ids. If they are to `collide` all hashes are the same, and tell nothing."""
    ids = Ids()
    if collide:
        ids.factors = np.zeros_like(ids.factors)
    return ids


@given(st.lists(STEP, max_size=30), st.booleans())
def test_ids_are_a_dict(steps: list[tuple[str, list[str]]], collide: bool) -> None:
    ids, model, next_row = table(collide=collide), dict[str, int](), 0
    for what, names in steps:
        if what == "put":
            fresh = [name for name in dict.fromkeys(names) if name not in model]
            rows = list(range(next_row, next_row + len(fresh)))
            next_row += len(fresh)
            ids.put(names_of(fresh), np.array(rows, np.int64))
            model.update(zip(fresh, rows, strict=True))
        elif what == "remove":
            known = [name for name in dict.fromkeys(names) if name in model]
            ids.remove(np.array([model.pop(name) for name in known], np.int64))
        found = ids.find(names_of(names)).tolist() if names else []
        assert found == [model.get(name, -1) for name in names]
    assert ids.texts(np.array(list(model.values()), np.int64)) == list(model)


@given(st.lists(st.integers(0, 2**63 - 2), unique=True, max_size=40), st.booleans())
def test_numbers_are_a_dict(numbers: list[int], collide: bool) -> None:
    ids = table(collide=collide)
    known, others = numbers[::2], numbers[1::2]
    for row, number in enumerate(known):
        insert_number(number, ids.words, ids.table, ids.factors, row)
    found = [find_number(number, ids.words, ids.table, ids.factors) for number in known + others]
    assert found == [*range(len(known)), *[-1] * len(others)]


@pytest.mark.parametrize("place", [0, 3, 4, 7])
def test_nobody_can_choose_ids_that_collide(place: int) -> None:
    """They differ in one character of each eight, which are a word: as in many a name that is made up of parts."""
    patterns = ("".join(some) for some in islice(product("abcdefghijklmnop", repeat=8), 0, None, 7_919))
    eights = (["-" * place + one + "-" * (7 - place) for one in some] for some in islice(patterns, 20_000))
    ids = Ids()
    ids.put(names_of(["".join(parts) for parts in eights]), np.arange(20_000))
    empty = np.flatnonzero(ids.table == EMPTY)
    assert np.diff(empty).max() < 64, "of places in a row that are taken; each search may pass all of them"


def test_many_ids_are_found_again_after_most_were_removed() -> None:
    ids, names = Ids(), names_of([f"bike-{number:011d}" for number in range(50_000)])
    ids.put(names, np.arange(50_000))
    gone = np.flatnonzero(np.arange(50_000) % 10)
    ids.remove(gone)
    expected = np.where(np.arange(50_000) % 10, -1, np.arange(50_000))
    assert (ids.find(names) == expected).all()
    ids.put(names[gone], gone)
    assert (ids.find(names) == np.arange(50_000)).all()


def test_what_cannot_be_an_id_becomes_the_empty_one() -> None:
    names = names_of(["bike-1", "bike-1\0", "b\u00efke", "b" * (MAX_ID_LENGTH + 1)])
    assert names.tolist() == [b"bike-1", b"", b"", b""]
    ids = Ids()
    ids.put(names[:1], np.array([0]))
    assert ids.find(names).tolist() == [0, -1, -1, -1]


def test_more_rows_than_a_place_of_the_table_can_hold_are_refused() -> None:
    with pytest.raises(
        OverflowError, match="67,108,865 rows in one table of ids, which has 67,108,864 at the most"
    ):
        Ids().reserve(0, (1 << 26) + 1)
