"""Columns: growing, sorting, putting rows in."""

import numpy as np
import pytest

from streams.columnar.arrays import Insertion, first_of_each, grown, ranges, stable_order


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


@pytest.mark.parametrize("spread", [1000, 2**62])
def test_order_by_two_columns_is_stable(spread: int) -> None:
    rng = np.random.default_rng(1)
    major = rng.integers(0, 5, 300).astype(np.int32)
    minor = rng.integers(-3, 3, 300) * (spread // 8)
    assert stable_order(major, minor).tolist() == np.lexsort((minor, major)).tolist()


def test_first_of_each_tells_rows_that_differ_from_the_one_before() -> None:
    a, b = np.array([1, 1, 1, 2, 2]), np.array([5, 5, 6, 6, 6])
    assert first_of_each(a, b).tolist() == [True, False, True, True, False]
    assert first_of_each(a[:0], b[:0]).tolist() == []


def test_ranges_count_up_from_each_start() -> None:
    assert ranges(np.array([7, 3, 0]), np.array([2, 0, 3])).tolist() == [7, 8, 0, 1, 2]


def test_an_insertion_puts_entries_before_rows_in_every_column() -> None:
    at = np.array([0, 2, 2, 3])
    insertion = Insertion(3, at)
    names, table = np.array([10, 20, 30]), np.arange(6).reshape(3, 2)
    assert (
        insertion.into(names, np.array([1, 2, 3, 4])).tolist() == np.insert(names, at, [1, 2, 3, 4]).tolist()
    )
    assert insertion.into(table, 9).tolist() == np.insert(table, at, 9, axis=0).tolist()


@pytest.mark.parametrize("far", [0, 2**40, 2**62])
def test_the_order_by_two_columns_is_stable_whether_both_fit_into_one_integer_or_not(far: int) -> None:
    key, then = np.array([2, 1, 2, 1, 2], np.int64) + far, np.array([5, far, 5, -3, 4], np.int64)
    assert stable_order(key, then).tolist() == [3, 1, 4, 0, 2]
