"""Outlines of the cells of alerts: the middle of a rule's area may be a cell in which nothing was ever seen.

The grid stage writes the outline of every cell that something was told of, and of no other.
"""

import json

from schemas import codec
from schemas.cells import CellsNow
from schemas.partials import SlotCounts
from streams import topics
from streams.configs import incidents_fold
from streams.fold.contract import Record
from streams.incidents.policy import Rule, parse
from streams.settings import Settings
from tests.pipeline import restored
from tests.unit.incidents.grouping.grouped import CENTRE

FULL = 7


def test_the_outline_of_its_cell_is_stored_with_an_alert_that_is_raised_and_not_again() -> None:
    policy = parse(None, Rule("default", 5, 1.0, 0.8, 0), "rules")
    fold = incidents_fold(Settings(), policy, restored())

    fold.apply(look(0, FULL))
    (outline,) = [rows for rows in fold.take_changes().rows if rows.table == "cell_geometry"]
    assert outline.columns["hex"] == [CENTRE]
    assert outline.columns["cell"] == [int(CENTRE, 16)]
    assert json.loads(outline.columns["boundary"][0])["type"] == "Polygon"

    fold.apply(look(1, 2 * FULL))
    fold.apply(look(2, 0))
    tables = [rows.table for rows in fold.take_changes().rows]
    assert "alert_event" in tables
    assert "cell_geometry" not in tables


def look(minute: int, standing: int) -> Record:
    counts = SlotCounts([CENTRE], ["hello"], [standing], [0], [0], [0], [0])
    return Record(
        topics.CELLS, 0, minute, codec.encode(CellsNow("r", minute + 1, minute * 60_000, counts)), 0
    )
