"""Named invariants of the grid fold, for every kind: partials of several sources in any order, repeated, with crashes.

The oracle keeps all that was said and computes each row anew (tests/property/partials.py).
"""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import codec
from schemas.cells import CellsHealth, CellsNow
from streams import topics
from streams.fold.contract import Output, Record
from streams.grid.state import GridState
from tests.pipeline import T0, Database, geometry, restored
from tests.property.partials import CONFIG, MINUTE, SIDES, Place, Row, Said, Side

MANY = settings(max_examples=100)
PEACE = ("nothing", "tick", "checkpoint")
CRASHES = (*PEACE, "crash", "publish without commit")
KINDS = pytest.mark.parametrize("side", SIDES, ids=[side.name for side in SIDES])


class Road:
    """A log of partials, a grid that folds it, its checkpoints and all that it told."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.database = Database()
        self.log: list[bytes] = []
        self.wall = 1
        self.outputs: list[Output] = []
        self.applied = -1
        self.fold = GridState(CONFIG, geometry, restored())

    def feed(self, said: Said) -> None:
        """Put a partial into the log and fold all that was not folded."""
        self.log.append(codec.encode(self.side.partial(said)))
        self.catch_up()

    def catch_up(self) -> None:
        """Fold what the log has."""
        for offset in range(self.applied + 1, len(self.log)):
            self.fold.apply(Record(topics.PARTIALS, 0, offset, self.log[offset], T0))
        self.applied = len(self.log) - 1

    def do(self, deed: str) -> None:
        """Do what may happen between two records."""
        if deed == "nothing":
            return
        self.publish(at_checkpoint=deed != "tick")
        if deed == "tick":
            return
        changes = self.fold.take_changes()
        if deed == "checkpoint":
            self.database.commit("grid", self.applied, changes)
            return
        start = self.database.restored("grid", 0)
        self.fold, self.applied = GridState(CONFIG, geometry, start), start.offset
        self.fold.idle(self.wall)
        self.catch_up()

    def publish(self, *, at_checkpoint: bool = False) -> None:
        """Tell what closed."""
        self.fold.idle(self.wall)
        self.outputs += self.fold.take_outputs(at_checkpoint=at_checkpoint)

    def settle(self) -> None:
        """Let all sources fall silent, those never heard too: every window closes."""
        self.publish()
        self.wall += 30_001
        self.do("checkpoint")

    def told(self) -> list[tuple[Place, Row]]:
        """Return every closed row that was told."""
        rows = []
        for output in self.outputs:
            message = codec.cells.decode(output.value)
            if isinstance(message, CellsNow | CellsHealth):
                continue
            columns = {name: getattr(message.rows, name) for name in self.side.columns.__struct_fields__}
            for values in zip(*columns.values(), strict=True):
                start, cell, name, *_ = values
                rows.append((((start - T0) // MINUTE, cell, name), dict(zip(columns, values, strict=True))))
        return rows

    def stored(self) -> dict[Place, Row]:
        """Return the table's rows."""
        name = self.side.columns.__struct_fields__[2]
        return {
            ((row["window_start"] - T0) // MINUTE, f"{row['cell']:x}", row[name]): row
            for row in self.database.tables[self.side.table].values()
        }


def drawn(side: Side, deeds: tuple[str, ...]) -> st.SearchStrategy[tuple[list[Said], list[str]]]:
    """Draw what is said, and what happens after each of it."""
    return st.tuples(side.said(), st.lists(st.sampled_from(deeds), min_size=1, max_size=8))


def run(side: Side, said: list[Said], deeds: list[str]) -> Road:
    road = Road(side)
    for number, one in enumerate(said):
        road.feed(one)
        road.do(deeds[number % len(deeds)])
    road.settle()
    assert not [output for output in road.outputs if output.topic == topics.REJECTED]
    return road


def happened(row: Row) -> bool:
    return any(value for name, value in row.items() if name not in ("occupancy", "open_now", "overdue"))


def assert_rows(side: Side, found: dict[Place, Row], said: list[Said]) -> None:
    """Fail unless the rows are the oracle's. One of nothing need not be there, unless its stocks were told once."""
    expected = side.expected(said)
    for place, row in expected.items():
        if place in found:
            assert {name: found[place][name] for name in row} == row
        else:
            assert not happened(row)
    assert set(found) <= set(expected)


@KINDS
@MANY
@given(st.data())
def test_any_interleaving_and_repetition_of_partials_leaves_the_rows_of_a_batch(
    side: Side, data: st.DataObject
) -> None:
    said, deeds = data.draw(drawn(side, PEACE))
    assert_rows(side, run(side, said, deeds).stored(), said)


@KINDS
@MANY
@given(st.data())
def test_a_crash_anywhere_leaves_the_rows_of_a_batch(side: Side, data: st.DataObject) -> None:
    said, deeds = data.draw(drawn(side, CRASHES))
    assert_rows(side, run(side, said, deeds).stored(), said)


@KINDS
@MANY
@given(st.data())
def test_what_was_told_last_of_a_row_is_what_the_table_has(side: Side, data: st.DataObject) -> None:
    said, deeds = data.draw(drawn(side, CRASHES))
    road = run(side, said, deeds)
    newest = dict(road.told())
    stored = road.stored()
    assert set(stored) <= set(newest)
    for place, row in newest.items():
        if place in stored:
            same = row.keys() - {"cell", "window_start"}
            assert {name: stored[place][name] for name in same} == {name: row[name] for name in same}
        else:  # told, lost in a crash, and withdrawn before it was told again
            assert not happened(side.expected(said)[place])


@KINDS
@MANY
@given(st.data())
def test_a_window_is_closed_once_and_revised_at_most_as_often_as_partials_touched_it(
    side: Side, data: st.DataObject
) -> None:
    said, deeds = data.draw(drawn(side, PEACE))
    road = run(side, said, deeds)
    touched: Counter[Place] = Counter()
    for one in said:
        for minute, cell, name in one.contents:
            touched.update((later, cell, name) for later in range(minute, 5))
    revisions: dict[Place, list[int]] = {}
    for place, row in road.told():
        revisions.setdefault(place, []).append(row["revision"])
    for place, numbers in revisions.items():
        assert numbers == list(range(len(numbers)))
        assert len(numbers) <= touched[place]


def lasting(road: Road) -> dict[str, bytes]:
    """Return the parts of the checkpoint, but for how long nothing was heard: wall time goes on."""
    return {name: part for name, part in road.database.parts["grid"].items() if not name.endswith("/waits")}


@KINDS
@MANY
@given(st.data())
def test_a_restored_grid_has_nothing_new_to_tell_or_to_store(side: Side, data: st.DataObject) -> None:
    said, deeds = data.draw(drawn(side, PEACE))
    road = run(side, said, deeds)
    parts, stored = lasting(road), road.stored()
    told = len(road.told())
    road.do("crash")
    road.settle()
    assert lasting(road) == parts
    assert road.stored() == stored
    assert len(road.told()) == told


@MANY
@given(st.data())
def test_kinds_in_one_log_do_not_touch_each_other(data: st.DataObject) -> None:
    logs: list[tuple[Side, list[Said]]] = [(side, data.draw(side.said())) for side in SIDES]
    road = Road(SIDES[0])
    order: list[Any] = data.draw(st.permutations([side for side, said in logs for _ in said]))
    waiting = {side.name: iter(said) for side, said in logs}
    for side in order:
        road.side = side
        road.feed(next(waiting[side.name]))
        road.do(data.draw(st.sampled_from(CRASHES)))
    road.settle()
    for side, said in logs:
        road.side = side
        assert_rows(side, road.stored(), said)
