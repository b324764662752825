"""A source that was silent for so long that its windows left memory, and then speaks: stocks stay right."""

import pytest

from schemas import codec
from streams.grid.bygone import Bygone
from streams.grid.flows import FlowWord
from tests.pipeline import T0
from tests.unit.grid.partials import MINUTE, requests, sensing
from tests.unit.grid.region import CELL, CONFIG, Grid

DUE = {"overdue_change": 1}
CLOSED = {"closed": 1, "open_change": -1, "overdue_change": -1}
LONG = CONFIG.forget_source_ms + 1


def told(grid: Grid) -> list[tuple[int, int, int]]:
    """Return (minute, open_now, overdue) of what was told, and forget it."""
    grid.tick()
    rows = [message.rows for message in grid.requests]
    grid.requests.clear()
    columns = [(row.window_start, row.open_now, row.overdue) for row in rows]
    return [
        ((start - T0) // MINUTE, open_now, overdue)
        for row in columns
        for start, open_now, overdue in zip(*row, strict=True)
    ]


def a_grid_that_went_on_without_source_1() -> Grid:
    """Source 1 has opened a request in minute 0 and is silent; source 0 is at minute 20, of which 18 and up is kept."""
    grid = Grid()
    opened = {"opened": 1, "open_change": 1}
    for source in (0, 1):
        grid.put(requests((0, CELL, "noise", opened, []), source=source, sources=2, reached=1))
    grid.checkpoint()
    grid.tick(LONG)
    for offset, minute in ((1, 10), (2, 19)):
        row = (minute, CELL, "noise", opened, [])
        grid.put(requests(row, source=0, sources=2, offset=offset, reached=minute + 1))
        grid.tick(CONFIG.idle_timeout_ms // 2 + 1)
        grid.checkpoint()
    assert told(grid)[-1] == (19, 4, 0)
    return grid


def test_a_request_that_came_due_in_a_forgotten_window_is_overdue_in_the_later_ones() -> None:
    """
    minute            0       5 (forgotten)     19     30
    source 0          opened                    opened
    source 1          opened  due                      closed
    overdue                                     1      0
    """
    grid = a_grid_that_went_on_without_source_1()
    came_due = (5, CELL, "noise", DUE, [])
    grid.put(requests(came_due, source=1, sources=2, offset=1, reached=30))
    assert told(grid) == [(19, 4, 1)], "the row of minute 5 is gone, that of minute 19 is amended"
    grid.put(requests((30, CELL, "noise", CLOSED, [600.0]), source=1, sources=2, offset=2, reached=31))
    grid.put(requests(source=0, sources=2, offset=3, reached=31))
    assert told(grid) == [(30, 3, 0)], "it was never counted as less than nothing"


def test_what_cannot_be_told_of_a_forgotten_window_is_refused_in_sight() -> None:
    grid = a_grid_that_went_on_without_source_1()
    grid.put(requests((5, CELL, "noise", DUE, []), source=1, sources=2, offset=1, reached=30))
    grid.tick()
    [refused] = [codec.rejected.decode(o.value) for o in grid.outputs if o.topic == "ub.rejected"]
    assert (refused.reason, refused.count) == ("too_late", 1)
    assert "source 1 was silent" in refused.detail
    assert "UB_FORGET_SOURCE_AFTER_S" in refused.detail


def test_a_source_that_repeats_itself_after_a_crash_moves_no_stock_twice() -> None:
    grid = a_grid_that_went_on_without_source_1()
    came_due = (5, CELL, "noise", DUE, [])
    opened = (0, CELL, "noise", {"opened": 1, "open_change": 1}, [])
    grid.put(requests(opened, came_due, source=1, sources=2, offset=1, reached=6))
    assert told(grid) == [(19, 4, 1)]
    grid.checkpoint()
    grid.crash()
    for offset in (1, 2):
        grid.put(requests(opened, came_due, source=1, sources=2, offset=offset, reached=30))
        assert told(grid) == []
    assert len(grid.refusals()) == 1


def test_a_word_that_takes_another_one_back_moves_the_stock_back() -> None:
    grid = a_grid_that_went_on_without_source_1()
    for offset, counts, expected in ((1, DUE, [(19, 4, 1)]), (2, {}, [(19, 4, 0)]), (1, DUE, [])):
        row = (5, CELL, "noise", counts, [])
        grid.put(requests(row, source=1, sources=2, offset=offset, reached=6))
        assert told(grid) == expected
    assert len(grid.refusals()) == 2, "the older word, once more, is none that was lost"


@pytest.mark.parametrize("reached", [3, 30])
def test_what_a_source_can_say_no_more_of_is_not_kept(reached: int) -> None:
    """With two minutes of horizon it has said all of minute 0 from minute 3 on."""
    grid = a_grid_that_went_on_without_source_1()
    kept = {name for name in grid.database.parts["grid"] if "/bygone/" in name}
    assert len(kept) == 1, "what source 1 said of minute 0"
    grid.put(requests(source=1, sources=2, offset=1, reached=reached))
    grid.checkpoint()
    assert not any("/bygone/" in name for name in grid.database.parts["grid"])
    opened_again = (0, CELL, "noise", {"opened": 1, "open_change": 1}, [])
    grid.put(requests(opened_again, source=1, sources=2, offset=2, reached=reached))
    assert told(grid) == []
    assert grid.refusals() == []


def test_words_stay_in_memory_until_their_source_has_settled_the_whole_window() -> None:
    bygone: Bygone[FlowWord] = Bygone()
    bygone.keep(1, T0, {5: (0, 1, 1, 0)})
    bygone.settle(MINUTE, {0: T0 + MINUTE, 1: T0 + MINUTE - 1})
    assert bygone.said(1, T0, 5) == (0, 1, 1, 0)
    bygone.settle(MINUTE, {0: T0 + MINUTE, 1: T0 + MINUTE})
    assert bygone.said(1, T0, 5) is None


def test_readings_of_a_forgotten_window_are_refused_in_sight_and_change_nothing() -> None:
    grid = Grid()
    for source in (0, 1):
        grid.put(sensing((0, CELL, "pm25", [5.0]), source=source, sources=2, reached=1))
    grid.checkpoint()
    grid.tick(LONG)
    for offset, minute in ((1, 10), (2, 20)):
        row = (minute, CELL, "pm25", [7.0])
        grid.put(sensing(row, source=0, sources=2, offset=offset, reached=minute + 1))
        grid.tick(CONFIG.idle_timeout_ms // 2 + 1)
        grid.checkpoint()
    grid.metrics.clear()
    for offset in (1, 2):
        late = (5, CELL, "pm25", [9.0])
        grid.put(sensing(late, source=1, sources=2, offset=offset, reached=6))
        grid.tick()
    assert grid.metrics == []
    assert len(grid.refusals()) == 1
