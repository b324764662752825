"""Vehicles in cells on the edge of an area: what the fleet tells of who is in it and who is not.

The plaza lies within the cell of IN and BESIDE; the cell of NEXT is wholly outside of it.
"""

from dataclasses import replace
from typing import Any

import msgspec

from schemas.cells import CellsEdges
from streams import topics
from streams.configs import count_ground
from streams.fleet.ground import Ground
from streams.fleet.state import FleetState
from streams.incidents.stays.ground import Ground as Areas
from tests.unit.fleet.road import CONFIG, FAR, NEXT, Fleet, at, cell
from tests.unit.incidents.counts.mds import rule
from tests.unit.incidents.stays.zones import mds

IN, BESIDE = (31.2335, 121.4765), (31.2335, 121.4757)
Told = dict[tuple[str, str, str], tuple[int, ...]]


def ground(*areas: int) -> Areas:
    """Return the plaza (1), the town (2), or both."""
    made = count_ground(mds(*(rule(10 + area, area) for area in areas)))
    assert made is not None
    return made


GROUND = ground(1)
[PLAZA_ID] = [area.area_id for area in GROUND._areas]


class Edge(Fleet):
    """A fleet that counts by position, and what it told."""

    def __init__(self, areas: Ground | None = GROUND, **config: Any) -> None:
        super().__init__(replace(CONFIG, edges=areas, **config))
        self.said: list[CellsEdges] = []

    def publish(self, *, at_checkpoint: bool = False) -> Told:
        """Return what is told now, by (operator, cell, in or out of the plaza): available, ..., on_trip, ..."""
        outputs = self.fold.take_outputs(at_checkpoint=at_checkpoint)
        if at_checkpoint:
            self.database.commit("fleet", len(self.log) - 1, self.fold.take_changes())
        new = [
            msgspec.json.decode(one.value, type=CellsEdges)
            for one in outputs
            if one.topic == topics.CELLS and b'"type":"edges"' in one.value
        ]
        self.said += new
        found: Told = {}
        for message in new:
            c = message.counts
            states = zip(
                c.available, c.non_operational, c.reserved, c.on_trip, c.non_contactable, strict=True
            )
            for place, operator, inside, outside, counts in zip(
                c.cell, c.operator, c.inside, c.outside, states, strict=True
            ):
                assert {*inside, *outside} >= {PLAZA_ID}
                found[operator, place, "in" if PLAZA_ID in inside else "out"] = counts
        return found

    def restart(self, areas: Ground | None = GROUND) -> None:
        """Begin again from the checkpoint, perhaps with other areas."""
        self.config = replace(self.config, edges=areas)
        self.crash()


A, Z = ("north", cell(IN), "in"), ("north", cell(IN), "out")
ONE, NONE, RIDES = (1, 0, 0, 0, 0), (0, 0, 0, 0, 0), (0, 0, 0, 1, 0)


def test_the_places_are_as_the_examples_need_them() -> None:
    assert cell(IN) == cell(BESIDE) != cell(NEXT)
    assert GROUND.code_of_cell(cell(IN)) < 0
    assert GROUND.code_of_cell(cell(NEXT)) == 0


def test_who_crosses_the_outline_within_a_cell_counts_on_the_other_side() -> None:
    fleet = Edge()
    fleet.feed(at(0, IN))
    assert fleet.publish() == {A: ONE}
    fleet.feed(at(10, BESIDE))
    assert fleet.publish() == {A: NONE, Z: ONE}
    fleet.feed(at(20, BESIDE))
    assert fleet.publish() == {}, "nothing has changed"


def test_who_comes_from_a_cell_outside_and_goes_back_counts_in_between() -> None:
    fleet = Edge()
    fleet.feed(at(0, NEXT))
    assert fleet.publish() == {}
    fleet.feed(at(10, IN))
    assert fleet.publish() == {A: ONE}
    fleet.feed(at(20, NEXT))
    assert fleet.publish() == {A: NONE}


