"""Rules count what is in their geographies by position, where the fleet has told it.

|    A    |    B    |    C    |     cells, a hundredth of a degree wide
|    [==============]                     the harbour: from the middle of A on
|         |         [=========]           the market, all of C, where a test has it
"""

from typing import Any

import pytest

from schemas import codec
from schemas.alerts import Alert
from schemas.cells import CellsEdges, EdgeCounts
from schemas.rejected import Rejected
from streams import topics
from streams.incidents.counts.crowd import Crowd
from streams.incidents.counts.rules import NONE, Place
from streams.incidents.policy import Policy
from streams.incidents.stays.ground import count_ground_version
from tests.unit.incidents.counts.folding import REGION, Counted
from tests.unit.incidents.counts.mds import (
    START,
    cell_at,
    document,
    geography,
    identity,
    policy,
    read_all,
    rule,
)

A, B, C = (cell_at(column, 10) for column in (10, 11, 12))
MINUTE = 60_000


def strip(west: float, east: float) -> dict[str, Any]:
    """Return a rectangle as high as a cell, from and to so many hundredths of a degree."""
    low, high = 0.095, 0.105
    ring = [[west / 100, low], [east / 100, low], [east / 100, high], [west / 100, high], [west / 100, low]]
    return {"type": "Polygon", "coordinates": [ring]}


def policy_of(*rules: dict[str, Any], west: float = 9.9, **fields: Any) -> Policy:
    areas = [geography(1, strip(west, 11.5), "Harbour"), geography(2, strip(11.5, 12.5), "Market")]
    read, findings = read_all(document([policy(1, *rules, **fields)], areas))
    assert not findings.errors
    return read


HARBOUR = policy_of(rule(7, 1, maximum=1))
AREA = HARBOUR.counts[0].rules[0].area.area_id


def word(
    offset: int, *rows: tuple[str, bool, int], source: int = 0, generation: int = 0, owner: int = 0,
    ground: str = "g", operator: str = "hello", area: str = AREA, state: str = "available", change: int = 0,
) -> bytes:  # fmt: skip
    """Return a message of a fleet; of each row cell, whether in the harbour, and how many."""
    states = ("available", "non_operational", "reserved", "on_trip", "non_contactable")
    counts = [[n if one == state else 0 for _, _, n in rows] for one in states]
    inside = [[area] if within else [] for _, within, _ in rows]
    outside = [[] if within else [area] for _, within, _ in rows]
    columns = EdgeCounts([cell for cell, _, _ in rows], [operator for _ in rows], inside, outside, *counts)
    return codec.encode(CellsEdges(REGION, source, generation, offset, owner, change, ground, columns))


class Looking(Counted):
    """A fold of which one asks what a rule counts."""

    def counts(self, number: int = 0) -> int:
        self.look(START)
        (tally,) = self.fold._counts._tallies_of(REGION)
        return sum(tally.counts[number].values())

    def cells(self, operator: str = "hello", **vehicles: int) -> list[Alert]:
        """Hear from the grid how many available vehicles are in A, B and C."""
        places = {"a": A, "b": B, "c": C}
        return self.look(START, *((places[name], operator, (n, 0, 0, 0, 0)) for name, n in vehicles.items()))


def fold(read: Policy = HARBOUR) -> Looking:
    made = Looking(read)
    made.cells(a=4, b=0)
    return made


def test_the_cell_on_the_edge_is_known() -> None:
    assert (HARBOUR.counts[0].rules[0].cells, HARBOUR.counts[0].rules[0].edge) == ({A, B}, {A})


def test_where_nothing_was_told_by_position_the_centre_of_the_cell_decides() -> None:
    assert fold().counts() == 4
    assert fold(policy_of(rule(7, 1, maximum=1), west=10.1)).counts() == 0


@pytest.mark.parametrize("west", [9.9, 10.1])
def test_what_was_told_by_position_counts_by_it_wherever_the_centre_is(west: float) -> None:
    read = policy_of(rule(7, 1, maximum=1), west=west)
    looking = fold(read)
    area = read.counts[0].rules[0].area.area_id
    looking.fold_bytes(word(5, (A, True, 3), (A, False, 1), area=area))
    assert looking.counts() == 3
    looking.fold_bytes(word(6, (A, True, 2), (A, False, 2), area=area))
    assert looking.counts() == 2
    looking.cells(b=5)
    assert looking.counts() == 7


