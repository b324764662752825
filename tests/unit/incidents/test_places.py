"""Where the cells of alerts are: found out once for each cell, as thousands may be raised in one.

Of those under watch for oversaturation it is known already.
"""

import json

import pytest

from schemas import codec
from schemas.cells import CellsNow
from schemas.partials import SlotCounts
from streams import topics
from streams.fold.contract import Record
from streams.grid import locate
from streams.incidents.policy import Rule, parse
from streams.incidents.state import IncidentsState
from tests.pipeline import restored
from tests.unit.incidents.grouping.grouped import CENTRE, ROW

DEFAULT = Rule("default", 60, 1.0, 0.8, 0)
TOWN = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"name": "town", "capacity": 40},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[121.0, 31.0], [122.0, 31.0], [122.0, 32.0], [121.0, 32.0], [121.0, 31.0]]],
            },
        }
    ],
}


def test_a_cell_is_looked_up_once_until_the_policy_changes() -> None:
    asked: list[int] = []

    def centre(cell: int) -> tuple[float, float]:
        asked.append(cell)
        return locate.centre(cell)

    fold = IncidentsState(parse(None, DEFAULT, "rules"), centre, restored())
    assert {fold._place(cell).zone for cell in (CENTRE, ROW[1], CENTRE, CENTRE)} == {"default"}
    assert len(asked) == 2
    fold.take_policy(parse(json.dumps(TOWN), DEFAULT, "rules"))
    assert fold._place(CENTRE).zone == "town"
    assert len(asked) == 3


def test_where_a_cell_under_watch_is_is_known_also_after_a_restart_and_by_another_policy() -> None:
    town = parse(json.dumps(TOWN), DEFAULT, "rules")
    fold = IncidentsState(town, locate.centre, restored())
    look = CellsNow("r", 1, 0, SlotCounts([CENTRE], ["hello"], [1], [0], [0], [0], [0]))
    fold.apply(Record(topics.CELLS, 0, 0, codec.encode(look), 0))
    parts = {name: part for name, part in fold.take_changes().parts.items() if part is not None}
    again = IncidentsState(parse(None, DEFAULT, "rules"), locate.centre, restored(parts=parts))
    for state in (fold, again):
        state._centre = lambda _: pytest.fail("it is known")  # type: ignore[assignment]
    assert (fold._place(CENTRE).zone, again._place(CENTRE).zone) == ("town", "default")
    fold.take_policy(parse(None, DEFAULT, "rules"))
    again.take_policy(town)
    assert (fold._place(CENTRE).zone, again._place(CENTRE).zone) == ("default", "town")
    assert (again._place(CENTRE).lat, again._place(CENTRE).lon) == locate.centre(int(CENTRE, 16))


def test_what_is_no_cell_is_none_each_time() -> None:
    fold = IncidentsState(parse(None, DEFAULT, "rules"), locate.centre, restored())
    for _ in range(2):
        with pytest.raises(ValueError, match="invalid literal"):
            fold._place("nowhere")
