"""What holds for the windows of every kind, and that the kinds do not touch each other."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas.partials import Partial
from tests.unit.grid.partials import requests, sensing
from tests.unit.grid.region import CELL, Grid

Say = Callable[..., Partial]
NAMES = ("sensor_window", "request_window")


def measured(minute: int, amount: int, **header: Any) -> Partial:
    """Return a partial with `amount` readings in a minute."""
    return sensing((minute, CELL, "speed", [30.0 + n for n in range(amount)]), **header)


def counted(minute: int, amount: int, **header: Any) -> Partial:
    """Return a partial with `amount` requests opened in a minute."""
    return requests((minute, CELL, "noise", {"opened": amount, "open_change": amount}, []), **header)


def revisions(grid: Grid) -> list[list[int]]:
    """Return the revisions in each message on windows of sensing and requests."""
    return [message.rows.revision for message in (*grid.metrics, *grid.requests)]


KINDS = pytest.mark.parametrize("say", [measured, counted])


@KINDS
def test_a_window_closes_when_the_slowest_active_source_has_passed_its_end(say: Say) -> None:
    grid = Grid()
    grid.put(say(0, 1, source=0, sources=2, reached=5))
    grid.put(say(0, 2, source=1, sources=2, reached=0.5))
    grid.tick()
    assert revisions(grid) == []
    grid.put(say(1, 2, source=1, sources=2, offset=1, reached=1))
    grid.tick()
    assert revisions(grid) == [[0]]


@KINDS
def test_an_idle_source_holds_nothing_open_and_what_it_says_later_amends(say: Say) -> None:
    grid = Grid()
    grid.put(say(0, 1, source=0, sources=2, reached=5))
    grid.put(say(0, 2, source=1, sources=2, reached=0.5))
    grid.tick()
    grid.put(say(1, 1, source=0, sources=2, offset=1, reached=5))
    grid.tick(5_001)
    assert revisions(grid) == [[0, 0]]
    grid.put(say(0, 3, source=1, sources=2, offset=1, reached=0.6))
    grid.tick()
    assert revisions(grid)[1][0] == 1


@KINDS
def test_a_repeated_or_older_word_amends_nothing(say: Say) -> None:
    grid = Grid()
    for offset, amount in ((3, 2), (3, 2), (1, 9), (4, 2)):
        grid.put(say(0, amount, offset=offset, reached=2))
        grid.tick()
    assert revisions(grid) == [[0]]


@KINDS
def test_a_grid_that_crashed_goes_on_as_if_it_had_not(say: Say) -> None:
    one, other = Grid(), Grid()
    for grid in (one, other):
        for minute in range(3):
            grid.put(say(minute, minute + 1, offset=minute, reached=minute + 0.5))
            grid.checkpoint()
    other.crash()
    for grid in (one, other):
        grid.put(say(1, 9, offset=5, reached=4))
        grid.checkpoint()
    for table in NAMES:
        assert one.database.tables[table] == other.database.tables[table]
    assert one.database.parts == other.database.parts


@KINDS
def test_forgotten_windows_leave_the_parts_and_a_word_on_them_changes_nothing(say: Say) -> None:
    grid = Grid()
    grid.put(say(0, 1, reached=1))
    grid.checkpoint()
    grid.put(say(9, 1, offset=1, reached=10))
    grid.checkpoint()
    grid.checkpoint()
    before = [dict(grid.database.tables[name]) for name in NAMES]
    grid.crash()
    grid.put(say(0, 7, offset=2, reached=10))
    grid.checkpoint()
    assert [dict(grid.database.tables[name]) for name in NAMES] == before
    windows = {name.split("/")[3] for name in grid.database.parts["grid"] if "/window/" in name}
    assert len(windows) == 1


@KINDS
def test_a_checkpoint_without_news_stores_nothing(say: Say) -> None:
    grid = Grid()
    grid.put(say(0, 1, reached=1))
    grid.checkpoint()
    grid.tick(at_checkpoint=True)
    changes = grid.fold.take_changes()
    assert (changes.rows, changes.parts) == ([], {})


def test_each_kind_closes_by_its_own_clock() -> None:
    grid = Grid()
    grid.say((0, CELL, 1, 1, 0), reached=0.5, live={CELL: 1})
    grid.put(measured(0, 1, reached=1))
    grid.put(counted(0, 1, reached=0.9))
    grid.tick()
    assert (len(grid.windows), len(grid.metrics), len(grid.requests)) == (0, 1, 0)
    assert grid.now[0].watermark == grid.now[0].as_of - 10_000, "the fleet's, whatever sensors say"


def test_sources_of_different_kinds_with_one_number_are_different_sources() -> None:
    grid = Grid()
    grid.say((0, CELL, 1, 1, 0), offset=9, reached=1)
    grid.put(measured(0, 2, offset=3, reached=1))
    grid.put(counted(0, 3, offset=1, reached=1))
    assert grid.tick() == [(0, CELL, 1, 0)]
    assert grid.metrics[0].rows.readings == [2]
    assert grid.requests[0].rows.opened == [3]


@KINDS
def test_the_geometry_of_a_cell_is_stored_once_whichever_kind_meets_it_first(say: Say) -> None:
    grid = Grid()
    grid.put(say(0, 1, reached=1))
    grid.checkpoint()
    assert [row["hex"] for row in grid.database.tables["cell_geometry"].values()] == [CELL]
    grid.crash()
    grid.say((0, CELL, 1, 1, 0), reached=1)
    grid.tick()
    assert [rows for rows in grid.fold.take_changes().rows if rows.table == "cell_geometry"] == []
