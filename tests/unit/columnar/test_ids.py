"""Rows by id."""

import numpy as np

from streams.columnar.ids import Ids, names_of


def test_a_table_that_is_filled_little_by_little_is_never_more_than_half_full() -> None:
    ids, names = Ids(), names_of([f"bike-{number}" for number in range(1_500)])
    for first in range(0, 1_500, 100):
        ids.put(names[first : first + 100], np.arange(first, first + 100))
        assert 2 * (first + 100) <= len(ids.table)
    assert ids.find(names).tolist() == list(range(1_500))
