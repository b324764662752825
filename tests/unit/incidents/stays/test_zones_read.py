"""What a file may say about where vehicles stand, and every mistake in it."""

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import mapping

from sensors_sim.sources.contract import Report
from sensors_sim.sources.gbfs_zones import zones
from streams.grid import locate
from streams.incidents.mds.policy import Span
from streams.incidents.policy_change import told_otherwise
from streams.incidents.policy_overview import lines
from streams.incidents.stays.ground import Ground
from streams.incidents.stays.rules import Area
from tests.pipeline import T0
from tests.realdata import real_file
from tests.unit.incidents.counts.mds import document, geography, policy
from tests.unit.incidents.stays.zones import CITY, LOCATOR, PLAZA, TOWN, feature, gbfs, mds, parsed, time_rule
from tests.watched_vehicles import ground

HOLE = {
    "type": "Polygon",
    "coordinates": [
        [[121.47, 31.22], [121.50, 31.22], [121.50, 31.25], [121.47, 31.25], [121.47, 31.22]],
        [[121.48, 31.23], [121.48, 31.24], [121.49, 31.24], [121.49, 31.23], [121.48, 31.23]],
    ],
}
SHAPES = [shapely.geometry.shape(one) for one in (PLAZA, TOWN, HOLE)]


def errors(**fields: Any) -> list[str]:
    made = policy(1, time_rule(7, 1, **{"maximum": 5, **fields}))
    _, findings = parsed(document([made], [geography(1, PLAZA, "Plaza")]))
    return findings.errors


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (
            {"rule_units": ["minutes"]},
            "rule_units: is ['minutes']; one of seconds, minutes, hours, days is expected",
        ),
        (
            {"rule_units": "devices"},
            "rule_units: is 'devices'; one of seconds, minutes, hours, days is expected",
        ),
        ({"minimum": 5}, "minimum: is 5; a rule on parking has no minimum; leave it out"),
        ({"maximum": 1.5}, "maximum: is 1.5; a whole number of 0 or more is expected"),
        ({"maximum": 10_000, "rule_units": "days"}, "maximum: is 10000; a year at most is expected"),
        ({"propulsion_types": ["human"]}, "vehicles are not distinguished by propulsion"),
        ({"geographies": []}, "a list of UUIDs of geographies is expected"),
    ],
)
def test_mistakes_of_rules_on_time_are_named(fields: dict[str, Any], says: str) -> None:
    [found] = errors(**fields)
    assert says in found


def test_a_rule_on_time_may_be_smaller_than_a_cell() -> None:
    assert errors() == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (gbfs({"type": "Feature"}), "a GeoJSON Feature with geometry and properties is expected"),
        (
            gbfs(feature(PLAZA, {})),
            "ride_end_allowed (until 2.3 ride_allowed) is None; true or false is expected",
        ),
        (
            gbfs(feature(PLAZA, {"ride_end_allowed": False, "vehicle_type_ids": ["abc"]})),
            "put the feed's vehicle_types.json beside the file",
        ),
        (gbfs(feature({"type": "Point", "coordinates": [1, 2]})), "Polygon or MultiPolygon is expected"),
        ('{"data": {"geofencing_zones": 3}}', "a GeoJSON FeatureCollection is expected"),
        (gbfs(feature(PLAZA) | {"properties": {"rules": 3}}), "a list of rules is expected"),
    ],
)
def test_mistakes_of_geofencing_zones_are_named(text: str, says: str) -> None:
    _, findings = parsed(text)
    assert any(says in error for error in findings.errors), findings.errors


def test_a_faulty_zone_is_no_mistake_of_the_global_rules() -> None:
    point = feature({"type": "Point", "coordinates": [1, 2]})
    _, findings = parsed(gbfs(point, global_rules=[{"ride_end_allowed": False}]))
    assert len(findings.errors) == 1
    assert "Polygon or MultiPolygon is expected" in findings.errors[0]


