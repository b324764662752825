"""Two snapshots and what lies between them."""

from dataclasses import asdict, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import h3
import msgspec
from hypothesis import given
from hypothesis import strategies as st
from shapely import Point, Polygon

from streams.console import events
from streams.console.view import View, diff, view
from tests.chaos.onlooker import Seen
from tests.unit.console.rows import CELLS, T0, a_view, alert, cell


def test_what_is_new_what_differs_and_what_is_gone_is_told_and_nothing_else() -> None:
    before = a_view(cell(CELLS[0]), cell(CELLS[1]), cell(CELLS[1], "didi"), alerts=(alert("a"), alert("b")))
    after = a_view(
        cell(CELLS[0]), cell(CELLS[1], standing=4), cell(CELLS[2]), alerts=(alert("b"), alert("c", minutes=1))
    )
    change = diff(before, after)
    assert change.cells == (cell(CELLS[1], standing=4), cell(CELLS[2]))
    assert change.gone == ((CELLS[1], "didi"),)
    assert change.alerts == (alert("c", minutes=1),)
    assert change.over == ("a",)
    assert not diff(after, after)


def test_an_alert_that_somebody_took_note_of_is_told_anew() -> None:
    before = a_view(alerts=(alert("a"),))
    seen = replace(alert("a"), acknowledged=True, acknowledged_by="anna")
    assert diff(before, a_view(alerts=(seen,))).alerts == (seen,)


def test_a_cluster_of_requests_has_the_outline_of_its_cells() -> None:
    cells = h3.grid_disk(CELLS[0], 1)
    cluster = replace(alert("cluster"), cells=cells)
    area = view([], [cluster, alert("one")]).alerts["cluster"].area
    assert area is not None
    (polygon,) = area
    (ring,) = polygon
    assert len(set(map(tuple, ring))) == 18  # the corners around seven hexagons
    inside = Polygon(ring)
    assert all(inside.contains(Point(*reversed(h3.cell_to_latlng(one)))) for one in cells)
    far = next(one for one in h3.grid_disk(CELLS[0], 5) if h3.grid_distance(one, CELLS[0]) == 5)
    apart = view([], [replace(cluster, cells=[CELLS[0], far])]).alerts["cluster"].area
    assert apart is not None
    assert len(apart) == 2
    assert view([], [alert("one")]).alerts["one"].area is None


def test_alerts_stand_newest_first_and_cells_in_order_whatever_the_order_of_the_rows() -> None:
    found = view(
        [cell(CELLS[2]), cell(CELLS[0], "meituan"), cell(CELLS[0], "didi")],
        [alert("b"), alert("a"), alert("c", minutes=1)],
    )
    assert [*found.cells] == [(CELLS[0], "didi"), (CELLS[0], "meituan"), (CELLS[2], "hello")]
    assert [*found.alerts] == ["c", "a", "b"]


ROWS = st.dictionaries(
    st.tuples(st.sampled_from(CELLS), st.sampled_from(["didi", "hello"])), st.integers(0, 3), max_size=6
)
ALERTS = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["minor", "major"]))
VIEWS = st.builds(
    lambda cells, alerts: view(
        [cell(where, operator, count) for (where, operator), count in cells.items()],
        [alert(name, severity=severity) for name, severity in alerts.items()],
    ),
    ROWS,
    ALERTS,
)


@given(st.lists(VIEWS, min_size=1, max_size=6))
def test_a_client_that_takes_a_snapshot_and_all_changes_knows_the_newest_view(views: list[View]) -> None:
    seen = Seen()
    take(seen, events.snapshot(views[0], T0, "x-1"))
    for before, after in pairwise(views):
        take(seen, events.changes(diff(before, after), before, T0 + timedelta(seconds=1), "x-2"))
    assert seen.cells == {key: plain(row) for key, row in views[-1].cells.items()}
    assert seen.alerts == {name: plain(row) for name, row in views[-1].alerts.items()}


def take(seen: Seen, frame: bytes) -> None:
    lines = dict(line.split(": ", 1) for line in frame.decode().splitlines() if line)
    seen.take(lines["event"], msgspec.json.decode(lines["data"]))


def plain(row: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(asdict(row))
    return found
