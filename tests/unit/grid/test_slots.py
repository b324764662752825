"""Slots of which nothing is known any more: categories of requests may be ever new ones."""

import random
from unittest.mock import patch

from streams.grid import slots
from streams.grid.slots import FEW, Slots
from tests.pipeline import T0
from tests.unit.grid.partials import MINUTE, requests
from tests.unit.grid.region import CELL, OTHER, Grid

OPENED = {"opened": 1, "open_change": 1}
CLOSED = {"closed": 1, "open_change": -1}


def slots_on_file(grid: Grid) -> int:
    """Return how many slots the checkpoint has room for, by its blocks."""
    return slots.BLOCK * sum("/slots/" in name for name in grid.database.parts["grid"])


def minute(grid: Grid, number: int, *rows: tuple[str, str, dict[str, int]]) -> None:
    """Let a source tell of a minute, and everything be told and stored."""
    told = [(number, cell, code, counts, []) for cell, code, counts in rows]
    grid.put(requests(*told, offset=number, reached=number + 1))
    while True:
        grid.checkpoint()
        if not grid.fold.has_more():
            return


def open_now(grid: Grid, code: str) -> list[tuple[int, int]]:
    """Return (minute, open requests) of a category as it was told."""
    return [
        ((start - T0) // MINUTE, count)
        for message in grid.requests
        for start, name, count in zip(
            message.rows.window_start, message.rows.service_code, message.rows.open_now, strict=True
        )
        if name == code
    ]


def test_categories_that_are_ever_new_leave_memory_once_nothing_of_them_is_open() -> None:
    grid = Grid()
    minute(grid, 0, (CELL, "stays open", OPENED))
    for number in range(20):
        codes = [f"{number}: {code}" for code in range(FEW // 2)]
        minute(grid, 2 * number + 1, *[(CELL, code, OPENED) for code in codes])
        minute(grid, 2 * number + 2, *[(CELL, code, CLOSED) for code in codes])
    assert slots_on_file(grid) < 3 * FEW
    minute(grid, 60, (CELL, "stays open", OPENED))
    assert open_now(grid, "stays open") == [(0, 1), (60, 2)]


def test_a_worker_that_is_often_restarted_forgets_them_too() -> None:
    grid = Grid()
    for number in range(40):
        codes = [f"{number}: {code}" for code in range(FEW // 4)]
        minute(grid, number, *[(CELL, code, {"rated": 1}) for code in codes])
        grid.crash()
    assert slots_on_file(grid) < 3 * FEW


def test_a_number_that_was_given_to_another_slot_counts_for_that_one_also_after_a_restart() -> None:
    with patch.object(slots, "FEW", 0):
        grid = Grid()
        minute(grid, 0, (CELL, "gone", OPENED), (CELL, "stays", OPENED))
        minute(grid, 1, (CELL, "gone", CLOSED))
        minute(grid, 9)
        minute(grid, 10, (OTHER, "new", OPENED))
        grid.crash()
        minute(grid, 11, (OTHER, "new", OPENED), (CELL, "stays", OPENED), (CELL, "gone", OPENED))
    assert open_now(grid, "new") == [(10, 1), (11, 2)]
    assert open_now(grid, "stays") == [(0, 1), (11, 2)]
    assert open_now(grid, "gone") == [(0, 1), (1, 0), (11, 1)]


def test_a_slot_with_a_word_of_a_silent_source_on_a_window_that_is_gone_keeps_its_number() -> None:
    with patch.object(slots, "FEW", 0):
        grid = Grid()
        opened, closed = (0, CELL, "night", OPENED, []), (1, CELL, "night", CLOSED, [])
        grid.put(requests(opened, closed, source=1, sources=2, reached=1))
        grid.put(requests(source=0, sources=2, reached=1))
        grid.checkpoint()
        grid.tick(grid.config.forget_source_ms + 1)
        for offset, number in ((1, 10), (2, 19)):
            rows = [(number, CELL, f"{number}: {code}", OPENED, []) for code in range(9)]
            grid.put(requests(*rows, source=0, sources=2, offset=offset, reached=number + 1))
            grid.tick(grid.config.idle_timeout_ms // 2 + 1)
            grid.checkpoint()
        grid.put(requests(opened, source=1, sources=2, offset=1, reached=30))  # it repeats itself
        grid.put(requests((30, CELL, "night", OPENED, []), source=1, sources=2, offset=2, reached=31))
        grid.put(requests(source=0, sources=2, offset=3, reached=31))
        grid.checkpoint()
    assert open_now(grid, "night") == [(0, 1), (1, 0), (30, 1)]


def test_what_is_told_and_stored_does_not_depend_on_what_was_forgotten() -> None:
    for seed in range(30):
        kept, forgot = _random_days(seed, few=1 << 30), _random_days(seed, few=0)
        assert _told(forgot) == _told(kept)
        assert forgot.database.tables == kept.database.tables


def _random_days(seed: int, *, few: int) -> Grid:
    dice = random.Random(seed)
    grid = Grid()
    with patch.object(slots, "FEW", few):
        grid.crash()
        for number in range(60):
            rows = {
                (max(0, number - dice.randrange(4)), dice.choice((CELL, OTHER)), f"code {dice.randrange(9)}")
                for _ in range(dice.randrange(4))
            }
            source = dice.randrange(2)
            told = [(*row, dice.choice((OPENED, CLOSED, {"rated": 1})), []) for row in sorted(rows)]
            grid.put(requests(*told, source=source, sources=2, offset=number, reached=number - source))
            deed = dice.choice(("tick", "checkpoint", "checkpoint", "restart"))
            grid.tick(dice.choice((1, 1_000)))
            if deed != "tick":
                grid.checkpoint()
            if deed == "restart":
                grid.crash()
        grid.tick(60_000)
        grid.checkpoint()
    return grid


def _told(grid: Grid) -> list[list[str]]:
    """Return what is told of requests; the order of rows in a message is that of their numbers."""
    return [
        sorted(map(str, zip(*[getattr(m.rows, name) for name in m.rows.__struct_fields__], strict=True)))
        for m in grid.requests
    ]


def test_the_least_free_number_is_given_first_also_after_a_restart() -> None:
    with patch.object(slots, "FEW", 0):
        before = Slots()
    before.numbers([CELL] * 5, list("abcde"))
    before.keep_only({1, 3})
    after = Slots()
    for keys in before.take_unsaved().values():
        after.restore(keys)
    for some in (before, after):
        assert some.numbers([CELL] * 6, list("bdxyza")) == [1, 3, 0, 2, 4, 5]
    assert before.take_unsaved() == after.take_unsaved()