@pytest.mark.parametrize("nothing", [None, "", " ", [], [{"text": " ", "language": "en"}]])
def test_a_zone_without_a_name_is_called_by_its_place_in_the_feed_by_workers_and_simulator(
    nothing: Any,
) -> None:
    no_parking = {"ride_end_allowed": False}
    shapes = [shapely.geometry.mapping(shapely.box(x, 31.2, x + 0.01, 31.21)) for x in (121.4, 121.5, 121.6)]
    feed = [
        feature(shape, no_parking, name=name)
        for shape, name in zip(shapes, (nothing, "Park", nothing), strict=True)
    ]
    read, findings = parsed(gbfs(*feed))
    assert findings.errors == []
    assert [stay.name for stay in read.stays[0].rules] == ["zone-0", "Park", "zone-2"]
    assert [zone["properties"]["name"] for zone in zones(feed, "feed", Report())] == [
        "zone-0",
        "Park",
        "zone-2",
    ]


def test_zones_of_older_versions_and_what_is_not_judged() -> None:
    rules = {
        "ride_allowed": False,
        "ride_through_allowed": False,
        "maximum_speed_kph": 15,
        "vehicle_type_id": ["moped"],
    }
    read, findings = parsed(gbfs(feature(PLAZA, rules)))
    assert findings.errors == []
    [stay] = read.stays[0].rules
    assert (stay.kind, stay.vehicle_types, stay.limit_ms) == ("no_parking", {"moped"}, 120_000)
    assert sum("is not evaluated" in note for note in findings.notes) == 1


@pytest.mark.parametrize("allowed", [{"ride_end_allowed": False}, {"ride_allowed": False}])
def test_where_vehicles_may_be_parked_at_stations_none_is_told_for_being_parked(allowed: Any) -> None:
    """Where stations are is not known: each vehicle at one would be a false alert."""
    read, findings = parsed(
        gbfs(feature(PLAZA, {**allowed, "station_parking": True, "maximum_speed_kph": 6}))
    )
    assert [stay.limit_ms for stay in read.stays[0].rules] == [None]
    assert [speed.limit_kmh for speed in read.speeds[0].rules] == [6]
    assert sum("rules[0].station_parking: where stations are" in note for note in findings.notes) == 1
    read, findings = parsed(gbfs(feature(PLAZA, {**allowed, "station_parking": False})))
    assert [stay.limit_ms for stay in read.stays[0].rules] == [120_000]
    assert not any("station_parking" in note for note in findings.notes)


@pytest.mark.parametrize(
    ("version", "rule", "reverse", "noted"),
    [
        ("2.3", {"ride_allowed": False}, False, True),
        ("2.1", {"ride_allowed": True, "maximum_speed_kph": 6}, False, True),
        ("2.3", {"ride_allowed": True}, False, False),
        ("2.3", {"ride_allowed": False}, True, False),
        ("3.0", {"ride_end_allowed": False}, False, False),
    ],
)
def test_an_outline_that_by_gbfs_2_means_the_area_outside_is_read_as_inside_and_noted(
    version: str, rule: Any, reverse: bool, noted: bool
) -> None:
    ring = PLAZA["coordinates"][0][:: -1 if reverse else 1]
    document = json.loads(gbfs(feature({"type": "MultiPolygon", "coordinates": [[ring]]}, rule)))
    read, findings = parsed(json.dumps({**document, "version": version}))
    assert findings.errors == []
    assert [area.outside for area in read.areas] == [False]
    assert sum("counterclockwise outline: 1." in note for note in findings.notes) == noted


def vehicle_types(**form_factors: Any) -> str:
    kinds = [{"vehicle_type_id": id_, "form_factor": form} for id_, form in form_factors.items()]
    return json.dumps({"version": "3.0", "data": {"vehicle_types": kinds}})


TYPES = vehicle_types(pedal="bicycle", electric="bicycle", kick="scooter", van="car")