def test_vehicles_of_sources_that_have_not_spoken_count_by_the_centre() -> None:
    looking = fold()
    looking.fold_bytes(word(5, (A, True, 1), (A, False, 1)))
    assert looking.counts() == 1 + 2, "one in, one out, and two of another source"
    looking.fold_bytes(word(9, (A, False, 2), source=1))
    assert looking.counts() == 1
    looking.fold_bytes(word(10, (A, True, 2), (A, False, 0), source=1))
    assert looking.counts() == 3


def test_words_that_are_ahead_of_the_grid_count_at_once() -> None:
    looking = fold()
    looking.fold_bytes(word(5, (A, True, 4), (A, False, 3)))
    assert looking.counts() == 4
    looking.cells(a=7)
    assert looking.counts() == 4


def test_a_repeat_and_an_older_word_change_nothing() -> None:
    looking = fold()
    looking.fold_bytes(word(5, (A, True, 0), (A, False, 4)))
    for _ in range(2):
        looking.fold_bytes(word(4, (A, True, 4), (A, False, 0)))
        looking.fold_bytes(word(5, (A, True, 0), (A, False, 4)))
    assert looking.counts() == 0


def test_a_worker_that_lost_its_partition_and_looks_for_other_areas_is_not_heard() -> None:
    looking = fold()
    looking.fold_bytes(word(5, (A, False, 4), ground="old"))
    looking.fold_bytes(word(3, (A, True, 4), owner=1))
    assert looking.counts() == 4
    looking.fold_bytes(word(6, (A, True, 0), (A, False, 4), ground="old"))
    assert looking.counts() == 4
    looking.fold_bytes(word(4, (A, True, 3), (A, False, 1), owner=1))
    assert looking.counts() == 3
    looking.fold_bytes(word(5, (A, False, 4), ground="old", owner=2))
    assert looking.counts() == 0, "the next owner went back to them"
    looking.fold_bytes(word(4, (A, True, 3), (A, False, 1), owner=1))
    assert looking.counts() == 0


def test_a_former_owner_that_looks_for_the_same_areas_says_what_is_so() -> None:
    looking = fold()
    looking.fold_bytes(word(3, (A, False, 4), owner=1))
    looking.fold_bytes(word(5, (A, True, 1), (A, False, 3)))
    assert looking.counts() == 1, "it has read further"
    looking.fold_bytes(word(4, (A, False, 4), owner=1))
    assert looking.counts() == 1


def test_a_log_that_was_begun_anew_counts_and_the_one_before_it_no_more() -> None:
    looking = fold()
    looking.fold_bytes(word(900, (A, False, 4)))
    looking.fold_bytes(word(0, (A, True, 4), generation=1, owner=1))
    looking.fold_bytes(word(901, (A, True, 0), (A, False, 4)))
    assert looking.counts() == 4


def test_words_of_other_areas_leave_a_cell_to_its_centre() -> None:
    looking = fold()
    looking.fold_bytes(word(5, (A, False, 4), area="another"))
    assert looking.counts() == 4


def test_the_first_rule_that_holds_a_position_takes_the_vehicle() -> None:
    """The second rule has harbour and market: it counts what the harbour's rule leaves."""
    read = policy_of(rule(7, 1, maximum=1, states={"available": []}), rule(8, 2, 1, maximum=1))
    first, second = (one.area.area_id for one in read.counts[0].rules)
    looking = fold(read)
    looking.cells(c=5)
    for state, offset in (("available", 5), ("reserved", 6)):
        counts = EdgeCounts(
            [A, A], ["hello"] * 2, [[first, second], []], [[], [first, second]],
            *([n if one == state else 0 for n in (3, 1)] for one in ("available", "", "reserved", "", "")),
        )  # fmt: skip
        looking.fold_bytes(codec.encode(CellsEdges(REGION, 0, 0, offset, 0, 0, "g", counts)))
        expected = {"available": (3, 5), "reserved": (0, 5 + 3)}[state]
        if state == "reserved":
            looking.look(START, (A, "hello", (0, 0, 4, 0, 0)))
        assert (looking.counts(0), looking.counts(1)) == expected


