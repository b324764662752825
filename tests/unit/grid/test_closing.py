"""When windows close, and how closed ones are amended. A column of the drawings is a minute of event time."""

import pytest

from tests.unit.grid.region import CELL, OTHER, Grid


def test_a_window_closes_when_the_watermark_has_passed_its_end() -> None:
    """
    |0 . . . |1
            ^ 59 s: open   ^ 60 s: closed
    """
    grid = Grid()
    grid.say((0, CELL, 1, 1, 0), reached=0.99)
    assert grid.tick() == []
    grid.say(offset=1, reached=1)
    assert grid.tick() == [(0, CELL, 1, 0)]
    grid.say(offset=2, reached=3)
    assert grid.tick() == [], "it closes once"


def test_the_slowest_active_source_holds_the_windows_open() -> None:
    """
    source 0 ------------------------> 5
    source 1 ---> 0.5
    """
    grid = Grid()
    grid.say((0, CELL, 1, 1, 0), source=0, sources=2, reached=5)
    grid.say((0, CELL, 2, 2, 0), source=1, sources=2, reached=0.5)
    assert grid.tick() == []
    grid.say(source=1, sources=2, offset=1, reached=1)
    assert grid.tick() == [(0, CELL, 3, 0)]


def test_a_source_that_says_nothing_for_the_idle_timeout_holds_nothing_open() -> None:
    grid = Grid()
    grid.say((0, CELL, 1, 1, 0), source=0, sources=2, reached=5)
    grid.say((0, CELL, 2, 2, 0), source=1, sources=2, reached=0.5)
    grid.tick()
    grid.say(source=0, sources=2, offset=1, reached=5)
    assert grid.tick(5_000) == []
    grid.say(source=0, sources=2, offset=2, reached=5)
    assert grid.tick(1) == [(0, CELL, 3, 0)]


def test_in_a_new_region_the_first_to_speak_does_not_speak_for_the_others() -> None:
    """
    source 0 ------------------------> 5
    source 1     (speaks later) -----> 5
    """
    grid = Grid()
    grid.say((0, CELL, 1, 1, 0), source=0, sources=2, reached=5)
    assert grid.tick() == []
    grid.say((0, CELL, 2, 2, 0), source=1, sources=2, reached=5)
    assert grid.tick() == [(0, CELL, 3, 0)]


def test_in_a_new_region_who_never_speaks_is_waited_for_half_a_minute() -> None:
    grid = Grid()
    grid.say((0, CELL, 1, 1, 0), source=0, sources=2, reached=5)
    grid.tick()
    assert grid.tick(30_000) == []
    assert grid.tick(1) == [(0, CELL, 1, 0)]


@pytest.mark.parametrize("silence_ms", [5_001, 86_400_000])
def test_after_all_were_silent_the_first_to_speak_does_not_speak_for_the_others(silence_ms: int) -> None:
    """
    source 0 ---> 1   (silence)   ----------------> 5
    source 1 ---> 1   (silence)   (speaks later) -> 5
    """
    grid = Grid()
    for source in (0, 1):
        grid.say((0, CELL, 1, 1, 0), source=source, sources=2, reached=1)
    grid.tick()
    grid.tick(silence_ms)
    grid.say((3, CELL, 1, 1, 0), source=0, sources=2, offset=1, reached=5)
    assert grid.tick(1_000) == []
    grid.say((2, CELL, 1, 1, 0), source=1, sources=2, offset=1, reached=5)
    assert grid.tick(1_000) + grid.tick(3_001) == [(2, CELL, 3, 0), (3, CELL, 4, 0)]


def test_after_all_were_silent_who_goes_on_alone_waits_for_the_idle_timeout() -> None:
    grid = Grid()
    for source in (0, 1):
        grid.say(source=source, sources=2, reached=1)
    grid.tick()
    grid.tick(5_001)
    for offset, wait_ms in ((1, 2_500), (2, 2_500)):
        grid.say((3, CELL, 1, 1, 0), source=0, sources=2, offset=offset, reached=5)
        assert grid.tick(wait_ms) == []
    assert grid.tick(1) == [(3, CELL, 1, 0)]


@pytest.mark.parametrize("silence_ms", [1_000, 86_400_000])
@pytest.mark.parametrize("loading_ms", [1, 4_500])
def test_after_a_restart_the_first_to_speak_does_not_speak_for_the_others(
    silence_ms: int, loading_ms: int
) -> None:
    """
    source 0 ---> 1   (restart)  ------------------> 5
    source 1 ---> 1   (restart)    (speaks later) -> 5
    """
    grid = Grid()
    for source in (0, 1):
        grid.say((0, CELL, 1, 1, 0), source=source, sources=2, reached=1)
    grid.tick()
    grid.tick(silence_ms)
    grid.checkpoint()
    grid.crash()
    assert grid.tick(loading_ms) == []
    grid.say((3, CELL, 1, 1, 0), source=0, sources=2, offset=1, reached=5)
    assert grid.tick(1_000) == []
    grid.say((2, CELL, 1, 1, 0), source=1, sources=2, offset=1, reached=5)
    assert grid.tick(1_000) == [(2, CELL, 3, 0), (3, CELL, 4, 0)]


def test_after_a_restart_who_says_nothing_is_waited_for_from_the_first_word_on() -> None:
    grid = Grid()
    for source in (0, 1):
        grid.say((0, CELL, 1, 1, 0), source=source, sources=2, reached=1)
    grid.checkpoint()
    grid.crash()
    grid.tick(4_500)
    for offset, wait_ms in ((1, 2_500), (2, 2_500)):
        grid.say((3, CELL, 1, 1, 0), source=0, sources=2, offset=offset, reached=5)
        assert grid.tick(wait_ms) == []
    assert grid.tick(1) == [(3, CELL, 3, 0)]


