"""Pages of cells and alerts, and GeoJSON."""

import h3
from shapely.geometry import Point, shape

from streams.console.answers import cells_page, feature_collection, minutes_page, open_page, problem
from streams.console.params import alerts_query, cells_query, place_of
from streams.store.view_rows import CellMinute
from tests.unit.console.rows import CELLS, PARENT, T0, a_view, alert, cell

CITY = a_view(
    cell(CELLS[0], "didi", 2),
    cell(CELLS[0], "hello", 3, riding=1),
    cell(CELLS[1], "hello", 5),
    cell(CELLS[2], "meituan", 7),
    alerts=(
        alert("a", severity="major"),
        alert("b"),
        alert("c", minutes=1, kind="hot_spot"),
    ),
)


def test_a_cell_is_summed_over_its_operators_and_lists_them() -> None:
    page, after = cells_page(CITY, cells_query([]))
    assert after is None
    assert [found["cell"] for found in page] == [*CELLS]
    assert (page[0]["occupancy"], page[0]["on_trip"]) == (5, 1)
    assert [(of["operator"], of["occupancy"]) for of in page[0]["operators"]] == [("didi", 2), ("hello", 3)]


def test_the_sums_are_those_of_the_operator_that_was_asked_for() -> None:
    page, _ = cells_page(CITY, cells_query([("operator", "hello")]))
    assert [(found["cell"], found["occupancy"]) for found in page] == [(CELLS[0], 3), (CELLS[1], 5)]


def test_cells_are_chosen_by_their_parent_and_by_their_centre() -> None:
    inside, _ = cells_page(CITY, cells_query([("parent", PARENT)]))
    assert [found["cell"] for found in inside] == [*CELLS[1:]]
    itself, _ = cells_page(CITY, cells_query([("parent", CELLS[1])]))
    assert [found["cell"] for found in itself] == [CELLS[1]]
    finer, _ = cells_page(CITY, cells_query([("parent", "8a30994a5537fff")]))
    assert finer == []
    box = f"{inside[0]['lon'] - 1e-4},{inside[0]['lat'] - 1e-4},{inside[0]['lon'] + 1e-4},{inside[0]['lat'] + 1e-4}"
    boxed, _ = cells_page(CITY, cells_query([("bbox", box)]))
    assert [found["cell"] for found in boxed] == [CELLS[1]]
    around, _ = cells_page(CITY, cells_query([("bbox", "170,-90,-170,90")]))
    assert around == [], "across the antimeridian, far from here"
    around, _ = cells_page(CITY, cells_query([("bbox", "100,-90,-170,90")]))
    assert len(around) == 3


def test_pages_follow_one_another_without_gap_or_repeat() -> None:
    first, after = cells_page(CITY, cells_query([("limit", "2")]))
    assert after == CELLS[1]
    second, end = cells_page(CITY, cells_query([("limit", "2"), ("after", after)]))
    assert [found["cell"] for found in (*first, *second)] == [*CELLS]
    assert end is None


def test_geojson_has_a_closed_outline_around_the_centre_of_each_cell() -> None:
    page, _ = cells_page(CITY, cells_query([]))
    collection = feature_collection(page)
    assert collection["type"] == "FeatureCollection"
    for feature, about in zip(collection["features"], page, strict=True):
        assert feature["id"] == about["cell"]
        assert feature["properties"] == about
        (ring,) = feature["geometry"]["coordinates"]
        assert ring[0] == ring[-1]
        area = shape(feature["geometry"])
        assert area.is_valid
        assert area.exterior.is_ccw, "RFC 7946, 3.1.6"
        assert area.contains(Point(about["lon"], about["lat"]))


def test_geojson_of_a_cell_across_the_antimeridian_is_cut_there() -> None:
    cell = h3.latlng_to_cell(-16.8, 180.0, 9)
    (feature,) = feature_collection([{"cell": cell}])["features"]
    assert feature["geometry"]["type"] == "MultiPolygon"
    east, west = shape(feature["geometry"]).geoms
    assert (east.bounds[2], west.bounds[0]) == (180, -180), "RFC 7946, 3.1.9"
    assert 0.003 < (east.bounds[2] - east.bounds[0]) + (west.bounds[2] - west.bounds[0]) < 0.005


def test_open_alerts_are_chosen_and_paged_newest_first() -> None:
    first, after = open_page(CITY, alerts_query([("limit", "2")]))
    assert [found.alert_id for found in first] == ["c", "a"]
    assert after is not None
    second, end = open_page(CITY, alerts_query([("limit", "2"), ("after", after)]))
    assert ([found.alert_id for found in second], end) == (["b"], None)
    major, _ = open_page(CITY, alerts_query([("severity", "major")]))
    assert [found.alert_id for found in major] == ["a"]
    hot, _ = open_page(CITY, alerts_query([("kind", "hot_spot")]))
    assert [found.alert_id for found in hot] == ["c"]


def test_one_row_more_than_the_limit_says_that_there_is_a_next_page() -> None:
    rows = [CellMinute(T0, operator, 1, 0, 0, 1, 0, 1.0) for operator in ("didi", "hello", "meituan")]
    assert minutes_page(rows, 2) == (rows[:2], place_of(T0, "hello"))
    assert minutes_page(rows, 3) == (rows, None)
    assert minutes_page([], 3) == ([], None)


def test_a_problem_has_the_members_of_rfc_9457() -> None:
    assert problem(400, "Bad Request", "why") == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "why",
    }