Step = tuple[int, int] | bytes
"""How many available bikes A and B hold by the counts of cells, or what a fleet says."""


def judged(read: Policy, *steps: Step) -> list[tuple[int, str]]:
    """Return after which steps what is told, with a look five minutes after each."""
    looking, told = Looking(read), []
    for number, step in enumerate(steps):
        if isinstance(step, bytes):
            looking.fold_bytes(step)
        counts = () if isinstance(step, bytes) else step
        rows = [(cell, "hello", (n, 0, 0, 0, 0)) for cell, n in zip((A, B), counts, strict=False)]
        told += [(number, one.action) for one in looking.look(START + number * 5 * MINUTE, *rows)]
    return told


@pytest.mark.parametrize("west", [9.9, 10.1])
def test_a_bike_that_goes_from_the_edge_to_the_midst_is_never_missed(west: float) -> None:
    """Its position is told at once, the counts of cells come later: wherever the centre of A is, two are there."""
    read = policy_of(rule(7, 1, maximum=1), west=west)
    area, ground = read.counts[0].rules[0].area.area_id, count_ground_version(read)
    there, gone = (
        word(5 + number, (A, True, n), area=area, ground=ground) for number, n in enumerate((1, 0))
    )
    told = judged(read, there, (1, 1), (1, 1), gone, (0, 2), (0, 1))
    assert told == [(2, "raised"), (5, "cleared")]


def test_a_bike_that_goes_from_the_midst_to_the_edge_is_not_counted_twice() -> None:
    read = policy_of(rule(7, 1, minimum=3))
    words = [word(5 + n, (A, True, n), ground=count_ground_version(read)) for n in range(4)]
    told = judged(read, words[0], (0, 2), (0, 2), words[1], (1, 1), words[2], (2, 0), words[3], (3, 0))
    assert told == [(1, "raised"), (8, "cleared")]


@pytest.mark.parametrize(("minimum", "raised"), [(50, False), (51, True)])
def test_nor_is_it_in_a_share_of_those_on_a_trip(minimum: int, raised: bool) -> None:
    """One of two rides, from the midst to the edge: they are one of two all the time."""
    states = {"states": {"available": [], "on_trip": []}, "rule_units": "utilization"}
    read = policy_of(rule(7, 1, minimum=minimum, **states))
    looking, ground = Looking(read), count_ground_version(read)
    looking.fold_bytes(word(5, (A, True, 0), state="on_trip", ground=ground))
    told = looking.look(START, (A, "hello", (0, 0, 0, 0, 0)), (B, "hello", (1, 0, 0, 1, 0)))
    told += looking.look(START + 5 * MINUTE)
    assert len(told) == raised
    looking.fold_bytes(word(6, (A, True, 1), state="on_trip", ground=ground))
    assert looking.look(START + 10 * MINUTE) == []
    assert (
        looking.look(START + 15 * MINUTE, (A, "hello", (0, 0, 0, 1, 0)), (B, "hello", (1, 0, 0, 0, 0))) == []
    )


def raised_though(
    read: Policy, settled: bytes, *rows: tuple[str, str, tuple[int, ...]], subject: str
) -> bool:
    """Return whether an alert comes of these counts of cells, after a word by position that is not theirs."""
    looking = Looking(read)
    looking.fold_bytes(settled)
    assert looking.look(START, *rows) == []
    return [alert.subject for alert in looking.look(START + 5 * MINUTE)] == [subject]


