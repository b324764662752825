"""Columns that grow."""

import numpy as np

from streams.arrays import grown


def test_a_column_with_room_is_left_as_it_is() -> None:
    column = np.arange(4)
    assert grown(column, 4) is column


def test_a_column_too_small_is_doubled_and_keeps_its_values() -> None:
    found = grown(np.arange(4), 5, fill=-1)
    assert found.tolist() == [0, 1, 2, 3, -1, -1, -1, -1]
    assert found.dtype == np.arange(4).dtype


def test_a_column_grows_to_what_is_asked_where_that_is_more_than_double() -> None:
    assert len(grown(np.zeros(2), 100)) == 100
    assert len(grown(np.zeros(0), 1)) == 1


def test_a_table_grows_along_its_rows() -> None:
    found = grown(np.ones((2, 3), np.int32), 3)
    assert found.shape == (4, 3)
    assert found.sum() == 6
