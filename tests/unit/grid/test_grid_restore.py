"""A grid that starts from its checkpoint is the grid that wrote it; what no source can change is let go."""

import h3
import pytest

from streams.grid.slots import BLOCK
from tests.unit.grid.partials import requests
from tests.unit.grid.region import CELL, CONFIG, MINUTE, OTHER, Grid


def busy_grid() -> Grid:
    grid = Grid()
    for minute in range(6):
        for source in (0, 1):
            grid.say(
                (minute, CELL, 2, 2, 0),
                (minute, OTHER, 1, minute % 2, 0),
                source=source,
                sources=2,
                offset=minute,
                reached=minute + 0.5 + source / 4,
                live={CELL: minute, OTHER: source},
            )
        grid.checkpoint()
    return grid


def test_parts_written_by_a_restored_grid_are_those_that_it_read() -> None:
    grid = busy_grid()
    before = dict(grid.database.parts["grid"])
    grid.crash()
    grid.say(source=0, sources=2, offset=5, reached=5.5)
    grid.say(source=1, sources=2, offset=5, reached=5.75)
    grid.checkpoint()
    assert grid.database.parts["grid"] == before


def test_a_restored_grid_goes_on_as_the_other_would_have() -> None:
    one, other = busy_grid(), busy_grid()
    other.crash()
    for grid in (one, other):
        grid.say((5, CELL, 9, 3, 0), source=0, sources=2, offset=6, reached=7, live={CELL: 50})
        grid.say((4, OTHER, 9, 1, 0), source=1, sources=2, offset=6, reached=7)
        grid.checkpoint()
    assert one.stored() == other.stored()
    assert one.live() == other.live() == {CELL: 55, OTHER: 1}


def test_a_restored_grid_tells_its_live_cells_again() -> None:
    """Who listens may have heard what the one that died had not stored."""
    grid = busy_grid()
    grid.now.clear()
    grid.crash()
    grid.tick()
    assert grid.live() == {CELL: 10, OTHER: 1}


def test_a_window_that_was_told_but_not_stored_is_closed_again_with_the_same_revision() -> None:
    grid = Grid()
    grid.say((0, CELL, 1, 1, 0), reached=0.5)
    grid.checkpoint()
    grid.say(offset=1, reached=1)
    told = grid.tick(at_checkpoint=True)
    grid.crash()
    grid.say(offset=1, reached=1)
    assert grid.tick(at_checkpoint=True) == told == [(0, CELL, 1, 0)]


def test_windows_behind_the_horizon_of_every_source_leave_memory_and_parts() -> None:
    grid = busy_grid()
    windows = sorted(name for name in grid.database.parts["grid"] if "/window/" in name)
    assert len(windows) == 3, "two minutes of horizon behind the slower source, and the open one"


def test_a_window_that_one_source_may_still_change_stays() -> None:
    grid = Grid()
    grid.say((0, CELL, 1, 1, 0), source=0, sources=2, reached=0.5)
    grid.say((0, CELL, 1, 1, 0), source=1, sources=2, reached=0.5)
    grid.checkpoint()
    grid.say(source=0, sources=2, offset=1, reached=10)
    grid.tick(5_001)
    grid.say((0, CELL, 2, 2, 0), source=1, sources=2, offset=1, reached=0.6)
    assert grid.tick() == [(0, CELL, 3, 1)]


def test_a_source_never_heard_of_keeps_every_window_for_as_long_as_one_is_not_forgotten() -> None:
    """It may come with anything: partials of a city begin when its first vehicle reports."""
    grid = Grid()
    grid.say((0, CELL, 1, 1, 0), source=0, sources=2, reached=10)
    grid.checkpoint()
    grid.checkpoint()
    assert [name for name in grid.database.parts["grid"] if "/window/" in name]
    grid.tick(CONFIG.forget_source_ms + 1)
    grid.say((20, CELL, 1, 1, 0), source=0, sources=2, offset=1, reached=20)
    grid.checkpoint()
    grid.checkpoint()
    assert len([name for name in grid.database.parts["grid"] if "/window/" in name]) == 1


@pytest.mark.parametrize("repeats", [0, 1])
@pytest.mark.parametrize("life", [5, 50])
def test_windows_leave_memory_an_hour_after_a_source_fell_silent_however_often_a_worker_is_replaced(
    life: int, repeats: int
) -> None:
    """
    minutes       0        50       100      150
    grid          |........x|.......x|.......x|
    source 0      #                                never heard of, or repeats what it had said after each restart
    source 1      #############################
    """
    grid = Grid()
    for minute in range(150):
        if minute % life == 0:
            grid.crash()
            for _ in range(repeats):
                grid.say((0, CELL, 1, 1, 0), source=0, sources=2, reached=1)
        grid.say((minute, CELL, 1, 0, 0), source=1, sources=2, offset=minute, reached=minute)
        grid.tick(MINUTE)
        grid.checkpoint()
        windows = [name for name in grid.database.parts["grid"] if "/window/" in name]
        assert minute >= 60 or len(windows) >= minute, "late words of source 0 still count"
    assert len(windows) == 3, "two minutes of horizon, and the open one"


