"""Holes in what a fetch brought."""

from dataclasses import dataclass

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.runtime.holes import MOST_RECORDS, MOST_SKIPPED, MOST_TRIES, Holes

HERE, THERE = TP("ub.partials", 1), TP("ub.partials", 2)


@dataclass(frozen=True, slots=True)
class Numbered:
    offset: int


def records(*offsets: int) -> list[Numbered]:
    return [Numbered(offset) for offset in offsets]


def test_records_that_follow_are_all_returned() -> None:
    holes = Holes()
    assert holes.whole(HERE, records(7, 8)) == 2
    assert holes.whole(HERE, records(9)) == 1
    assert holes.next_of(HERE) == 10


def test_what_was_returned_is_known_to_the_record() -> None:
    holes = Holes()
    holes.whole(HERE, records(7, 8))
    assert [holes.returned_after(HERE, offset) for offset in (-1, 7, 8)] == [True, True, False]
    assert not holes.returned_after(THERE, -1)


def test_what_comes_behind_a_hole_waits_until_the_hole_is_filled() -> None:
    holes = Holes()
    assert holes.whole(HERE, records(7, 8, 11)) == 2
    assert holes.whole(HERE, records(11, 12)) == 0
    assert holes.next_of(HERE) == 9
    assert holes.whole(HERE, records(9, 10, 11, 12)) == 4
    assert holes.next_of(HERE) == 13


def test_a_hole_that_stays_is_one_of_the_log() -> None:
    holes = Holes()
    holes.whole(HERE, records(7))
    found = [holes.whole(HERE, records(9, 10)) for _ in range(MOST_TRIES + 1)]
    assert found == [0] * MOST_TRIES + [2]
    assert holes.whole(HERE, records(11)) == 1


def test_where_a_broker_hides_nothing_a_hole_is_one_of_the_log_at_once_and_remembered() -> None:
    holes = Holes(0)
    assert holes.whole(HERE, records(7, 8, 10)) == 3
    assert holes.whole(HERE, records(12, 13)) == 2
    pairs = [(before, after) for before in range(7, 14) for after in range(before + 1, 14)]
    assert [pair for pair in pairs if holes.skips(HERE, *pair)] == [(8, 10), (10, 12)]
    assert not holes.skips(THERE, 8, 10)


def test_where_it_may_hide_some_a_hole_is_remembered_once_it_is_one_of_the_log() -> None:
    holes = Holes()
    holes.whole(HERE, records(7))
    for _ in range(MOST_TRIES):
        holes.whole(HERE, records(9))
        assert not holes.skips(HERE, 7, 9)
    assert holes.whole(HERE, records(9)) == 1
    assert holes.skips(HERE, 7, 9)


def test_the_newest_holes_are_remembered_however_many_there_are() -> None:
    holes = Holes(0)
    holes.whole(HERE, records(*range(0, 2 * MOST_SKIPPED + 5, 2)))
    assert not holes.skips(HERE, 0, 2)
    assert holes.skips(HERE, 6, 8)
    assert holes.skips(HERE, 2 * MOST_SKIPPED, 2 * MOST_SKIPPED + 2)


def test_a_hole_is_waited_for_as_long_as_ever_however_many_were_filled_before() -> None:
    holes = Holes()
    holes.whole(HERE, records(0))
    for offset in range(1, 3 * MOST_TRIES, 2):
        assert holes.whole(HERE, records(offset + 1)) == 0
        assert holes.whole(HERE, records(offset, offset + 1)) == 2


def test_a_hole_behind_another_is_waited_for_as_long_as_that() -> None:
    holes = Holes()
    holes.whole(HERE, records(7))
    for _ in range(MOST_TRIES - 1):
        holes.whole(HERE, records(9))
    assert holes.whole(HERE, records(8, 10)) == 1
    assert holes.whole(HERE, records(10)) == 0


def test_partitions_have_nothing_to_do_with_each_other() -> None:
    holes = Holes()
    holes.whole(HERE, records(7))
    assert holes.whole(THERE, records(100)) == 1
    assert holes.whole(HERE, records(8)) == 1


def test_a_reader_that_was_moved_goes_on_from_there() -> None:
    holes = Holes()
    holes.whole(HERE, records(7))
    assert holes.whole(HERE, records(3, 4)) == 2
    assert holes.whole(HERE, records(4 + MOST_RECORDS + 2)) == 1


@given(st.lists(st.sets(st.integers(1, 29)), max_size=20))
def test_whatever_a_broker_shows_late_is_read_in_order_and_once(glimpses: list[set[int]]) -> None:
    holes, read, at = Holes(), [0], 1
    holes.whole(HERE, records(0))
    for glimpse in [*glimpses, set(range(30))]:
        shown = [offset for offset in sorted(glimpse) if offset >= at]
        if shown:
            read += shown[: holes.whole(HERE, records(*shown))]
            at = holes.next_of(HERE)
    assert read == list(range(30))