def test_vehicles_between_two_places_hold_nothing_back_that_is_not_about_them() -> None:
    """Eleven are too many. Those of whom the word by position is still to come might make many more of them."""
    read = policy_of(rule(7, 1, maximum=10), rule(8, 2, maximum=10))
    ground = count_ground_version(read)
    eleven, nobody = word(5, (A, True, 11), ground=ground), word(5, (A, True, 0), ground=ground)
    assert raised_though(read, eleven, (A, "hello", (11, 0, 0, 20, 0)), subject=identity(7)), "on a trip"
    in_the_market = (C, "hello", (11, 0, 0, 0, 0))
    assert raised_though(
        policy_of(rule(7, 1, maximum=1_000), rule(8, 2, maximum=10)),
        *(nobody, (A, "hello", (20, 0, 0, 0, 0)), in_the_market),
        subject=identity(8),
    )
    share = policy_of(rule(7, 1, rule_units="percent", maximum=50), provider_ids=["hello", "mobike"])
    others = word(5, (A, True, 0), operator="mobike", ground=count_ground_version(share))
    assert raised_though(
        *(share, others, (B, "hello", (4, 0, 0, 0, 0)), (C, "hello", (2, 0, 0, 0, 0))),
        *((A, "mobike", (5, 0, 0, 0, 0)), (C, "mobike", (55, 0, 0, 0, 0))),
        subject=f"{identity(7)}/hello",
    )


def test_a_place_that_all_have_left_is_none_any_more() -> None:
    crowd, place, one = Crowd(), Place(A, (AREA,)), (1, 0, 0, 0, 0)
    list(crowd.part_moved(place, "hello", NONE, one))
    assert list(crowd.places(A, "hello")) == [place]
    list(crowd.part_moved(place, "hello", one, NONE))
    assert list(crowd.places(A, "hello")) == []


def test_each_operator_counts_by_its_own_words() -> None:
    looking = fold(policy_of(rule(7, 1, maximum=1), provider_ids=["hello"]))
    looking.cells("mobike", a=4)
    looking.fold_bytes(word(5, (A, True, 4), operator="mobike"))
    looking.fold_bytes(word(5, (A, True, 1), (A, False, 3)))
    assert looking.counts() == 1


def test_a_share_is_of_those_inside_by_position() -> None:
    looking = fold(policy_of(rule(7, 1, rule_units="percent", maximum=50)))
    looking.cells(c=2)
    looking.fold_bytes(word(5, (A, True, 1), (A, False, 3)))
    assert looking.look(START + 2 * MINUTE) == []
    looking.fold_bytes(word(6, (A, True, 4), (A, False, 0)))
    looking.look(START + 3 * MINUTE)
    [alert] = looking.look(START + 6 * MINUTE)
    assert alert.evidence.rule is not None
    assert (alert.evidence.rule.count, alert.evidence.rule.of, alert.evidence.rule.cells) == (4, 6, 2)


def test_what_was_told_outlives_a_crash_and_is_summed_anew_when_rules_come_into_effect() -> None:
    looking = fold(policy_of(rule(7, 1, maximum=1, start_time="00:00:00", end_time="11:59:59")))
    looking.fold_bytes(word(5, (A, True, 3), (A, False, 1)))
    looking.checkpoint()
    looking.fold_bytes(word(6, (A, True, 2), (A, False, 2)))
    looking.crash()
    noon = START - START % 86_400_000 + 12 * 3_600_000
    looking.look(noon)
    (tally,) = looking.fold._counts._tallies_of(REGION)
    assert tally.counts == [{}], "out of effect"
    looking.look(noon + 12 * 3_600_000)
    assert tally.counts == [{"hello": 2}]
    looking.fold_bytes(word(5, (A, True, 3), (A, False, 1)))
    looking.look(noon + 12 * 3_600_000)
    assert tally.counts == [{"hello": 2}], "what was heard before the crash is known after it"


def test_another_policy_counts_by_what_was_told_of_its_areas() -> None:
    looking = fold()
    looking.fold_bytes(word(5, (A, True, 3), (A, False, 1)))
    looking.fold.take_policy(policy_of(rule(9, 1, maximum=1), rule(10, 2)))
    assert looking.counts() == 3, "the same area in another rule"


