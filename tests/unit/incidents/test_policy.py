"""Policy files: what they may say, and how a wrong one is named."""

import json
from typing import Any

import pytest
import shapely

from streams.errors import PolicyError
from streams.incidents.policy import Policy, Rule, parse, read_zones
from streams.incidents.policy_findings import Findings

DEFAULT = Rule("default", 60, 1.0, 0.8, 120_000)


def square(west: float, south: float, size: float = 1.0) -> list[list[float]]:
    east, north = west + size, south + size
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def zone(*rings: list[list[float]], **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "Polygon", "coordinates": list(rings)},
    }


def policy(*features: Any) -> Policy:
    return parse(json.dumps({"type": "FeatureCollection", "features": list(features)}), DEFAULT, "test")


def refusal(*features: Any) -> str:
    with pytest.raises(PolicyError) as raised:
        policy(*features)
    return str(raised.value)


def test_without_a_file_the_default_holds_everywhere() -> None:
    found = parse(None, DEFAULT, "default")
    assert found.rule_at(31.2, 121.5) is DEFAULT
    assert found.zones == ()


def test_a_zone_overrides_what_it_names_and_inherits_the_rest() -> None:
    rule = policy(zone(square(121, 31), name="metro", capacity=20, min_duration_s=30.5)).rule_at(31.5, 121.5)
    assert rule == Rule("metro", 20, 1.0, 0.8, 30_500)


def test_outside_of_every_zone_the_default_holds() -> None:
    found = policy(zone(square(121, 31), capacity=20, raise_ratio=None))  # null: as if left out
    assert found.rule_at(30.9, 121.5) is DEFAULT
    assert found.rule_at(121.5, 31.5) is DEFAULT, "latitude and longitude are not interchangeable"


def test_of_thousands_of_zones_those_around_a_cell_are_asked_alone_and_the_first_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = [(x, y) for x in range(20) for y in range(20)]
    small = [zone(square(x, y), name=f"{x}/{y}") for x, y in steps]
    found = policy(*small[:210], zone(square(0, 0, 20), name="all"), *small[210:])
    asked, contains = [], shapely.Polygon.contains

    def counted(area: Any, point: Any) -> Any:
        asked.append(area)
        return contains(area, point)

    monkeypatch.setattr(shapely.Polygon, "contains", counted)
    told = [found.rule_at(y + 0.5, x + 0.5).zone for x, y in steps]
    assert told == [f"{x}/{y}" if number < 210 else "all" for number, (x, y) in enumerate(steps)]
    assert len(asked) <= 2 * len(steps)