@pytest.mark.parametrize(
    ("ids", "types"),
    [
        (["kick"], {"scooter_standing"}),
        (["electric", "pedal"], {"bicycle"}),
        (["van", "kick"], {"other", "scooter_standing"}),
        (["moped"], {"moped"}),  # as we call them
        ([], set()),
    ],
)
def test_a_feed_s_own_types_are_those_of_the_file_beside_it(ids: list[str], types: set[str]) -> None:
    rule = {"ride_end_allowed": False, "maximum_speed_kph": 6, "vehicle_type_ids": ids}
    read, findings = parsed(gbfs(feature(PLAZA, rule)), TYPES)
    assert findings.errors == []
    assert [one.vehicle_types for one in (*read.stays[0].rules, *read.speeds[0].rules)] == [types, types]


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (TYPES, "is ['pedal'], without ['electric'] of the same form (bicycle)"),
        (vehicle_types(kick="scooter"), "is ['pedal']; put the feed's vehicle_types.json beside the file"),
        ("{", "vehicle_types.json: not a vehicle_types file of GBFS (JSONDecodeError"),
        (
            '{"data": {"vehicle_types": [3]}}',
            "vehicle_types.json: not a vehicle_types file of GBFS (TypeError",
        ),
    ],
)
def test_a_rule_on_some_vehicles_of_a_form_or_on_unknown_ones_is_refused(other: str, says: str) -> None:
    text = gbfs(feature(PLAZA, {"ride_end_allowed": False, "vehicle_type_ids": ["pedal"]}))
    _, findings = parsed(text, other)
    assert any(says in error for error in findings.errors), findings.errors


@pytest.mark.parametrize("key", ["vehicle_type_id", "vehicle_type_ids"])
def test_types_of_a_rule_are_named_as_its_version_of_gbfs_calls_them(key: str) -> None:
    """`vehicle_type_id` until 2.3."""
    for other in (TYPES, None):
        _, findings = parsed(gbfs(feature(PLAZA, {"ride_allowed": False, key: ["pedal"]})), other)
        assert f"rules[0].{key}: is ['pedal']" in findings.errors[0]


def test_what_a_type_means_decides_the_version() -> None:
    text = gbfs(feature(PLAZA, {"ride_end_allowed": False, "vehicle_type_ids": ["kick"]}))
    (scooters,), (mopeds,) = (
        parsed(text, vehicle_types(kick=form))[0].stays for form in ("scooter", "moped")
    )
    assert scooters.version != mopeds.version