def test_columns_of_unequal_length_are_refused() -> None:
    looking = fold()
    counts = EdgeCounts([A], [], [], [], [], [], [], [], [])
    looking.fold_bytes(codec.encode(CellsEdges(REGION, 0, 0, 5, 0, 0, "g", counts)))
    refused: Rejected = codec.rejected.decode(
        next(one.value for one in looking.outputs if one.topic == topics.REJECTED)
    )
    assert "columns of 0, 1 values" in str(refused)


def alerts_of(looking: Looking, minute: int) -> list[tuple[str, int]]:
    told = looking.look(START + minute * MINUTE)
    return [(one.action, one.evidence.rule.count) for one in told if one.evidence.rule is not None]


@pytest.mark.parametrize("fleet_first", [True, False])
def test_an_alert_of_a_rule_whose_outline_is_drawn_anew_goes_on_where_it_is_broken_by_both(
    fleet_first: bool,
) -> None:
    """The centre of A lies outside of both outlines: by it nobody is in the harbour."""
    before, after = (policy_of(rule(7, 1, maximum=1), west=west) for west in (10.1, 10.2))
    (old, new) = (count_ground_version(one) for one in (before, after))
    (area, redrawn) = (one.counts[0].rules[0].area.area_id for one in (before, after))
    looking = fold(before)
    looking.fold_bytes(word(5, (A, True, 2), (A, False, 2), area=area, ground=old))
    looking.fold_bytes(word(5, (A, False, 0), area=area, ground=old, source=1))
    assert alerts_of(looking, 0) == []
    assert alerts_of(looking, 3) == [("raised", 2)]
    told = [
        word(6, (A, True, 2), (A, False, 2), area=redrawn, ground=new, change=1),
        word(6, area=redrawn, ground=new, change=1, source=1),
    ]
    if fleet_first:
        looking.fold_bytes(told[0])
        assert alerts_of(looking, 4) == []
    looking.fold.take_policy(after)
    assert alerts_of(looking, 5) == []
    looking.checkpoint()
    looking.crash(after)
    looking.fold_bytes(told[0])
    assert alerts_of(looking, 6) == []
    looking.fold_bytes(told[1])
    assert alerts_of(looking, 7) == []
    looking.fold_bytes(word(7, (A, True, 1), (A, False, 3), area=redrawn, ground=new, change=1))
    assert alerts_of(looking, 8) == [("cleared", 1)]


def test_an_alert_that_the_outline_drawn_anew_does_not_bear_out_is_cleared_once_all_have_told_of_it() -> None:
    before, after = (policy_of(rule(7, 1, maximum=1), west=west) for west in (10.1, 10.2))
    looking = fold(before)
    area, redrawn = (one.counts[0].rules[0].area.area_id for one in (before, after))
    looking.fold_bytes(word(5, (A, True, 3), (A, False, 1), area=area, ground=count_ground_version(before)))
    alerts_of(looking, 0)
    assert alerts_of(looking, 3) == [("raised", 3)]
    looking.fold.take_policy(after)
    assert alerts_of(looking, 4) == []
    looking.fold_bytes(word(6, (A, False, 4), area=redrawn, ground=count_ground_version(after), change=1))
    assert alerts_of(looking, 5) == [("cleared", 0)]


@pytest.mark.parametrize("left", [False, True])
def test_a_source_that_has_nobody_there_any_more_holds_no_alert_open(left: bool) -> None:
    """It is told of no more, so it never tells by the areas of the newer file."""
    before, after = (policy_of(rule(7, 1, maximum=1), *more, west=10.1) for more in ((), (rule(8, 2),)))
    area = before.counts[0].rules[0].area.area_id
    looking = fold(before)
    if left:
        looking.fold_bytes(word(5, area=area, ground=count_ground_version(before)))
    looking.fold.take_policy(after)
    new = count_ground_version(after)
    told = []
    for offset, n in ((6, 2), (7, 9), (8, 0)):
        rows = (A, True, n), (A, False, max(0, 4 - n))
        looking.fold_bytes(word(offset, *rows, area=area, ground=new, change=1, source=1))
        told += alerts_of(looking, 10 * offset) + alerts_of(looking, 10 * offset + 5)
    assert told == [("raised", 2), ("updated", 9), ("cleared", 0)]