def test_where_there_are_no_zones_nothing_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cell asks as its partition is taken up, and a country has hundreds of thousands."""
    found = parse(None, DEFAULT, "default")
    made: list[tuple[float, float]] = []
    monkeypatch.setattr(shapely, "Point", lambda *at: made.append(at) or shapely.points(*at))
    assert found.rule_at(31.2, 121.5) == DEFAULT
    assert not made


def test_the_rules_of_many_cells_at_once_are_those_of_each() -> None:
    hole = zone(square(0, 0, 20), square(4, 4, 4), name="ring")
    found = policy(zone(square(2, 2, 3), name="first"), hole, zone(square(3, 3, 10), name="below"))
    lat, lon = ([*(0.5 * i % 25 for i in range(2_000))], [*(0.7 * i % 25 for i in range(2_000))])
    together = found.rules_at(lat, lon)
    assert together == [found.rule_at(y, x) for y, x in zip(lat, lon, strict=True)]
    assert {rule.zone for rule in together} == {"first", "ring", "below", "default"}
    assert policy().rules_at(lat[:2], lon[:2]) == [DEFAULT, DEFAULT]
    assert found.rules_at([], []) == []


def test_a_zone_without_a_name_is_called_by_its_place_in_the_file() -> None:
    unnamed = [zone(square(5, 5)), *(zone(square(9, 9), name=name) for name in (None, "", " \u00a0"))]
    found = policy(zone(square(0, 0), name="first"), *unnamed)
    assert [rule.zone for rule, _ in found.zones] == ["first", "zone-1", "zone-2", "zone-3", "zone-4"]


def test_spaces_of_any_width_in_a_name_are_spaces() -> None:
    ((rule, _),) = policy(zone(square(0, 0), name="Zone\u00a030")).zones
    assert rule.zone == "Zone 30"


def test_a_name_may_be_of_a_script_that_is_written_with_joiners() -> None:
    name = "\u0645\u06cc\u200c\u062f\u0627\u0646"  # Persian, with a zero-width non-joiner
    ((rule, _),) = policy(zone(square(0, 0), name=name)).zones
    assert rule.zone == name


@pytest.mark.parametrize("name", ["Harbour\ud800", "two\nlines"])
def test_a_name_that_cannot_be_printed_is_refused(name: str) -> None:
    assert "a text of printable characters is expected" in refusal(zone(square(0, 0), name=name))


def test_the_first_zone_that_contains_the_centre_wins() -> None:
    """
    +-------wide-------+
    |    +-narrow-+    |
    |    |   x    |    |
    """
    wide, narrow = zone(square(0, 0, 10), name="wide"), zone(square(4, 4), name="narrow")
    assert policy(narrow, wide).rule_at(4.5, 4.5).zone == "narrow"
    assert policy(wide, narrow).rule_at(4.5, 4.5).zone == "wide"
    assert policy(narrow, wide).rule_at(1, 1).zone == "wide"


def test_a_hole_does_not_belong_to_the_zone() -> None:
    found = policy(zone(square(0, 0, 10), square(4, 4, 2), name="ring"))
    assert found.rule_at(1, 1).zone == "ring"
    assert found.rule_at(5, 5) is DEFAULT


def test_a_multipolygon_is_one_zone() -> None:
    feature = zone(name="two", capacity=5)
    feature["geometry"] = {"type": "MultiPolygon", "coordinates": [[square(0, 0)], [square(5, 5)]]}
    found = policy(feature)
    assert {found.rule_at(0.5, 0.5).zone, found.rule_at(5.5, 5.5).zone} == {"two"}
    assert found.rule_at(3, 3) is DEFAULT


def test_the_version_names_all_that_decides() -> None:
    one = policy(zone(square(0, 0), capacity=5))
    assert one.version == policy(zone(square(0, 0), capacity=5)).version
    assert one.version != policy(zone(square(0, 0), capacity=6)).version
    assert parse(None, DEFAULT, "a").version != parse(None, Rule("default", 61, 1.0, 0.8, 0), "a").version


def test_properties_that_decide_nothing_and_parts_of_a_vehicle_are_noted() -> None:
    findings = Findings("test")
    features = [zone(square(west, 0), capacity=10.7, capacty=3, OBJECTID=west) for west in (0, 2)]
    text = json.dumps({"type": "FeatureCollection", "features": features})
    read = read_zones(text, DEFAULT, findings)
    assert [rule.capacity for rule, _ in read.zones] == [10, 10]
    assert findings.errors == []
    assert findings.notes == [
        "policy test, feature 0 (zone-0): capacity is 10.7; a cell holds whole vehicles, so 10 is used",
        "policy test, feature 1 (zone-1): capacity is 10.7; a cell holds whole vehicles, so 10 is used",
        "policy test, features: properties ['OBJECTID', 'capacty'] have no effect; known properties are name, "
        "capacity, raise_ratio, clear_ratio, min_duration_s",
    ]


@pytest.mark.parametrize("document", ["", "{", "capacity: 5", "\x00", f'{{"type": {"1" * 5_000}}}'])
def test_what_is_not_json_is_refused(document: str) -> None:
    with pytest.raises(PolicyError, match=r"^policy test: not JSON .* FeatureCollection is expected$"):
        parse(document, DEFAULT, "test")


@pytest.mark.parametrize("document", ["[]", "1", "null", "{}", '{"type": "Feature"}'])
def test_json_that_is_no_feature_collection_is_refused(document: str) -> None:
    with pytest.raises(PolicyError, match=r"^policy test: a GeoJSON FeatureCollection is expected$"):
        parse(document, DEFAULT, "test")


@pytest.mark.parametrize("features", ["null", "{}", '"x"'])
def test_features_that_are_no_list_are_refused(features: str) -> None:
    with pytest.raises(PolicyError, match="a list of GeoJSON features is expected"):
        parse(f'{{"type": "FeatureCollection", "features": {features}}}', DEFAULT, "test")


@pytest.mark.parametrize(
    "feature", [None, 1, [], {}, {"properties": {}}, {"properties": {}, "geometry": None}]
)
def test_what_is_no_feature_is_refused_by_its_place(feature: Any) -> None:
    assert refusal(zone(square(0, 0)), feature).startswith("policy test, feature 1: a GeoJSON Feature")


@pytest.mark.parametrize(
    ("key", "value", "least"),
    [
        ("capacity", 0, "1"),
        ("capacity", "60", "1"),
        ("capacity", True, "1"),
        ("capacity", float("nan"), "1"),
        ("capacity", float("inf"), "1"),
        ("capacity", 10**400, "1"),
        ("raise_ratio", 0, "1e-09"),
        ("clear_ratio", -0.5, "1e-09"),
        ("min_duration_s", -1, "0"),
    ],
)
def test_a_number_that_cannot_be_is_refused_by_name(key: str, value: Any, least: str) -> None:
    message = refusal(zone(square(0, 0), name="metro", **{key: value}))
    assert message.startswith(f"policy test, feature 0 (metro): {key} is ")
    assert message.endswith(f"a number of at least {least} is expected")


@pytest.mark.parametrize(("raise_ratio", "clear_ratio"), [(1.0, 1.0), (0.7, 0.8)])
def test_a_lower_threshold_that_is_not_lower_is_refused(raise_ratio: float, clear_ratio: float) -> None:
    message = refusal(zone(square(0, 0), raise_ratio=raise_ratio, clear_ratio=clear_ratio))
    assert f"clear_ratio {clear_ratio} must be below raise_ratio {raise_ratio}" in message
    assert "flap" in message


@pytest.mark.parametrize("kind", ["Point", "LineString", "GeometryCollection", None])
def test_a_zone_that_is_no_area_is_refused(kind: str | None) -> None:
    feature = zone(square(0, 0))
    feature["geometry"]["type"] = kind
    says = f"geometry {kind!r}; Polygon or MultiPolygon is expected: draw the area that is meant"
    assert refusal(feature).endswith(says)


def test_an_outline_that_crosses_itself_is_refused_with_the_place() -> None:
    bow_tie = [[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0], [0.0, 0.0]]
    message = refusal(zone(bow_tie, name="bow"))
    assert message == "policy test, feature 0 (bow): Self-intersection[1 1]; correct the outline"


@pytest.mark.parametrize(
    "geometry",
    [
        {"type": "Polygon"},
        {"type": "Polygon", "coordinates": None},
        {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]},
        {"type": "Polygon", "coordinates": [[0, 0]]},
        {"type": "Polygon", "coordinates": [[["a", "b"], [1, 1], [1, 0], ["a", "b"]]]},
        {"type": "Polygon", "coordinates": {"a": 1}},
        {"type": "Polygon", "coordinates": "outline"},
        {"type": "MultiPolygon", "coordinates": [[[0, 0], [1, 1], [1, 0]]]},
        {"type": "MultiPolygon"},
    ],
    ids=str,
)
def test_a_geometry_that_cannot_be_read_is_refused(geometry: dict[str, Any]) -> None:
    message = refusal({"type": "Feature", "properties": {"name": "z"}, "geometry": geometry})
    assert message.startswith("policy test, feature 0 (z): ")


def test_a_zone_with_a_mistyped_corner_is_refused_with_how_far_it_reaches() -> None:
    found = refusal(zone([[121.4, 31.2], [121.5, 31.2], [12.15, 31.3], [121.4, 31.2]], name="metro"))
    assert found.startswith(
        "policy test, feature 0 (metro): reaches 9,836 km, from 12.15, 31.2 to 121.5, 31.3, "
    )
    assert found.endswith("and 5,000 km are the most; look for a mistyped corner, or divide it")
