"""Tables of files: each mistake is named where it is, once."""

from dataclasses import dataclass
from typing import Annotated

import msgspec
import pytest

from sensors_sim.tables import Problems, build


@dataclass(frozen=True)
class Way:
    """A table with a list that must not be short."""

    stops: Annotated[tuple[int, ...], msgspec.Meta(min_length=3)]


@dataclass(frozen=True)
class Line:
    """A table with a list of points, which must not be short either."""

    points: Annotated[tuple[tuple[float, float], ...], msgspec.Meta(min_length=3)]


@pytest.mark.parametrize(
    ("stops", "named"),
    [
        ([1, 2, 3], []),
        ([1, "x", 3, "y"], ["way.stops[1]", "way.stops[3]"]),  # and not that a part by itself is too short
        ([1, 2], ["way.stops"]),
        ("x", ["way.stops"]),
    ],
)
def test_what_is_wrong_in_a_list_is_named_part_by_part_and_what_is_wrong_with_it_as_a_whole(
    stops: object, named: list[str]
) -> None:
    problems = Problems()
    built = build(Way, {"stops": stops}, "way", problems, None)
    assert [line.partition(" = ")[0] for line in problems.lines] == named
    assert (built is None) is bool(named)


def test_the_value_of_a_mistake_is_what_stands_at_its_key() -> None:
    problems = Problems()
    build(Way, {"stops": [1, "x", 3]}, "way", problems, None)
    build(Line, {"points": [[1, 2], [3, "y"], [4]]}, "line", problems, None)
    assert problems.lines == [
        "way.stops[1] = 'x': a whole number is expected",
        "line.points[1][1] = 'y': a number is expected",
        "line.points[2] = [4]: a list of length 2 is expected",
    ]


@dataclass(frozen=True)
class Shares:
    """A table with a list of tables of lists, whose names msgspec does not tell."""

    of: tuple[dict[str, tuple[int, ...]], ...]


def test_a_mistake_within_a_table_of_a_list_shows_that_table() -> None:
    problems = Problems()
    assert build(Shares, {"of": [{"a": [1, "x"]}]}, "shares", problems, None) is None
    [line] = problems.lines
    assert line.endswith(" = {'a': [1, 'x']}: a whole number is expected")
