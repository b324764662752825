"""What stands in a URL: understood, or refused with the value, the rule and the way out."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from streams.console import params
from streams.errors import BadQuery
from tests.unit.console.rows import CELLS, PARENT, T0


def test_nothing_given_asks_for_everything_up_to_the_usual_limit() -> None:
    cells = params.cells_query([])
    assert (cells.operator, cells.bbox, cells.parent, cells.geojson, cells.after) == (
        None,
        None,
        None,
        False,
        None,
    )
    assert cells.limit == params.CELLS
    alerts = params.alerts_query([])
    assert (alerts.state, alerts.severity, alerts.kind, alerts.limit) == ("open", None, None, params.ALERTS)
    assert params.windows_query([]).limit == params.MINUTES


def test_everything_given_is_understood() -> None:
    given = {
        "operator": "哈啰",
        "bbox": "121.4,31.1,121.6,31.3",
        "parent": PARENT,
        "format": "geojson",
        "limit": "7",
    }
    cells = params.cells_query([*given.items(), ("after", CELLS[0])])
    assert (cells.operator, cells.bbox) == ("哈啰", (121.4, 31.1, 121.6, 31.3))
    assert (cells.parent, cells.geojson, cells.limit, cells.after) == (PARENT, True, 7, CELLS[0])
    windows = params.windows_query([("from", "2026-03-01T20:00:00+08:00"), ("to", "2026-03-01T12:05:00Z")])
    assert windows.begin == T0
    assert windows.end == datetime(2026, 3, 1, 12, 5, tzinfo=UTC)
    alerts = params.alerts_query([("state", "cleared"), ("severity", "major"), ("kind", "hot_spot")])
    assert (alerts.state, alerts.severity, alerts.kind) == ("cleared", "major", "hot_spot")


def test_where_a_page_ends_is_where_the_next_one_begins() -> None:
    written = params.place_of(T0, "a,b")
    assert written == "2026-03-01T12:00:00Z,a,b"
    assert params.alerts_query([("after", written)]).after == (T0, "a,b")


@pytest.mark.parametrize(
    ("read", "name", "value", "way_out"),
    [
        (params.cells_query, "operators", "x", "operator, bbox"),
        (params.cells_query, "operator", "", "leave it out for any"),
        (params.cells_query, "operator", "x" * 201, "1 to 200"),
        (params.cells_query, "bbox", "1,2,3", "such as 121.4"),
        (params.cells_query, "bbox", "1,2,3,x", "such as 121.4"),
        (params.cells_query, "bbox", "nan,2,3,4", "such as 121.4"),
        (params.cells_query, "bbox", "121.4,91,121.6,92", "WGS-84"),
        (params.cells_query, "bbox", "181,31,182,32", "WGS-84"),
        (params.cells_query, "bbox", "121.4,31.3,121.6,31.1", "south"),
        (params.cells_query, "parent", "8930", "8930994a553ffff"),
        (params.cells_query, "parent", CELLS[0].upper(), "8930994a553ffff"),
        (params.cells_query, "format", "xml", "json, geojson"),
        (params.cells_query, "limit", "0", "1 to 10000"),
        (params.cells_query, "limit", "10001", "1 to 10000"),
        (params.cells_query, "limit", "-1", "1 to 10000"),
        (params.cells_query, "limit", "²", "1 to 10000"),
        (params.windows_query, "from", "2026-03-01T12:00:00", "%2B"),
        (params.windows_query, "to", "yesterday", "2026-03-01T23:37:00Z"),
        (params.windows_query, "after", "x", "`next`"),
        (params.windows_query, "after", "2026-03-01T12:00:00Z,a\0b", "`next`"),
        (params.alerts_query, "after", "2026-03-01T12:00:00Z,", "`next`"),
        (params.alerts_query, "state", "closed", "open, cleared"),
        (params.alerts_query, "severity", "bad", "warning, minor"),
        (params.alerts_query, "kind", "bad", "oversaturation"),
        (params.nothing_asked, "x", "1", "none"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_the_way_out(
    read: Callable[[list[tuple[str, str]]], object], name: str, value: str, way_out: str
) -> None:
    with pytest.raises(BadQuery) as refused:
        read([(name, value)])
    assert name in str(refused.value)
    assert way_out in str(refused.value)


def test_a_name_that_is_given_twice_is_refused_for_nobody_knows_which_one_counts() -> None:
    with pytest.raises(BadQuery, match="limit is given twice"):
        params.cells_query([("limit", "1"), ("limit", "2")])


def test_an_empty_time_is_refused() -> None:
    with pytest.raises(BadQuery, match=r"from=2026-03-01T12:00:00Z is not before to=2026-03-01T12:00:00Z"):
        params.windows_query([("from", "2026-03-01T12:00:00Z"), ("to", "2026-03-01T12:00:00Z")])
