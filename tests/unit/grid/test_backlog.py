"""A month that is read in an hour: sources of which one is far ahead of another, so that thousands of windows wait."""

from typing import Any

from streams.grid.flows import FLEET
from streams.grid.window import Windows
from tests.unit.grid.region import MINUTE, Grid
from tests.work import lines_run

CELL = "89309959d07ffff"


class Start(int):
    """A window's start that counts how often one is compared with another."""

    comparisons = 0

    def __lt__(self, other: Any) -> bool:
        Start.comparisons += 1
        return int(self) < int(other)


def compared(minutes: int) -> int:
    """Return how many comparisons a source costs that speaks of the minutes between those that wait to be told."""
    windows: Windows[Any] = Windows(MINUTE, FLEET)
    times = [Start(minute * MINUTE) for minute in range(2 * minutes)]
    windows.put(0, [(start, 0, (1, 1, 0, 0)) for start in times[::2]])
    windows.close(2 * minutes * MINUTE)
    Start.comparisons = 0
    windows.put(1, [(start, 0, (1, 1, 0, 0)) for start in times[1::2]])
    told = [start for start, _, _ in windows.take_due(2 * minutes)]
    assert told == [int(start) for start in times]
    return Start.comparisons


def test_windows_that_come_to_wait_between_others_are_not_all_put_in_order_again() -> None:
    few, many = compared(200), compared(1_600)
    assert many < 8 * few * 1.5, f"8 times the windows, {many / few:.0f} times the comparisons"


def test_what_stood_before_a_late_window_is_found_at_the_next_one() -> None:
    def late(minutes: int) -> int:
        grid = Grid()
        grid.say(*[(minute, CELL, 1, 1, 0) for minute in range(1, minutes)], reached=minutes)
        grid.tick()
        work = lines_run(lambda: grid.say((0, CELL, 1, 0, 0), source=1, reached=minutes))
        assert grid.tick() == [(0, CELL, 0, 0)]
        return work

    assert late(1_000) < 2 * late(10)


def test_a_late_window_in_the_midst_stands_where_the_one_before_it_left_off() -> None:
    grid = Grid()
    grid.say((0, CELL, 1, 3, 0), (2, CELL, 1, 2, 1), (4, CELL, 1, 0, 1), reached=5)
    grid.tick()
    grid.say((1, CELL, 1, 0, 0), (3, CELL, 1, 1, 0), (5, CELL, 1, 0, 0), source=1, reached=6)
    assert grid.tick() == [(1, CELL, 3, 0), (3, CELL, 5, 0), (4, CELL, 4, 1)]