def test_a_word_on_a_forgotten_window_changes_nothing_even_after_a_restart() -> None:
    """A fleet that died after it told, and before it stored, tells its old windows again."""
    grid = Grid()
    grid.say((0, CELL, 1, 1, 0), reached=1)
    grid.checkpoint()
    grid.say((9, CELL, 1, 1, 0), offset=1, reached=10)
    grid.checkpoint()
    grid.checkpoint()
    before = grid.stored()
    grid.crash()
    grid.say((0, CELL, 1, 1, 0), (9, CELL, 1, 1, 0), offset=1, reached=10)
    grid.checkpoint()
    assert grid.stored() == before == {(0, CELL): (1, 1, 1, 0), (9, CELL): (1, 1, 2, 0)}


def test_the_time_of_a_source_does_not_go_back_with_an_owner_that_begins_at_its_checkpoint() -> None:
    """Else what it repeats, window by window, would be counted once more."""
    grid = Grid()
    grid.say((0, CELL, 1, 1, 0), reached=1)
    grid.say((9, CELL, 1, 1, 0), offset=1, reached=10)
    grid.checkpoint()
    grid.checkpoint()
    before = grid.stored()
    for _ in range(2):
        grid.say((0, CELL, 1, 1, 0), reached=1)
        grid.checkpoint()
    assert grid.stored() == before == {(0, CELL): (1, 1, 1, 0), (9, CELL): (1, 1, 2, 0)}
    assert grid.refusals() == []


def test_a_checkpoint_without_news_stores_nothing() -> None:
    grid = busy_grid()
    grid.tick(at_checkpoint=True)
    changes = grid.fold.take_changes()
    assert (changes.rows, changes.parts) == ([], {})
    grid.crash()
    grid.tick(at_checkpoint=True)
    assert grid.fold.take_changes().parts == {}


def test_a_cell_s_geometry_is_stored_once() -> None:
    grid = busy_grid()
    grid.crash()
    grid.say(source=0, sources=2, offset=6, reached=6, live={CELL: 1, "8931aa42853ffff": 1})
    grid.tick()
    changes = grid.fold.take_changes()
    [rows] = [rows for rows in changes.rows if rows.table == "cell_geometry"]
    assert rows.columns["hex"] == ["8931aa42853ffff"]


CITY = sorted(h3.grid_disk(CELL, 20))
"""More cells than a block of slots holds."""


def big_grid() -> Grid:
    grid = Grid()
    grid.say(*[(0, cell, 2, 2, 0) for cell in CITY], reached=1, live=dict.fromkeys(CITY, 2))
    codes = [f"{cell}-{number}" for number, cell in enumerate(CITY)]
    opened = {"opened": 1, "open_change": 1}
    grid.put(requests(*[(0, CELL, code, opened, []) for code in codes], reached=1))
    grid.checkpoint()
    grid.checkpoint()
    return grid


def test_a_restored_city_of_several_blocks_goes_on_as_the_other_would_have() -> None:
    assert len(CITY) > BLOCK
    one, other = big_grid(), big_grid()
    other.crash()
    for grid in (one, other):
        grid.say(
            *[(1, cell, 1, 0, 1) for cell in CITY], offset=1, reached=2, live=dict.fromkeys(CITY[::2], 1)
        )
        opened = {"opened": 1, "open_change": 1, "overdue_change": 1}
        grid.put(requests((1, CELL, f"{CITY[-1]}-{len(CITY) - 1}", opened, []), offset=1, reached=2))
        grid.checkpoint()
    assert one.live() == other.live()
    assert one.stored() == other.stored()
    assert one.database.tables["request_window"] == other.database.tables["request_window"]
    assert one.database.parts == other.database.parts
    newest = max(one.database.tables["request_window"].values(), key=lambda row: row["window_start"])
    assert (newest["open_now"], newest["overdue"]) == (2, 1)


def test_of_many_slots_only_the_block_that_changed_is_stored() -> None:
    grid = big_grid()
    grid.say((0, CITY[-1], 3, 2, 0), offset=1, reached=1, live={CITY[-1]: 1})
    grid.tick(at_checkpoint=True)
    names = {name.partition("/")[2] for name in grid.fold.take_changes().parts}
    [window] = [name for name in names if "/window/" in name]
    assert names == {"fleet/source/0", "fleet/live/0/1", window}
    assert window.endswith("/1")
