"""Joining rows of several partitions before they are written."""

from typing import Any

import pytest

from streams.fold.contract import Rows
from streams.store.tables import TABLES
from streams.store.writer import gather


def counts(*rows: tuple[str, int]) -> Rows:
    return Rows(
        "rejected_count",
        {
            "newest_at": [0] * len(rows),  # in another order than tables.py has them
            "partition": [0] * len(rows),
            "topic": [topic for topic, _ in rows],
            "reason": ["empty"] * len(rows),
            "count": [count for _, count in rows],
        },
    )


def gathered(*rows: Rows) -> dict[str, dict[str, list[Any]]]:
    return {table.name: columns for table, columns in gather(rows)}


def test_rows_of_several_partitions_become_one_batch_in_the_tables_order() -> None:
    columns = gathered(counts(("a", 1), ("b", 2)), counts(("c", 3)))["rejected_count"]
    assert list(columns) == list(TABLES["rejected_count"].columns)
    assert columns["topic"] == ["a", "b", "c"]
    assert columns["count"] == [1, 2, 3]


def test_rows_of_one_key_keep_their_order_so_that_the_last_can_win() -> None:
    columns = gathered(counts(("a", 1), ("b", 2), ("a", 3)), counts(("b", 4)))["rejected_count"]
    assert list(zip(columns["topic"], columns["count"], strict=True)) == [
        ("a", 1),
        ("b", 2),
        ("a", 3),
        ("b", 4),
    ]


def test_the_rows_given_are_not_changed() -> None:
    rows = counts(("a", 1), ("a", 2))
    gathered(rows, counts(("b", 1)))
    assert rows.columns["topic"] == ["a", "a"]


def test_tables_come_in_one_order_whatever_the_stage_hands_over() -> None:
    geometry = Rows(
        "cell_geometry",
        {"cell": [1], "hex": ["1"], "resolution": [9], "lat": [0.0], "lon": [0.0], "boundary": ["{}"]},
    )
    assert list(gathered(counts(("a", 1)), geometry)) == ["cell_geometry", "rejected_count"]


def test_a_table_without_rows_is_left_out() -> None:
    assert gathered(counts()) == {}


def test_a_nul_character_becomes_text() -> None:
    assert gathered(counts(("a\x00b", 1)))["rejected_count"]["topic"] == ["a\\x00b"]


def test_an_unknown_table_is_named() -> None:
    with pytest.raises(
        ValueError, match="table 'cell_nwo' is not one of vehicle_state, vehicle_event, cell_now"
    ):
        gather([Rows("cell_nwo", {"cell": [1]})])


def test_columns_that_are_missing_or_unknown_are_named() -> None:
    columns = dict(counts(("a", 1)).columns)
    columns["cuont"] = columns.pop("count")
    with pytest.raises(
        ValueError, match=r"lack the columns \['count'\] and have the unknown columns \['cuont'\]"
    ):
        gather([Rows("rejected_count", columns)])


def test_columns_of_different_length_are_refused() -> None:
    columns = {**counts(("a", 1)).columns, "count": [1, 2]}
    with pytest.raises(ValueError, match="columns of rejected_count differ in length"):
        gather([Rows("rejected_count", columns)])
