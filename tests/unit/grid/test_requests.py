"""Windows of requests: counts of events, and two stocks that go on from window to window."""

import pytest

from schemas.cells import ClosedRequests
from tests.pipeline import T0
from tests.unit.grid.partials import MINUTE, requests
from tests.unit.grid.region import CELL, OTHER, Grid

HOUR = 3_600.0


def told(grid: Grid) -> list[tuple[int, str, int, int, int]]:
    """Return (minute, cell, open_now, overdue, revision) of all that was told, and forget it."""
    rows = [
        ((start - T0) // MINUTE, *row)
        for message in grid.requests
        for start, *row in zip(
            message.rows.window_start,
            message.rows.cell,
            message.rows.open_now,
            message.rows.overdue,
            message.rows.revision,
            strict=True,
        )
    ]
    grid.requests.clear()
    return rows


def only(grid: Grid) -> ClosedRequests:
    """Return the rows of the only message on requests."""
    [message] = grid.requests
    return message.rows


def test_figures_of_one_window_are_those_of_its_events() -> None:
    grid = Grid()
    counts = {
        "opened": 5,
        "reopened": 1,
        "closed": 3,
        "open_change": 3,
        "overdue_change": 1,
        "rated": 4,
        "asked_resolved": 4,
        "resolved": 3,
        "asked_satisfied": 2,
        "satisfied_sum": 7,
    }
    grid.put(requests((0, CELL, "heating", counts, [HOUR, 2 * HOUR, 30 * HOUR]), reached=1))
    grid.tick()
    rows = only(grid)
    assert (rows.service_code, rows.opened, rows.closed, rows.reopened) == (["heating"], [5], [3], [1])
    assert (rows.open_now, rows.overdue) == ([3], [1])
    assert rows.resolution_rate == [3 / (3 + 3)]
    assert rows.median_s == [pytest.approx(2 * HOUR, rel=0.01)]
    assert (rows.rated, rows.resolved_rate, rows.satisfaction) == ([4], [3 / 4], [7 / 2])


def test_where_there_is_nothing_to_divide_there_is_no_figure() -> None:
    grid = Grid()
    grid.put(requests((0, CELL, "heating", {"rated": 1}, []), reached=1))
    grid.tick()
    rows = only(grid)
    assert (rows.resolution_rate, rows.median_s) == ([None], [None])
    assert (rows.rated, rows.resolved_rate, rows.satisfaction) == ([1], [None], [None])


def test_what_is_open_and_overdue_goes_on_from_window_to_window() -> None:
    """
    window     0     1     2     5
    opened     2           1
    closed           1           2
    overdue                1     0
    """
    grid = Grid()
    grid.put(
        requests(
            (0, CELL, "noise", {"opened": 2, "open_change": 2}, []),
            (1, CELL, "noise", {"closed": 1, "open_change": -1}, [60.0]),
            (2, CELL, "noise", {"opened": 1, "open_change": 1, "overdue_change": 1}, []),
            (5, CELL, "noise", {"closed": 2, "open_change": -2, "overdue_change": -1}, [300.0, 180.0]),
            (1, OTHER, "noise", {"opened": 1, "open_change": 1}, []),
            reached=6,
        )
    )
    grid.tick()
    assert told(grid) == [
        (0, CELL, 2, 0, 0),
        (1, CELL, 1, 0, 0),
        (1, OTHER, 1, 0, 0),
        (2, CELL, 2, 1, 0),
        (5, CELL, 0, 0, 0),
    ]


def test_a_late_word_amends_both_stocks_of_all_later_windows() -> None:
    grid = Grid()
    grid.put(
        requests(
            (0, CELL, "noise", {"opened": 1, "open_change": 1}, []),
            (2, CELL, "noise", {"opened": 1, "open_change": 1, "overdue_change": 1}, []),
            reached=3,
        )
    )
    grid.tick()
    told(grid)
    late = {"opened": 3, "open_change": 3, "overdue_change": 2}
    grid.put(requests((1, CELL, "noise", late, []), offset=1, reached=3))
    grid.tick()
    assert told(grid) == [(1, CELL, 4, 2, 0), (2, CELL, 5, 3, 1)]


def test_stocks_of_all_sources_are_added() -> None:
    grid = Grid()
    for source, change in enumerate((2, 3)):
        words = (0, CELL, "noise", {"opened": change, "open_change": change}, [])
        grid.put(requests(words, source=source, sources=2, reached=1))
    grid.tick()
    assert told(grid) == [(0, CELL, 5, 0, 0)]


def test_a_move_to_another_cell_that_is_taken_back_is_told_as_nothing() -> None:
    """The late event that belongs between two others may undo what was told."""
    grid = Grid()
    grid.put(requests((0, CELL, "noise", {"opened": 1, "open_change": 1}, []), reached=1))
    grid.tick()
    told(grid)
    grid.put(
        requests(
            (0, CELL, "noise", {}, []),
            (0, OTHER, "noise", {"opened": 1, "open_change": 1}, []),
            (0, OTHER, "heating", {}, []),
            offset=1,
            reached=1,
        )
    )
    grid.tick()
    assert told(grid) == [(0, CELL, 0, 0, 1), (0, OTHER, 1, 0, 0)]


def test_the_table_has_what_was_told() -> None:
    grid = Grid()
    grid.put(requests((0, CELL, "noise", {"opened": 1, "open_change": 1}, []), reached=1))
    grid.checkpoint()
    [row] = grid.database.tables["request_window"].values()
    rows = only(grid)
    same = [name for name in ClosedRequests.__struct_fields__ if name != "cell"]
    assert {name: row[name] for name in same} == {name: getattr(rows, name)[0] for name in same}
    assert (row["cell"], row["region"], row["window_s"]) == (int(CELL, 16), "82309ffffffffff", 60)
    assert len(row) == len(ClosedRequests.__struct_fields__) + 2
