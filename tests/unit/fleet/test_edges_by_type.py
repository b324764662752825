"""Vehicles counted by type, where rules ask for types: in all cells of their areas, be it a part of one.

The plaza lies within the cell of IN and BESIDE; the cell of NEXT is wholly outside of it, and wholly in the town.
"""

from typing import Any

import msgspec

from schemas.cells import CellsEdges
from streams import topics
from streams.fleet.ground import Ground
from tests.unit.fleet.road import FAR, NEXT, at, cell
from tests.unit.fleet.test_edges import BESIDE, IN, Edge
from tests.unit.incidents.counts.mds import rule
from tests.unit.incidents.stays.zones import grounds_of_types

Told = dict[tuple[str, str, str | None], tuple[int, ...]]
ONE, NONE, RIDES = (1, 0, 0, 0, 0), (0, 0, 0, 0, 0), (0, 0, 0, 1, 0)


def asks(area: int, *types: str, **fields: Any) -> dict[str, Any]:
    return rule(10 + area, area, vehicle_types=list(types), **fields)


PLAZA = grounds_of_types(asks(1, "moped"))
TOWN = grounds_of_types(asks(2, "moped"))


def moped(
    seconds: float, place: tuple[float, float], state: str = "available", **more: str
) -> dict[str, Any]:
    return {**at(seconds, place, state, **more), "vehicle_type": "moped"}


def bicycle(seconds: float, place: tuple[float, float], **more: str) -> dict[str, Any]:
    return {**at(seconds, place, **more), "vehicle_type": "bicycle"}


class Typed(Edge):
    """A fleet, and what it told by (cell, in or out of what decides, type)."""

    def __init__(self, areas: Ground | None = PLAZA, **config: Any) -> None:
        super().__init__(areas, **config)

    def told(self, *, at_checkpoint: bool = False) -> Told:
        outputs = self.fold.take_outputs(at_checkpoint=at_checkpoint)
        if at_checkpoint:
            self.database.commit("fleet", len(self.log) - 1, self.fold.take_changes())
        found: Told = {}
        for one in outputs:
            if one.topic != topics.CELLS or b'"type":"edges"' not in one.value:
                continue
            message = msgspec.json.decode(one.value, type=CellsEdges)
            self.said.append(message)
            c = message.counts
            types = [None] * len(c.cell) if c.vehicle_type is None else c.vehicle_type
            states = zip(
                c.available, c.non_operational, c.reserved, c.on_trip, c.non_contactable, strict=True
            )
            for place, inside, type_, counts in zip(c.cell, c.inside, types, states, strict=True):
                assert (place, "in" if inside else "out", type_) not in found
                found[place, "in" if inside else "out", type_] = counts
        return found


HERE, THERE = cell(IN), cell(NEXT)


def test_each_type_is_counted_by_itself_where_positions_decide() -> None:
    fleet = Typed()
    fleet.feed(moped(0, IN), moped(0, IN, bike="b"), moped(0, BESIDE, bike="c"), bicycle(0, IN, bike="d"))
    assert fleet.told() == {
        (HERE, "in", "moped"): (2, 0, 0, 0, 0),
        (HERE, "out", "moped"): ONE,
        (HERE, "in", "bicycle"): ONE,
    }
    fleet.feed(moped(10, BESIDE))
    assert fleet.told() == {(HERE, "in", "moped"): ONE, (HERE, "out", "moped"): (2, 0, 0, 0, 0)}


def test_cells_wholly_within_an_area_of_types_are_counted_and_those_outside_are_not() -> None:
    assert (PLAZA.code_of_cell(THERE), PLAZA.tells_types(THERE)) == (0, False)
    assert (TOWN.code_of_cell(THERE) > 0, TOWN.tells_types(THERE)) == (True, True)
    fleet = Typed()
    fleet.feed(moped(0, NEXT))
    assert fleet.told() == {}
    fleet = Typed(TOWN)
    fleet.feed(moped(0, NEXT), moped(0, FAR, bike="far"))
    assert fleet.told() == {(THERE, "in", "moped"): ONE}
    fleet.feed(moped(10, NEXT, "on_trip"))
    assert fleet.told() == {(THERE, "in", "moped"): RIDES}


