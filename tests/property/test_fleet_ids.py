"""ids_are_a_dict: the table of vehicle ids answers as a dict does, whatever is put, removed and asked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.vehicles import MAX_ID_LENGTH
from streams.columnar.ids import Ids, names_of

ID = st.text("ab_.:-0", min_size=1, max_size=5) | st.text("xy9", min_size=60, max_size=MAX_ID_LENGTH)
STEP = st.tuples(st.sampled_from(("put", "remove", "find")), st.lists(ID, max_size=20))


@given(st.lists(STEP, max_size=30))
def test_ids_are_a_dict(steps: list[tuple[str, list[str]]]) -> None:
    ids, model, next_row = Ids(), dict[str, int](), 0
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
