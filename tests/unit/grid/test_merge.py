"""Live counts: each source's newest word counts, whatever order words come in."""

import h3
import pytest

from tests.pipeline import T0
from tests.unit.grid.region import CELL, CONFIG, MINUTE, OTHER, Grid


def test_live_counts_of_all_sources_are_added() -> None:
    grid = Grid()
    grid.say(source=0, sources=2, live={CELL: 2, OTHER: 1})
    grid.say(source=1, sources=2, live={CELL: 3})
    grid.tick()
    assert grid.live() == {CELL: 5, OTHER: 1}


def test_a_word_replaces_the_one_before_and_is_not_added_to_it() -> None:
    grid = Grid()
    for offset, count in enumerate((2, 7, 4)):
        grid.say(offset=offset, live={CELL: count})
    grid.tick()
    assert grid.live() == {CELL: 4}


def test_a_word_of_an_older_offset_changes_nothing() -> None:
    grid = Grid()
    grid.say((0, CELL, 4, 4, 0), offset=9, live={CELL: 4}, reached=0.5)
    grid.say((0, CELL, 1, 1, 0), offset=3, live={CELL: 1}, reached=0.1)
    grid.say(offset=10, reached=1)
    assert grid.tick() == [(0, CELL, 4, 0)]
    assert grid.live() == {CELL: 4}


def test_a_source_may_change_its_word_without_having_read_on() -> None:
    """As where it is the time that goes on, after which a vehicle is missing."""
    grid = Grid()
    grid.say(offset=1, live={CELL: 2})
    grid.say(offset=1, live={CELL: 1})
    grid.tick()
    assert grid.live() == {CELL: 1}


def test_the_table_of_live_cells_has_what_was_told_last() -> None:
    grid = Grid()
    grid.say(live={CELL: 2, OTHER: 1}, reached=1)
    grid.checkpoint()
    grid.say(offset=1, live={OTHER: 3}, reached=2)
    grid.checkpoint()
    rows = grid.database.tables["cell_now"].values()
    assert {(f"{row['cell']:x}", row["available"], row["occupancy"], row["as_of"] - T0) for row in rows} == {
        (CELL, 2, 2, 70_000),
        (OTHER, 3, 3, 130_000),
    }


def test_offsets_are_compared_slot_by_slot() -> None:
    """A newer word on another cell says nothing of this one."""
    grid = Grid()
    grid.say(offset=9, live={OTHER: 4})
    grid.say(offset=3, live={CELL: 1})
    grid.tick()
    assert grid.live() == {CELL: 1, OTHER: 4}


def test_a_higher_generation_counts_though_its_offsets_began_again() -> None:
    grid = Grid()
    grid.say((0, CELL, 4, 4, 0), generation=0, offset=1_000_000, live={CELL: 4}, reached=0.5)
    grid.say((0, CELL, 5, 5, 0), generation=1, offset=0, live={CELL: 5}, reached=0.5)
    grid.say((0, CELL, 4, 4, 0), generation=0, offset=2_000_000, live={CELL: 4}, reached=1)
    assert grid.tick() == [(0, CELL, 5, 0)]
    assert grid.live() == {CELL: 5}


def test_what_changed_is_told_and_nothing_else() -> None:
    grid = Grid()
    grid.say(live={CELL: 2, OTHER: 1})
    grid.tick()
    grid.say(offset=1, live={OTHER: 3})
    grid.tick()
    assert [message.counts.cell for message in grid.now] == [[CELL, OTHER], [OTHER]]


def test_time_that_went_on_is_told_at_checkpoints_though_nothing_moved() -> None:
    """An alert that waits for its minimum duration must hear of it."""
    grid = Grid()
    grid.say(live={CELL: 2}, reached=1)
    grid.tick(at_checkpoint=True)
    grid.say(offset=1, reached=2)
    grid.tick()
    grid.tick(at_checkpoint=True)
    grid.tick(at_checkpoint=True)
    assert [message.counts.cell for message in grid.now] == [[CELL], []]
    assert grid.now[1].as_of - grid.now[0].as_of == 60_000


def test_as_of_is_what_all_active_sources_have_reported_up_to() -> None:
    grid = Grid()
    grid.say(source=0, sources=2, live={CELL: 2}, reached=5)
    grid.say(source=1, sources=2, live={CELL: 2}, reached=1)
    grid.tick()
    assert [message.as_of - message.watermark for message in grid.now] == [10_000]
    assert grid.now[0].watermark % 3_600_000 == 60_000


def test_how_far_the_first_source_is_ahead_is_told_until_all_have_come_as_far() -> None:
    """Five minutes apart are together."""
    grid = Grid()
    told = []
    for offset, reached in enumerate([(0, 0), (5, 0), (8, 0), (8, 2), (9, 3), (9, 7.5), (9, 8), (9.5, 9.5)]):
        for source in range(2):
            grid.say(source=source, sources=2, offset=offset, live={CELL: offset}, reached=reached[source])
        grid.tick()
        told.append((grid.now[-1].as_of - T0 - 10_000, grid.now[-1].ahead - T0 - 10_000))
    assert [(as_of / MINUTE, ahead / MINUTE) for as_of, ahead in told] == [
        *((0, 0), (0, 0), (0, 8), (2, 8), (3, 8), (7.5, 8), (8, 8), (9.5, 9.5))
    ]


