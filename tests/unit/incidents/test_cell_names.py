"""Names of cells in messages are looked at once, and not remembered without end."""

import msgspec
import pytest

from streams.incidents import check_columns
from streams.incidents.check_columns import CellNames


class Rows(msgspec.Struct):
    cell: list[str]
    n: list[int]


class Places:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, name: str) -> str:
        self.asked.append(name)
        if name.startswith("no"):
            raise ValueError(name)
        return name


def test_a_name_is_looked_at_once_and_what_is_none_is_named_each_time() -> None:
    places = Places()
    names = CellNames(places)
    assert names.problem(Rows(["b", "a", "b"], [1, 2, 3])) == ""
    assert names.problem(Rows(["a", "c"], [1, 2])) == ""
    assert places.asked == ["a", "b", "c"]
    for _ in range(2):
        assert names.problem(Rows(["no such", "a"], [1, 2])) == "'no such' is no H3 cell"
    assert names.problem(Rows(["a"], [1, 2])) == "columns of 1, 2 values; equal lengths expected"


def test_names_are_not_remembered_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_columns, "MOST_NAMES", 10)
    places = Places()
    names = CellNames(places)
    for number in range(35):
        assert names.problem(Rows([f"{number:02}"], [1])) == ""
        assert len(names._sound) <= 10
    assert names.problem(Rows(["34", "00"], [1, 2])) == ""
    assert places.asked[-1] == "00"  # forgotten; the newest is not