def test_a_share_of_a_fleet_asks_for_types_everywhere() -> None:
    fleet = Typed(grounds_of_types(asks(1, "moped", rule_units="percent", maximum=5)))
    fleet.feed(moped(0, FAR), moped(0, NEXT, bike="b"), moped(0, IN, bike="c"))
    assert fleet.told() == {
        (cell(FAR), "out", "moped"): ONE,
        (THERE, "out", "moped"): ONE,
        (HERE, "in", "moped"): ONE,
    }


def test_where_another_area_alone_crosses_a_cell_no_types_are_told() -> None:
    """Of the town types are asked, of the plaza not: its cell is in the town. And the other way round."""
    both = Typed(grounds_of_types(asks(2, "moped"), rule(11, 1)))
    both.feed(moped(0, IN), bicycle(0, BESIDE, bike="b"))
    assert set(both.told()) == {(HERE, "in", "moped"), (HERE, "in", "bicycle")}, "both are in the town"
    edge = (31.2000, 121.4500)  # the town's southern edge
    ground = grounds_of_types(asks(1, "moped"), rule(12, 2))
    assert (ground.code_of_cell(cell(edge)) < 0, ground.tells_types(cell(edge))) == (True, False)
    mixed = Typed(ground)
    mixed.feed(moped(0, (31.2002, 121.4500)), moped(0, IN, bike="b"))
    assert {type_ for _, _, type_ in mixed.told()} == {None, "moped"}


def test_a_vehicle_that_changes_its_type_moves_from_the_one_to_the_other() -> None:
    fleet = Typed()
    fleet.feed(moped(0, IN))
    fleet.told()
    fleet.feed(bicycle(10, IN))
    assert fleet.told() == {(HERE, "in", "moped"): NONE, (HERE, "in", "bicycle"): ONE}
    fleet.feed(moped(20, IN), bicycle(21, IN))
    assert fleet.told() == {(HERE, "in", "moped"): NONE, (HERE, "in", "bicycle"): ONE}, (
        "told as passed through"
    )


def test_who_is_missing_or_taken_away_counts_for_no_type() -> None:
    fleet = Typed(TOWN)
    fleet.feed(moped(0, NEXT), bicycle(0, NEXT, bike="b"))
    fleet.told()
    fleet.feed(bicycle(700, IN, bike="other"))
    assert fleet.told() == {
        (THERE, "in", "moped"): NONE,
        (THERE, "in", "bicycle"): NONE,
        (HERE, "in", "bicycle"): ONE,
    }
    fleet.feed(moped(710, NEXT, "removed"))
    assert fleet.told() == {}
    fleet.feed(moped(720, NEXT))
    assert fleet.told() == {(THERE, "in", "moped"): ONE}


def test_who_begins_again_tells_the_types_on_file() -> None:
    fleet = Typed(TOWN)
    fleet.feed(moped(0, NEXT), bicycle(0, NEXT, bike="b"), moped(0, IN, bike="c"))
    fleet.told(at_checkpoint=True)
    fleet.feed(bicycle(10, IN, bike="c"))
    fleet.told()
    fleet.restart(TOWN)
    assert fleet.told() == {
        (THERE, "in", "moped"): ONE,
        (THERE, "in", "bicycle"): ONE,
        (HERE, "in", "moped"): NONE,
        (HERE, "in", "bicycle"): ONE,
    }


def test_a_rule_that_asks_for_types_from_now_on_is_another_ground_and_told_anew() -> None:
    plain, typed = grounds_of_types(rule(11, 1)), grounds_of_types(asks(1, "moped"))
    others = grounds_of_types(asks(1, "bicycle"))
    assert plain.version != typed.version
    assert others.version == typed.version, "which types are asked for is not for the fleet"
    fleet = Typed(plain)
    fleet.feed(moped(0, IN))
    assert fleet.told() == {(HERE, "in", None): ONE}
    assert fleet.said[-1].counts.vehicle_type is None
    fleet.fold.take_edges(typed)
    assert fleet.told() == {(HERE, "in", "moped"): ONE}
    assert [(one.ground, one.change) for one in fleet.said] == [(plain.version, 0), (typed.version, 1)]
    fleet.fold.take_edges(plain)
    assert fleet.told() == {(HERE, "in", None): ONE}
