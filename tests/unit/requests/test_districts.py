"""Which district holds a place."""

import json
from typing import Any

import pytest

from streams.errors import SettingsError
from streams.requests.districts import Districts
from tests.unit.requests.desk import Desk, event, opened


def square(west: float, south: float, size: float = 1) -> list[list[float]]:
    east, north = west + size, south + size
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def feature(name: Any, *rings: list[list[float]], kind: str = "Polygon") -> dict[str, Any]:
    coordinates = list(rings) if kind == "Polygon" else [[ring] for ring in rings]
    return {
        "type": "Feature",
        "properties": {"name": name},
        "geometry": {"type": kind, "coordinates": coordinates},
    }


def document(*features: Any) -> str:
    return json.dumps({"type": "FeatureCollection", "features": list(features)})


def test_a_place_lies_in_the_polygon_around_it() -> None:
    districts = Districts.parse(document(feature("west", square(121, 31)), feature("east", square(122, 31))))
    assert [districts.of(31.5, lon) for lon in (121.5, 122.5, 123.5)] == ["west", "east", None]


def test_a_name_may_be_of_a_script_that_is_written_with_joiners() -> None:
    name = "\u0645\u06cc\u200c\u062f\u0627\u0646"  # Persian, with a zero-width non-joiner
    assert Districts.parse(document(feature(name, square(0, 0)))).of(0.5, 0.5) == name


def test_a_hole_does_not_belong_to_the_district_around_it() -> None:
    districts = Districts.parse(document(feature("ring", square(0, 0, 9), square(3, 3, 3))))
    assert (districts.of(1, 1), districts.of(4, 4)) == ("ring", None)


def test_all_parts_of_a_multipolygon_count() -> None:
    islands = feature("islands", square(0, 0), square(5, 5), kind="MultiPolygon")
    districts = Districts.parse(document(islands))
    assert (districts.of(0.5, 0.5), districts.of(5.5, 5.5), districts.of(3, 3)) == (
        "islands",
        "islands",
        None,
    )


def test_a_border_belongs_to_the_district_that_stands_first() -> None:
    districts = Districts.parse(document(feature("east", square(122, 31)), feature("west", square(121, 31))))
    assert districts.of(31.5, 122) == "east"


def test_an_outline_that_crosses_itself_is_repaired() -> None:
    bow_tie = [[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]
    districts = Districts.parse(document(feature("bow tie", bow_tie)))
    assert (districts.of(1, 0.4), districts.of(0.4, 1)) == ("bow tie", None) or (
        districts.of(1, 0.4),
        districts.of(0.4, 1),
    ) == (None, "bow tie")


def test_without_a_file_no_place_has_a_district() -> None:
    assert Districts.parse(None).of(31.5, 121.5) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[]", "FeatureCollection is expected"),
        ("9" * 5_000, "not JSON"),
        (document(feature("far", square(10**400, 121))), "(far): geometry cannot be read"),
        ('{"type": "FeatureCollection"}', "FeatureCollection is expected"),
        (document(5), "feature 0: a GeoJSON Feature"),
        (document(feature("a", square(0, 0)), feature(7, square(0, 0))), "feature 1: name is 7"),
        (document(feature("", square(0, 0))), "name is ''"),
        (document(feature("a\x1b", square(0, 0))), "name is 'a\\x1b'"),
        (document(feature("point", square(0, 0), kind="Point")), "(point): geometry 'Point'"),
        (document(feature("line", [[0, 0], [1, 1], [0, 0]])), "(line): "),
        (document(feature("flat", [[0, 0], [1, 1], [2, 2], [0, 0]])), "(flat): the outline holds no area"),
        (document(feature("metres", square(350_000, 3_450_000))), "WGS-84 degrees, longitude first"),
        (document(feature("swapped", square(31, 121))), "WGS-84 degrees, longitude first"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_named(text: str, says: str) -> None:
    with pytest.raises(SettingsError) as error:
        Districts.parse(text)
    assert str(error.value).startswith("UB_DISTRICTS_FILE")
    assert says in str(error.value)


def test_the_event_s_own_district_comes_before_that_of_the_map() -> None:
    desk = Desk(districts=document(feature("map", square(121, 31))))
    desk.feed(opened(1), opened(1, "r-2", district="own"), opened(1, "r-3", lat=0.5, lon=0.5))
    desk.checkpoint()
    assert [desk.rows[name]["district"] for name in ("r-1", "r-2", "r-3")] == ["map", "own", None]
    desk.feed(event("updated", 2, lat=0.5, lon=0.5))
    desk.checkpoint()
    assert desk.rows["r-1"]["district"] is None