@pytest.mark.parametrize(
    ("reached", "ahead"),
    [
        ([(0, 0), (4, 0), (4, 1), (4, 2)], [0, 0, 1, 2]),
        ([(0, 0), (8, 0), (9, 1), (12, 4), (16, 8), (17, 9)], [0, 8, 8, 8, 8, 16]),
    ],
    ids=["little", "always as far"],
)
def test_sources_that_are_apart_are_looked_at_once_the_last_is_where_the_first_was(
    reached: list[tuple[int, int]], ahead: list[int]
) -> None:
    grid, told = Grid(), []
    for offset, both in enumerate(reached):
        for source in range(2):
            grid.say(source=source, sources=2, offset=offset, live={CELL: offset}, reached=both[source])
        grid.tick()
        told.append((grid.now[-1].ahead - T0 - 10_000) // MINUTE)
    assert told == ahead


def test_who_is_behind_for_long_is_not_waited_for_though_it_goes_on() -> None:
    grid = Grid()
    told = []
    for second in range(40):
        for source, reached in ((0, 8), (1, 1)):
            grid.say(
                source=source, sources=2, offset=second, live={CELL: second}, reached=reached + second / 60
            )
        grid.tick(1_000)
        told.append(grid.now[-1].ahead > grid.now[-1].as_of)
    assert told == [True] * 31 + [False] * 9


def test_partitions_that_part_are_of_several_times_at_once() -> None:
    """That all have come to where the first was says nothing before it went ahead."""
    grid = Grid()
    told = []
    for offset, reached in enumerate([(0, 0), (0, 0), (20, 0), (20, 19), (20, 20)]):
        for source in range(2):
            grid.say(source=source, sources=2, offset=offset, live={CELL: offset}, reached=reached[source])
        grid.tick()
        told.append(grid.now[-1].of_several_times)
    assert told == [False, False, True, True, False]


def test_who_says_nothing_is_waited_for_no_longer_than_an_idle_timeout() -> None:
    """A partition of few vehicles says little, and in a fast replay that is minutes of event time."""
    grid = Grid()
    told = []
    grid.say(source=1, sources=2, live={CELL: 1})
    for second in range(40):
        grid.say(source=0, sources=2, offset=second, live={CELL: second}, reached=8 + second / 60)
        grid.tick(1_000)
        told.append(grid.now[-1].of_several_times)
    assert told == [True] * 6 + [False] * 34


def test_a_partial_with_windows_of_another_length_is_refused() -> None:
    """Two workers with different settings would add apples to pears."""
    grid = Grid()
    grid.say((0, CELL, 1, 1, 0), live={CELL: 1}, window_ms=30_000)
    grid.tick()
    assert [output.topic for output in grid.outputs] == ["ub.rejected"]
    assert b"UB_WINDOW_S differs" in grid.outputs[0].value


def test_records_told_with_the_same_id_say_the_same() -> None:
    """CloudEvents: who has seen the id may drop the record. Windows close by wall time too, without a new record."""
    grid = Grid()
    grid.say((0, CELL, 1, 1, 0), (7, CELL, 1, 1, 0), reached=1, live={CELL: 2})
    grid.tick()
    grid.tick(5_001)
    windows = [output for output in grid.outputs if output.type_ == "ub.cells.window.v1"]
    assert len({output.value for output in windows}) == 2
    assert len({output.id_ for output in windows}) == 2


def test_what_is_so_again_is_told_with_an_id_of_its_own() -> None:
    grid = Grid()
    for offset, count in enumerate((1, 2, 1)):
        grid.say(offset=offset, live={CELL: count})
        grid.tick()
    assert grid.outputs[0].value == grid.outputs[2].value
    assert len({output.id_ for output in grid.outputs}) == 3


@pytest.mark.parametrize(
    ("cells", "told"),
    [(10_000, [(5_000, True), (5_000, False)]), (11_000, [(5_000, True), (5_000, True), (1_000, False)])],
)
def test_all_messages_of_a_look_but_the_last_say_that_there_is_more(
    cells: int, told: list[tuple[int, bool]]
) -> None:
    grid = Grid()
    region = "82309ffffffffff"
    grid.say(live={f"{cell}": 1 for cell in sorted(h3.cell_to_children(region, 8))[:cells]})
    grid.tick()
    assert [(len(one.counts.cell), one.more) for one in grid.now] == told


def test_what_a_source_has_told_by_half_is_told_with_the_rest() -> None:
    """A vehicle that went from one cell to the other would be in neither."""
    grid = Grid()
    grid.say(live={CELL: 1})
    grid.tick()
    grid.say(offset=1, live={CELL: 0}, more=True)
    grid.say(source=1, live={"89309959d03ffff": 1})
    grid.tick(at_checkpoint=True)
    assert len(grid.now) == 1
    grid.say(offset=1, live={OTHER: 1})
    grid.tick()
    assert len(grid.now) == 2
    assert grid.live() == {OTHER: 1, "89309959d03ffff": 1}


def test_a_source_that_fell_silent_half_way_is_not_waited_for() -> None:
    grid = Grid()
    grid.say(live={CELL: 1}, more=True)
    grid.tick()
    assert not grid.now
    grid.tick(CONFIG.idle_timeout_ms + 1)
    assert grid.live() == {CELL: 1}