def test_states_are_told_apart_and_who_was_taken_away_counts_nowhere() -> None:
    fleet = Edge()
    fleet.feed(at(0, IN), at(0, IN, bike="b", operator="south"))
    fleet.publish()
    fleet.feed(at(10, IN, "on_trip"))
    assert fleet.publish() == {A: RIDES}
    fleet.feed(at(20, IN, "removed"))
    assert fleet.publish() == {A: NONE}
    fleet.feed(at(30, IN))
    assert fleet.publish() == {A: ONE}


def test_who_fell_silent_counts_nowhere() -> None:
    fleet = Edge()
    fleet.feed(at(0, IN))
    fleet.publish()
    fleet.feed(at(700, NEXT, bike="other"))
    assert fleet.publish() == {A: NONE}
    fleet.feed(at(710, IN))
    assert fleet.publish() == {A: ONE}, "it is back"


def test_where_there_are_too_many_those_longest_silent_go() -> None:
    fleet = Edge(most_vehicles=10)
    fleet.feed(*(at(n, IN, bike=f"b{n}") for n in range(10)))
    assert fleet.publish() == {A: (10, 0, 0, 0, 0)}
    fleet.feed(at(300, NEXT, bike="more"), at(301, NEXT, bike="one more"))
    (left,) = fleet.publish().values()
    assert left == (8, 0, 0, 0, 0)


def test_who_passed_through_between_two_words_is_told_as_gone() -> None:
    """An earlier owner may have told it there, in words that came in between."""
    fleet = Edge()
    fleet.feed(at(0, NEXT), at(1, IN), at(2, BESIDE), at(3, NEXT))
    assert fleet.publish() == {A: NONE, Z: NONE}


def test_who_begins_again_tells_the_vehicles_on_file_and_goes_on() -> None:
    fleet = Edge()
    fleet.feed(at(0, IN), at(0, BESIDE, bike="b"), at(0, NEXT, bike="c"))
    fleet.publish(at_checkpoint=True)
    fleet.feed(at(10, BESIDE))
    fleet.publish()
    fleet.restart()
    assert fleet.publish() == {A: NONE, Z: (2, 0, 0, 0, 0)}
    fleet.feed(at(20, NEXT))
    assert fleet.publish() == {Z: ONE}


def test_messages_name_region_source_offset_and_areas() -> None:
    fleet = Edge()
    fleet.feed(at(0, IN))
    fleet.feed(at(1, FAR, bike="far"))
    fleet.publish()
    here, far = sorted(fleet.said, key=lambda one: len(one.counts.cell), reverse=True)
    assert (here.source, here.generation, here.offset, here.ground) == (0, 0, 1, GROUND.version)
    assert (here.owner, here.change) == (0, 0)
    assert far.region != here.region, "it hears that there is nothing else"
    assert far.counts.cell == []
    assert fleet.publish() == {}


def test_other_areas_are_told_anew_and_what_was_counted_in_the_former_before_them() -> None:
    fleet = Edge()
    fleet.feed(at(0, IN))
    fleet.publish()
    fleet.feed(at(10, BESIDE))
    both = ground(1, 2)
    fleet.fold.take_edges(both)
    assert fleet.publish() == {A: NONE, Z: ONE}
    assert [(one.ground, one.change) for one in fleet.said[1:]] == [(GROUND.version, 0), (both.version, 1)]
    fleet.fold.take_edges(both)
    assert fleet.publish() == {}, "they are the same"


def test_that_there_are_no_areas_any_more_is_told_once() -> None:
    fleet = Edge()
    fleet.feed(at(0, IN))
    fleet.publish(at_checkpoint=True)
    fleet.restart(None)
    assert fleet.publish(at_checkpoint=True) == {}
    (said,) = fleet.said[1:]
    assert (said.ground, said.counts.cell) == ("", [])
    fleet.restart(None)
    fleet.publish()
    assert len(fleet.said) == 2


def test_a_fleet_without_areas_looks_at_nothing() -> None:
    fleet = Edge(None)
    fleet.feed(at(0, IN))
    assert fleet.publish() == {}
    assert fleet.said == []
    assert isinstance(fleet.fold, FleetState)
    assert fleet.fold._folding.look is None