def test_after_all_were_silent_who_says_something_again_holds_windows_open_at_once() -> None:
    """
    source 0 ---> 1               (silence)  1 again   ----> 5
    source 1 ---> 1 1.1 1.2 1.3   (silence)  ----------> 5
    """
    grid = Grid()
    for source in (0, 1):
        grid.say((0, CELL, 1, 1, 0), source=source, sources=2, reached=1)
    grid.tick()
    for offset in (1, 2, 3):
        grid.tick(10_000)
        grid.say(source=1, sources=2, offset=offset, reached=1 + offset / 10)
    grid.tick(5_001)
    grid.say((0, CELL, 1, 1, 0), source=0, sources=2, reached=1)
    grid.say((3, CELL, 1, 1, 0), source=1, sources=2, offset=4, reached=5)
    assert grid.tick(1_000) == []
    grid.say((2, CELL, 1, 1, 0), source=0, sources=2, offset=1, reached=5)
    assert grid.tick(1_000) == [(2, CELL, 3, 0), (3, CELL, 4, 0)]


def test_when_all_are_silent_every_window_closes() -> None:
    grid = Grid()
    grid.say((0, CELL, 1, 1, 0), (7, CELL, 1, 0, 1), reached=0)
    assert grid.tick(1) == []
    assert grid.tick(5_001) == [(0, CELL, 1, 0), (7, CELL, 0, 0)]


def test_occupancy_carries_over_windows_in_which_nothing_happened() -> None:
    grid = Grid()
    grid.say((0, CELL, 3, 3, 0), (4, CELL, 1, 0, 1), reached=5)
    assert grid.tick() == [(0, CELL, 3, 0), (4, CELL, 2, 0)]


def test_a_late_word_amends_its_window_and_the_occupancy_of_all_later_ones() -> None:
    """
    window      0      1      2
    told        1      -      2
    late               +1
    amended            2      3
    """
    grid = Grid()
    grid.say((0, CELL, 1, 1, 0), (2, CELL, 1, 1, 0), reached=3)
    assert grid.tick() == [(0, CELL, 1, 0), (2, CELL, 2, 0)]
    grid.say((1, CELL, 1, 1, 0), offset=1, reached=3)
    assert grid.tick() == [(1, CELL, 2, 0), (2, CELL, 3, 1)]
    grid.say((3, CELL, 1, 0, 3), offset=2, reached=4)
    assert grid.tick() == [(3, CELL, 0, 0)], "what closes later starts from the amended figure"


def test_a_late_word_that_changes_readings_only_amends_its_row_only() -> None:
    grid = Grid()
    grid.say((0, CELL, 1, 1, 0), (1, CELL, 1, 1, 0), reached=2)
    grid.tick()
    grid.say((0, CELL, 5, 1, 0), offset=1, reached=2)
    assert grid.tick() == [(0, CELL, 1, 1)]
    assert grid.windows[-1].rows.readings == [5]


def test_a_repeated_word_amends_nothing() -> None:
    grid = Grid()
    for offset in (0, 0, 1):
        grid.say((0, CELL, 1, 1, 0), offset=offset, reached=2)
        grid.tick()
    assert [message.rows.revision for message in grid.windows] == [[0]]


def test_several_words_between_two_publications_are_one_revision() -> None:
    grid = Grid()
    grid.say((0, CELL, 1, 1, 0), reached=2)
    grid.tick()
    grid.say((0, CELL, 2, 2, 0), offset=1, reached=2)
    grid.say((0, CELL, 3, 3, 0), offset=2, reached=2)
    assert grid.tick() == [(0, CELL, 3, 1)]


def test_a_row_withdrawn_before_it_was_told_is_never_told() -> None:
    grid = Grid()
    grid.say((0, CELL, 1, 1, 0), (0, OTHER, 1, 1, 0), reached=0)
    grid.say((0, CELL, 0, 0, 0), offset=1, reached=1)
    assert grid.tick() == [(0, OTHER, 1, 0)]


def test_a_row_withdrawn_after_it_was_told_is_told_as_nothing() -> None:
    grid = Grid()
    grid.say((0, CELL, 1, 1, 0), reached=1)
    grid.tick()
    grid.say((0, CELL, 0, 0, 0), offset=1, reached=1)
    assert grid.tick() == [(0, CELL, 0, 1)]
    assert grid.windows[-1].rows.readings == [0]


def test_regions_close_by_their_own_clocks() -> None:
    grid = Grid()
    grid.say((0, CELL, 1, 1, 0), region="82309ffffffffff", reached=1)
    grid.say((0, "8931aa42853ffff", 1, 1, 0), region="8231affffffffff", reached=0.5)
    assert grid.tick() == [(0, CELL, 1, 0)]
    assert [message.region for message in grid.windows] == ["82309ffffffffff"]


def test_of_two_words_of_one_offset_the_provisional_one_counts_and_of_two_offsets_the_later() -> None:
    """What was told for the time being knows more than an owner that slept and says what it had counted for good."""
    grid = Grid()
    grid.say((0, CELL, 2, 2, 0), offset=4, reached=0.5, provisional=True)
    grid.say((0, CELL, 1, 1, 0), offset=4, reached=0.5)
    grid.say(offset=4, reached=2)
    assert grid.tick() == [(0, CELL, 2, 0)]
    grid.say((0, CELL, 1, 1, 0), offset=5, reached=2)
    assert grid.tick() == [(0, CELL, 1, 1)]
