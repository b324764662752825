"""Windows of a large city that close at once: told in portions, between which live counts and the news of health go."""

from dataclasses import replace

import h3

from streams.grid.state import GridConfig
from streams.grid.window import PORTION
from tests.unit.grid.partials import requests, sensing
from tests.unit.grid.region import CONFIG, Flow, Grid
from tests.unit.grid.test_health import at, heard

CITY = sorted(h3.grid_disk("89309959d07ffff", 31))[: 2 * PORTION + 500]


def flows(minute: int) -> list[Flow]:
    """Return a row of each cell."""
    return [(minute, cell, 1, 1, 0) for cell in CITY]


def closing(config: GridConfig = CONFIG) -> Grid:
    """Return a grid in which the windows of a minute are about to close."""
    grid = Grid(config)
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


def test_portions_come_at_intervals_and_all_else_at_once() -> None:
    """Detection, the database and the broker have all of a minute's rows to deal with, beside the alerts."""
    grid = closing(replace(CONFIG, pause_ms=150))
    assert len(grid.tick()) == PORTION
    was_told = CITY[0]
    grid.say((0, was_told, 2, 3, 0), offset=2, reached=1.2, live={CITY[1]: 7})
    assert (grid.tick(100), grid.live()) == ([(0, was_told, 3, 1)], {CITY[1]: 7})
    assert grid.fold.has_more()
    assert len(grid.tick(50)) == PORTION
    assert grid.tick(149, at_checkpoint=True) == []
    assert len(grid.tick(1)) == 500
    assert not grid.fold.has_more()


def test_portions_of_a_backlog_follow_each_other_at_once() -> None:
    grid = Grid(replace(CONFIG, pause_ms=150))
    for minute in range(2):
        grid.say(*flows(minute), offset=minute, reached=0.5)
    grid.say(offset=2, reached=2)
    told = [len(grid.tick()) for _ in range(4)]
    assert told == [PORTION, PORTION, PORTION, 0]


def test_the_next_minute_need_not_wait_once_all_of_the_last_was_told() -> None:
    grid = closing(replace(CONFIG, pause_ms=150))
    for _ in range(3):
        grid.tick(150)
    grid.say(*flows(1), offset=3, reached=2)
    assert len(grid.tick()) == PORTION


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
    told = [row for _ in range(3) for row in grid.tick()]
    assert [row for row in told if row[1] == waits] == [(0, waits, 3, 0)]


def test_what_a_late_word_changes_in_a_window_that_waits_outlives_a_crash() -> None:
    grid = Grid()
    grid.say(*flows(0), *flows(1), reached=0.5)
    grid.say(offset=1, reached=2)
    grid.checkpoint()
    grid.say((0, CITY[0], 2, 3, 0), offset=2, reached=2.2)
    grid.checkpoint()
    assert (0, CITY[0]) in grid.stored()
    assert (1, CITY[0]) not in grid.stored()
    grid.crash()
    while grid.fold.has_more():
        grid.tick()
    grid.checkpoint()
    assert [grid.stored()[minute, CITY[0]][2] for minute in (0, 1)] == [3, 4]


def test_a_row_that_was_told_is_amended_at_once_while_others_wait() -> None:
    grid = closing()
    grid.tick()
    was_told = CITY[0]
    grid.say((0, was_told, 2, 3, 0), offset=2, reached=1.2)
    assert (0, was_told, 3, 1) in grid.tick()


def test_a_first_row_of_a_window_whose_turn_is_over_is_told_at_once_while_a_later_one_waits() -> None:
    grid = Grid(replace(CONFIG, pause_ms=150))
    grid.say((0, CITY[0], 1, 1, 0), reached=0.5)
    grid.say(*flows(1), offset=1, reached=1)
    grid.tick()
    grid.say(offset=2, reached=2)
    assert len(grid.tick(150)) == PORTION
    late = "89309959d07ffff"
    grid.say((0, late, 1, 1, 0), offset=3, reached=2)
    assert grid.tick(100) == [(0, late, 1, 0)]
    assert len(grid.tick(50)) == PORTION


def test_what_is_late_for_windows_that_wait_is_told_in_their_turn() -> None:
    """Who reads of a later window takes those before as told: expected saturation would not be judged by them."""
    grid = Grid()
    for minute in (0, 1, 2, 4):
        grid.say(*flows(minute), offset=minute, reached=0.5)
    grid.say(offset=5, reached=5)
    grid.tick()
    late = "89309959d07ffff"
    grid.say((2, CITY[0], 1, 2, 0), (3, late, 1, 1, 0), (4, late, 1, 1, 0), offset=6, reached=5)
    minutes: list[int] = []
    while grid.fold.has_more():
        minutes += [minute for minute, *_ in grid.tick()]
    assert minutes == sorted(minutes)
    assert set(minutes) == {0, 1, 2, 3, 4}


def test_a_minute_is_told_to_its_end_though_its_last_row_was_withdrawn() -> None:
    """No message would have said so before the next minute's."""
    grid = Grid()
    grid.say(*flows(0), reached=0.5, provisional=True)
    grid.say(*[(0, cell, 0, 0, 0) for cell in CITY[2 * PORTION :]], offset=1, reached=0.5)
    grid.say(offset=2, reached=1)
    told = [row for _ in range(2) for row in grid.tick()]
    assert len(told) == 2 * PORTION
    assert not grid.fold.has_more()
    assert grid.windows[-1].watermark == grid.windows[-1].rows.window_start[0] + 60_000


def test_an_operator_is_not_silent_while_its_windows_wait() -> None:
    grid = closing()
    grid.tick(at_checkpoint=True)
    assert at(heard(grid)[-1])[1] == 0.0
    grid.tick()
    grid.tick(at_checkpoint=True)
    assert at(heard(grid)[-1])[1] == 1.0


def test_nor_is_a_metric() -> None:
    """Two days of one sensor at once: an alert on it would be cleared, as nothing was measured for a day."""
    grid = Grid()
    minutes = 2 * PORTION + 880
    rows = [(minute, CITY[0], "laeq", [55.0]) for minute in range(minutes)]
    grid.put(sensing(*rows, reached=minutes))
    times = []
    for _ in range(3):
        grid.tick(at_checkpoint=True)
        times.append(at(heard(grid)[-1])[0])
    assert times == [PORTION, 2 * PORTION, minutes]


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
