"""Windows of a large city that close at once: told in portions, between which live counts and the news of health go."""

import h3

from streams.grid.window import PORTION
from tests.unit.grid.partials import requests
from tests.unit.grid.region import Flow, Grid
from tests.unit.grid.test_health import at, heard

CITY = sorted(h3.grid_disk("89309959d07ffff", 31))[: 2 * PORTION + 500]


def flows(minute: int) -> list[Flow]:
    """Return a row of each cell."""
    return [(minute, cell, 1, 1, 0) for cell in CITY]


def closing() -> Grid:
    """Return a grid in which the windows of a minute are about to close."""
    grid = Grid()
    grid.say(*flows(0), reached=0.5)
    grid.checkpoint()
    grid.now.clear()
    grid.say(offset=1, reached=1)
    return grid


def test_live_counts_do_not_wait_for_all_of_a_minute() -> None:
    grid = closing()
    assert len(grid.tick()) == PORTION
    grid.say(offset=2, reached=1.5, live={CITY[0]: 7})
    assert (len(grid.tick()), grid.live()) == (PORTION, {CITY[0]: 7})
    assert len(grid.tick()) == 500
    assert grid.tick() == []


def test_a_grid_has_more_to_tell_until_all_of_a_minute_was() -> None:
    grid = closing()
    had = []
    for _ in range(3):
        grid.tick()
        had.append(grid.fold.has_more())
    assert had == [True, True, False]


def test_the_newest_message_alone_says_that_a_minute_was_told() -> None:
    grid = closing()
    for _ in range(3):
        grid.tick()
    *parts, last = [message.watermark for message in grid.windows]
    start = grid.windows[0].rows.window_start[0]
    assert set(parts) == {start}
    assert last == start + 60_000


def test_of_messages_that_go_together_the_last_one_alone_brings_time_on() -> None:
    """A message holds 2,000 rows at most, a portion of many windows more."""
    grid = Grid()
    for minute in range(17):
        grid.say(*flows(minute), offset=minute, reached=0.5)
    grid.say(offset=17, reached=17)
    told = len(grid.tick())
    first, last = grid.windows
    start = first.rows.window_start[0]
    assert told == len(first.rows.cell) + len(last.rows.cell) == 17 * len(CITY) // 16
    assert (first.watermark, last.watermark) == (start, start + 60_000)


def test_who_takes_over_in_between_tells_the_rest_and_no_row_twice() -> None:
    grid = closing()
    told = grid.tick(at_checkpoint=True)
    grid.database.commit("grid", grid.offset, grid.fold.take_changes())
    assert len(grid.stored()) == PORTION
    grid.crash()
    while grid.fold.has_more():
        told += grid.tick()
    assert sorted(told) == sorted((0, cell, 1, 0) for cell in CITY)
    grid.checkpoint()
    assert len(grid.stored()) == len(CITY)


def test_a_row_that_is_amended_while_it_waits_is_told_once_as_it_is_then() -> None:
    grid = closing()
    grid.tick()
    waits = CITY[-1]
    grid.say((0, waits, 2, 3, 0), offset=2, reached=1.2)
    told = grid.tick()
    assert (0, waits, 3, 0) in told
    told += grid.tick()
    assert [row for row in told if row[1] == waits] == [(0, waits, 3, 0)]


def test_an_operator_is_not_silent_while_its_windows_wait() -> None:
    grid = closing()
    grid.tick(at_checkpoint=True)
    assert at(heard(grid)[-1])[1] == 0.0
    grid.tick()
    grid.tick(at_checkpoint=True)
    assert at(heard(grid)[-1])[1] == 1.0


def test_nor_is_a_hotline() -> None:
    grid = Grid()
    grid.say((0, CITY[0], 1, 1, 0), reached=0.5)
    counts = [(0, cell, "noise", {"opened": 1}, []) for cell in CITY]
    grid.put(requests(*counts, reached=0.5))
    grid.checkpoint()
    grid.put(requests(offset=1, reached=1))
    grid.tick(at_checkpoint=True)
    first = heard(grid)[-1].requests_as_of
    grid.tick()
    grid.tick(at_checkpoint=True)
    last = heard(grid)[-1].requests_as_of
    assert first is not None
    assert last is not None
    assert last - first == 60_000
