"""Outlines of the cells of alerts: the middle of a rule's area may be a cell in which nothing was ever seen.

The grid stage writes the outline of every cell that something was told of, and of no other.
"""

import json

from schemas import codec
from schemas.cells import CellsNow
from schemas.partials import SlotCounts
from streams import topics
from streams.fold.contract import Record
from streams.grid import locate
from streams.incidents.policy import Rule, parse
from streams.incidents.state import IncidentsState
from tests.pipeline import restored
from tests.unit.incidents.grouping.grouped import CENTRE

FULL = 7


def test_the_outline_of_its_cell_is_stored_with_an_alert_that_is_raised_and_not_again() -> None:
    policy = parse(None, Rule("default", 5, 1.0, 0.8, 0), "rules")
    fold = IncidentsState(policy, locate.centre, restored(), geometry=locate.geometry_row)

    fold.apply(look(0, FULL))
    (outline,) = [rows for rows in fold.take_changes().rows if rows.table == "cell_geometry"]
    assert outline.columns["hex"] == [CENTRE]
    assert outline.columns["cell"] == [int(CENTRE, 16)]
    assert json.loads(outline.columns["boundary"][0])["type"] == "Polygon"

    fold.apply(look(1, 2 * FULL))
    fold.apply(look(2, 0))
    changes = fold.take_changes()
    assert [rows.table for rows in changes.rows] == ["alert", "alert_event"]


def look(minute: int, standing: int) -> Record:
    counts = SlotCounts([CENTRE], ["hello"], [standing], [0], [0], [0], [0])
    return Record(
        topics.CELLS, 0, minute, codec.encode(CellsNow("r", minute + 1, minute * 60_000, counts)), 0
    )
