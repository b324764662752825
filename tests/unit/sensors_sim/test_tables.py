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