@pytest.mark.parametrize(
    ("start", "end", "dates"),
    [
        (T0 // 1000, T0 // 1000 + 60, Span(T0, T0 + 60_000)),
        ("2026-01-01T00:00:00+08:00", "2026-01-01T00:00:00Z", Span(1_767_196_800_000, 1_767_225_600_000)),
        (None, "2026-01-01T00:00:00Z", Span(0, 1_767_225_600_000)),
        (None, None, Span()),
    ],
)
def test_a_zone_has_a_start_and_an_end(start: Any, end: Any, dates: Span) -> None:
    zone = feature(PLAZA, {"ride_end_allowed": False, "maximum_speed_kph": 6})
    zone["properties"] |= {"start": start, "end": end}
    read, findings = parsed(gbfs(zone))
    assert findings.errors == []
    assert [rule.dates for rule in (*read.stays[0].rules, *read.speeds[0].rules)] == [dates, dates]


@pytest.mark.parametrize("start", ["soon", "2026-01-01T00:00:00", True, -1, 1e40, {}, float("nan")])
def test_a_start_that_is_no_time_is_named(start: Any) -> None:
    zone = feature(PLAZA, {"ride_end_allowed": False})
    zone["properties"]["start"] = start
    _, findings = parsed(gbfs(zone))
    assert any("properties.start" in error and "RFC 3339" in error for error in findings.errors)


def test_a_zone_that_ends_before_it_begins_is_noted() -> None:
    zone = feature(PLAZA, {"ride_end_allowed": False})
    zone["properties"] |= {"start": T0 // 1000 + 60, "end": T0 // 1000}
    _, findings = parsed(gbfs(zone))
    says = f"is {T0 // 1000}, not after the start {T0 // 1000 + 60}; the zone is never in force"
    assert findings.notes[0] == f"policy zones, data.geofencing_zones.features[0].properties.end: {says}"


def test_fields_that_zones_of_gbfs_do_not_have_are_noted_once() -> None:
    rule = {"ride_end_allowed": True, "max_speed_kph": 10, "ride_trough_allowed": False}
    zone = feature(PLAZA, rule)
    zone["properties"]["colour"] = "red"
    _, findings = parsed(gbfs(zone, zone, feature(TOWN) | {"properties": 3}, global_rules=[rule, 4]))
    place = "policy zones, data.geofencing_zones"
    assert findings.notes[:2] == [
        f"{place}: properties have ['colour'], which is not part of GBFS; it is ignored",
        f"{place}: rules have ['max_speed_kph', 'ride_trough_allowed'], which is not part of GBFS; it is ignored",
    ]


def test_when_a_zone_is_there_is_listed() -> None:
    zone = feature(PLAZA, {"ride_end_allowed": False})
    zone["properties"] |= {"start": T0 // 1000, "end": T0 // 1000 + 60}
    [line] = [line for line in lines(parsed(gbfs(zone))[0], CITY) if line.cells == "by position"]
    assert line.when == "every day from 2026-01-01 00:00:00Z until 2026-01-01 00:01:00Z"


def test_a_feed_as_it_is_published() -> None:
    read, findings = parsed(real_file("gbfs_samples/kl_beam_zeus_2025/geofencing_zones.json").read_text())
    assert findings.errors == []
    assert len(read.stays[0].rules) == 1


@pytest.mark.parametrize(("given", "noted"), [(None, 0), (True, 0), (False, 1)])
def test_a_maximum_of_time_that_is_not_inclusive_is_noted_to_make_no_difference(
    given: Any, noted: int
) -> None:
    made = policy(1, time_rule(7, 1, maximum=5, inclusive_maximum=given))
    read, findings = parsed(document([made], [geography(1, PLAZA, "Plaza")]))
    assert not findings.errors
    assert read.stays[0].rules[0].limit_ms == 300_000
    assert sum("inclusive_maximum: makes no difference" in note for note in findings.notes) == noted


@pytest.mark.parametrize(
    ("hours", "maximum", "noted"),
    [
        ({"start_time": "22:00:00", "end_time": "05:59:59"}, 481, "28,860 s are never reached"),
        ({"start_time": "22:00:00", "end_time": "05:59:59"}, 480, None),
        ({"start_time": "08:00:00", "end_time": "07:59:59"}, 2_000, None),
        ({}, 2_000, None),
        ({"days": ["sat"]}, 1_441, "86,400 s at a time"),
        ({"days": ["sat", "sun", "mon"]}, 4_320, None),
        (
            {"days": ["sat", "sun", "mon"], "start_time": "08:00:00", "end_time": "07:59:59"},
            4_321,
            "259,200 s at",
        ),
    ],
    ids=range(7),
)
def test_a_stay_that_is_longer_than_the_hours_of_its_rule_is_noted(
    hours: dict[str, str], maximum: int, noted: str | None
) -> None:
    made = policy(1, time_rule(7, 1, maximum=maximum, **hours))
    _, findings = parsed(document([made], [geography(1, PLAZA, "Plaza")]))
    found = [text for text in findings.notes if "never reached" in text]
    assert len(found) == (noted is not None)
    assert all(noted in text for text in found if noted)


def test_policies_are_listed_with_their_limits() -> None:
    read = mds(time_rule(7, 1, maximum=30), time_rule(8, 2))
    assert [
        (line.name, line.bounds, line.cells) for line in lines(read, CITY) if line.cells == "by position"
    ] == [
        ("rule 7", "overstay: at most 1800 s in Plaza", "by position"),
        ("rule 8", "for good", "by position"),
    ]


def test_a_policy_that_changes_after_it_began_is_said_to_be_told_otherwise() -> None:
    old, new = mds(time_rule(7, 1, maximum=30)), mds(time_rule(7, 1, maximum=20))
    assert "changed after it began" in told_otherwise(old, new, T0 + 1)
    assert told_otherwise(old, new, T0 - 1) == ""
    assert told_otherwise(old, old, T0 + 1) == ""


positions = st.tuples(st.floats(121.46, 121.51), st.floats(31.21, 31.26))


@settings(max_examples=300, deadline=None)
@given(st.lists(positions, min_size=1, max_size=20))
def test_cells_and_positions_together_say_what_shapely_says(points: list[tuple[float, float]]) -> None:
    """A named set of areas for each position, cell first; against asking each polygon for each point."""
    areas = [Area.of(shape) for shape in SHAPES] + [Area.of(SHAPES[1], outside=True)]
    made = Ground(
        areas, frozenset(["available"]), lambda cell: locate.boundary_in_one_piece(locate.from_hex(cell))
    )
    lon, lat = (np.array(column) for column in zip(*points, strict=True))
    cells = [f"{cell:x}" for cell in LOCATOR.cells(lat.tolist(), lon.tolist())]
    codes = np.array([made.code_of_cell(cell) for cell in cells], np.int32)
    asked = codes < 0
    if asked.any():
        codes[asked] = made.codes_at(codes[asked], lat[asked], lon[asked])
    for (x, y), code in zip(points, codes.tolist(), strict=True):
        within = {area.area_id for area in areas if area.shape.contains(shapely.Point(x, y)) != area.outside}
        assert set(made.areas(code)) == within


def test_across_the_antimeridian_and_with_many_areas_positions_decide() -> None:
    west, east = shapely.box(-180, -18, -178, -16), shapely.box(178, -18, 180, -16)
    islands = shapely.union_all([west, east])
    many = [shapely.box(179 + 0.01 * i, -17.5, 179.9, -16.5) for i in range(70)]
    areas = [Area.of(shape) for shape in (islands, west, east, SHAPES[0], *many)]
    made = Ground(
        areas, frozenset(["available"]), lambda cell: locate.boundary_in_one_piece(locate.from_hex(cell))
    )
    lon, lat = np.array([179.9995, -179.9995, 179.5, 170.0]), np.full(4, -17.0)
    for resolution in (4, 9):
        located = locate.Locator(resolution, 2).cells(lat.tolist(), lon.tolist())
        codes = np.array([made.code_of_cell(f"{cell:x}") for cell in located], np.int32)
        asked = codes < 0
        codes[asked] = made.codes_at(codes[asked], lat[asked], lon[asked])
        for x, y, code in zip(lon, lat, codes.tolist(), strict=True):
            within = {area.area_id for area in areas if area.shape.contains(shapely.Point(x, y))}
            assert set(made.areas(code)) == within


@pytest.mark.parametrize("lon", [180.0, -180.0])
def test_the_cut_along_the_antimeridian_is_no_edge(lon: float) -> None:
    west, east = shapely.box(-180, -18, -178, -16), shapely.box(178, -18, 180, -16)
    both, outside = shapely.union_all([west, east]), Area.of(shapely.union_all([west, east]), outside=True)
    areas = [Area.of(both), Area.of(west), Area.of(east), outside]
    made = Ground(
        areas, frozenset(["available"]), lambda cell: locate.boundary_in_one_piece(locate.from_hex(cell))
    )
    [cell] = locate.Locator(9, 2).cells([-17.0], [lon])
    code = np.array([made.code_of_cell(f"{cell:x}")], np.int32)
    assert code[0] < 0, "the position decides"
    [found] = made.codes_at(code, np.array([-17.0]), np.array([lon])).tolist()
    assert made.areas(found) == [areas[0].area_id], "in the whole, on the edge of either half"


def test_most_cells_of_a_town_need_no_position() -> None:
    made = ground(mds(time_rule(8, 2, maximum=10)))
    assert made is not None
    cells = [f"{cell:x}" for cell in locate.cells_in_polygon(TOWN, 9)]
    inside = [cell for cell in cells if made.code_of_cell(cell) >= 0]
    assert len(inside) > 0.75 * len(cells)


def test_a_cell_asks_the_areas_near_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 400 zones in a town; whoever is in none of them is outside of the service area all the same."""
    corners = [(121.30 + x / 100, 31.20 + y / 100) for x in range(20) for y in range(20)]
    zones = [Area.of(shapely.box(x, y, x + 0.001, y + 0.001)) for x, y in corners]
    outside = Area.of(shapely.union_all([zone.shape for zone in zones]), outside=True)
    made = Ground(
        [*zones, outside],
        frozenset(["available"]),
        lambda cell: locate.boundary_in_one_piece(locate.from_hex(cell)),
    )
    asked: list[Any] = []
    intersects = shapely.intersects

    def counted(areas: Any, others: Any) -> Any:
        asked.extend(areas)
        return intersects(areas, others)

    monkeypatch.setattr(shapely, "intersects", counted)
    found = [
        [made.areas(code) if code >= 0 else made.asked(code) for code in map(made.code_of_cell, cells)]
        for cells in (
            [
                f"{cell:x}"
                for cell in LOCATOR.cells([y + 0.0005 for _, y in corners], [x for x, _ in corners])
            ],
            [f"{LOCATOR.cells([40.0], [121.3])[0]:x}"],
        )
    ]
    assert all(zone.area_id in areas for zone, areas in zip(zones, found[0], strict=True))
    assert found[1] == [[outside.area_id]]
    assert len(asked) <= 5 * len(corners)


def test_what_is_found_of_many_cells_at_once_is_what_is_found_of_each() -> None:
    """In a town, far from it, and on either side of the antimeridian."""
    west, east = shapely.box(-180, -18, -178, -16), shapely.box(178, -18, 180, -16)
    areas = [
        *map(Area.of, SHAPES),
        Area.of(SHAPES[1], outside=True),
        Area.of(shapely.union_all([west, east])),
    ]
    lat = np.concatenate((np.linspace(31.21, 31.26, 50), np.full(50, -17.0), [40.0]))
    lon = np.concatenate((np.linspace(121.46, 121.51, 50), np.linspace(179.8, 180.2, 50), [121.3]))
    cells = [f"{cell:x}" for cell in LOCATOR.cells(lat.tolist(), ((lon + 180) % 360 - 180).tolist())]

    def made() -> Ground:
        return Ground(
            areas,
            frozenset(["available"]),
            lambda cell: locate.boundary_in_one_piece(locate.from_hex(cell)),
            frozenset([areas[0].area_id]),
        )

    def told(ground: Ground, cell: str) -> tuple[list[str], list[str], bool]:
        code = ground.code_of_cell(cell)
        sure = ground.areas(code) if code >= 0 else []
        return sure, [] if code >= 0 else ground.asked(code), ground.tells_types(cell)

    together = made()
    together.learn(cells)
    assert [told(together, cell) for cell in cells] == [told(made(), cell) for cell in cells]


def test_cells_that_are_found_in_a_thread_while_others_are_folded_are_found_as_usual() -> None:
    corners = [(121.30 + x / 100, 31.20 + y / 100) for x in range(20) for y in range(20)]
    areas = [Area.of(shapely.box(x, y, x + 0.015, y + 0.013)) for x, y in corners]
    cells = [
        f"{cell:x}" for cell in locate.cells_in_polygon(mapping(shapely.box(121.3, 31.2, 121.36, 31.26)), 9)
    ]
    alone, shared = (
        Ground(
            areas, frozenset(["available"]), lambda cell: locate.boundary_in_one_piece(locate.from_hex(cell))
        )
        for _ in range(2)
    )
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(shared.learn, (cells, cells[::-1])))
    finally:
        sys.setswitchinterval(usual)
    for cell in cells:
        one, other = alone.code_of_cell(cell), shared.code_of_cell(cell)
        assert (one < 0) == (other < 0)
        assert alone.asked(one) == shared.asked(other) if one < 0 else alone.areas(one) == shared.areas(other)


def test_a_city_of_cells_and_positions_takes_a_few_calls_of_the_geometry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each is some 20 µs of Python, whatever is in it: of 400 zones a look at all vehicles was 60,000 of them."""
    corners = [(121.30 + x / 100, 31.20 + y / 100) for x in range(20) for y in range(20)]
    zones = [Area.of(shapely.box(x, y, x + 0.001, y + 0.001)) for x, y in corners]
    made = Ground(
        zones, frozenset(["available"]), lambda cell: locate.boundary_in_one_piece(locate.from_hex(cell))
    )
    lon, lat = np.array(corners).T + 0.0005
    cells = [f"{cell:x}" for cell in LOCATOR.cells(lat.tolist(), lon.tolist())]
    calls: list[str] = []

    def count(name: str, real: Callable[..., Any]) -> None:
        def counted(*given: Any, **named: Any) -> Any:
            calls.append(name)
            return real(*given, **named)

        monkeypatch.setattr(shapely, name, counted)

    for name in ("buffer", "intersects", "contains", "contains_xy"):
        count(name, getattr(shapely, name))
    made.learn(cells)
    codes = np.array([made.code_of_cell(cell) for cell in cells], np.int32)
    assert (codes < 0).all(), "a cell is larger than these zones"
    found = made.codes_at(codes, lat, lon)
    assert [made.areas(code) for code in found.tolist()] == [[zone.area_id] for zone in zones]
    assert sorted(calls) == ["buffer", "contains", "contains_xy", "intersects"]
