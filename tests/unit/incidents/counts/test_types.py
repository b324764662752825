"""Rules on vehicles of some types: counted as the fleet told them by type, and what nobody has told is in doubt.

|    A    |    B    |    C    |     cells, a hundredth of a degree wide
|    [==============]               the harbour: from the middle of A to the end of B
"""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from schemas import codec
from schemas.alerts import Alert
from schemas.cells import CellsEdges, EdgeCounts
from streams.incidents.backtest import drafted, why_not
from streams.incidents.counts.edges import EdgeBook
from streams.incidents.counts.rules import Place
from streams.incidents.policy import Policy
from streams.incidents.policy_overview import lines
from streams.incidents.stays.ground import count_ground_version
from tests.unit.incidents.counts.folding import REGION, Counted
from tests.unit.incidents.counts.mds import (
    DEFAULT,
    START,
    cell_at,
    city,
    document,
    geography,
    identity,
    policy,
    read_all,
    rule,
)  # fmt: skip
from tests.unit.incidents.counts.test_edges import strip

A, B, C = (cell_at(column, 10) for column in (10, 11, 12))
MINUTE = 60_000
T0 = START + 60 * MINUTE
CITY = city(types="bicycle moped scooter_standing")
STANDING = {s: [] for s in ("available", "non_operational", "reserved", "non_contactable")}


def policy_of(*rules: dict[str, Any], **fields: Any) -> Policy:
    areas = [geography(1, strip(9.9, 11.5), "Harbour"), geography(2, strip(8.5, 12.5), "Coast")]
    read, findings = read_all(document([policy(1, *rules, **fields)], areas), CITY)
    assert not findings.errors, findings.errors
    return replace(read, default=replace(DEFAULT, capacity=10_000, min_duration_ms=MINUTE))


def mopeds(
    number: int = 7, *areas: int, types: tuple[str, ...] = ("moped",), **fields: Any
) -> dict[str, Any]:
    return rule(number, *(areas or (1,)), vehicle_types=list(types), **fields)


Row = tuple[str, str | None, int]
"""A cell, a type, and how many are available there in the harbour (in A), or wherever."""


class Looking(Counted):
    """A fold, the event time, and what a rule counts."""

    def __init__(self, read: Policy) -> None:
        super().__init__(read)
        self.at = T0
        self.area = read.counts[0].rules[0].area.area_id

    def cells(self, operator: str = "hello", on_trip: int = 0, **vehicles: int) -> list[Alert]:
        """Hear from the grid how many available vehicles are in A, B and C; a minute passes."""
        self.at += MINUTE
        places = {"a": A, "b": B, "c": C}
        return self.look(
            self.at, *((places[name], operator, (n, 0, 0, on_trip, 0)) for name, n in vehicles.items())
        )

    def word(
        self, *rows: Row, offset: int = 5, operator: str = "hello", ground: str = "", owner: int = 0,
        on_trip: bool = False,
    ) -> None:  # fmt: skip
        """Hear from a fleet: vehicles within the harbour where the cell is A or B."""
        zeros, counts = [0] * len(rows), [n for _, _, n in rows]
        states = [zeros, zeros, zeros, counts, zeros] if on_trip else [counts, zeros, zeros, zeros, zeros]
        inside = [[self.area] if cell in (A, B) else [] for cell, _, _ in rows]
        columns = EdgeCounts(
            *([cell for cell, _, _ in rows], [operator for _ in rows], inside, [[] for _ in rows], *states),
            vehicle_type=[type_ for _, type_, _ in rows],
        )
        self.fold_bytes(
            codec.encode(
                CellsEdges(
                    REGION, 0, 0, offset, owner, 0, ground or count_ground_version(self.policy), columns
                )
            )
        )

    def counts(self, number: int = 0) -> int:
        (tally,) = self.fold._counts._tallies_of(REGION)
        return sum(tally.counts[number].values())


# ------------------------------------------------------------------ reading


def test_a_rule_that_names_all_types_that_are_here_is_about_every_vehicle() -> None:
    (found,) = policy_of(mopeds(types=("moped", "bicycle", "scooter_standing", "car"))).counts[0].rules
    assert found.vehicle_types == frozenset()
    (some,) = policy_of(mopeds(types=("moped", "car", "cargo_bicycle"))).counts[0].rules
    assert some.vehicle_types == {"moped", "cargo_bicycle"}, "no reading says car"


def test_other_types_are_another_version_of_a_policy() -> None:
    one, other = policy_of(mopeds()), policy_of(mopeds(types=("bicycle",)))
    assert one.counts[0].version != other.counts[0].version


def test_trips_are_not_counted_by_type() -> None:
    text = document([policy(1, mopeds(rule_units="trips", minimum=1))], [geography(1, strip(9.9, 11.5))])
    _, findings = read_all(text, CITY)
    (error,) = findings.errors
    assert "trips are not counted by type, and bicycle, scooter_standing may be among them" in error


def test_the_overview_says_by_which_types_and_that_all_cells_are_counted_by_them() -> None:
    (line,) = lines(policy_of(mopeds(types=("moped", "bicycle"), maximum=5), provider_ids=["hello"]), CITY)
    assert line.what == "available reserved, bicycle moped, hello"
    assert line.cells == "1, and 1 by position, by type"


def test_the_overview_names_no_rule_before_it_on_other_types_or_states() -> None:
    on_trip = rule(9, 1, maximum=1, states={"on_trip": []})
    bikes = mopeds(8, types=("bicycle",), maximum=5)
    found = lines(policy_of(mopeds(7, maximum=5), bikes, on_trip, rule(10, 1, maximum=5)), CITY)
    before = [[name for name, _ in line.shared] for line in found]
    assert before == [[], [], [], ["rule 7", "rule 8"]]


def test_stored_windows_have_no_types() -> None:
    _, (not_judged,) = drafted(policy_of(mopeds(maximum=5, states=STANDING)))
    assert why_not(not_judged) == "it counts vehicles of some types, and windows do not store counts by type"


# ------------------------------------------------------------------ counting


def test_only_vehicles_of_its_types_count_for_a_rule() -> None:
    looking = Looking(policy_of(mopeds(maximum=5), mopeds(8, types=("bicycle", "scooter_standing"))))
    looking.word((A, "moped", 2), (B, "moped", 1), (A, "bicycle", 4), (B, "scooter_standing", 8))
    looking.cells(a=6, b=9)
    assert (looking.counts(0), looking.counts(1)) == (3, 12)
    looking.word((A, "moped", 0), (A, "bicycle", 6), offset=6)
    looking.cells()
    assert (looking.counts(0), looking.counts(1)) == (1, 14)


def test_a_rule_on_all_types_has_what_those_on_some_leave() -> None:
    looking = Looking(policy_of(mopeds(maximum=5), rule(8, 1, maximum=5)))
    looking.word((A, "moped", 2), (A, "bicycle", 4))
    looking.cells(a=6)
    assert (looking.counts(0), looking.counts(1)) == (2, 4)


def test_what_was_told_by_type_alone_counts_by_the_centre_of_its_cell() -> None:
    """Told for another area, or a share: of this one nobody was asked."""
    looking = Looking(policy_of(mopeds(8, 2, maximum=5)))
    looking.area = "another"
    looking.word((B, "moped", 2), (C, "moped", 4), (C, "bicycle", 1))
    looking.cells(b=2, c=5)
    assert looking.counts() == 6


def test_an_alert_says_of_which_types_and_how_many_too_many() -> None:
    looking = Looking(policy_of(mopeds(maximum=2)))
    looking.word((A, "moped", 3), (B, "moped", 1), (B, "bicycle", 9))
    looking.cells(a=3, b=10)
    (alert,) = looking.cells()
    assert alert.summary == (
        "4 vehicles of type moped in Harbour, at most 2 allowed by 'rule 7', 2 over (hello 4)"
    )
    assert alert.evidence.rule is not None
    assert (alert.evidence.rule.vehicle_types, alert.evidence.rule.excess) == (["moped"], 2)
    seen = looking.fold.seen(alert)
    assert seen is not None
    assert seen.value == "4 vehicles of type moped"


def test_crashes_change_nothing() -> None:
    looking = Looking(policy_of(mopeds(maximum=2)))
    looking.word((A, "moped", 3), (A, "bicycle", 1))
    looking.cells(a=4)
    looking.checkpoint()
    (alert,) = looking.cells()
    assert [one.alert_id for one in looking.crash()] == [alert.alert_id]
    looking.checkpoint()
    looking.crash()
    looking.word((A, "moped", 2), (A, "bicycle", 2), offset=6)
    (cleared,) = looking.cells()
    assert (cleared.alert_id, cleared.status, looking.counts()) == (alert.alert_id, "cleared", 2)


# ------------------------------------------------------------------ doubt


def test_vehicles_whose_type_nobody_told_are_not_too_many() -> None:
    looking = Looking(policy_of(mopeds(maximum=2)))
    looking.cells(a=9)
    assert looking.cells() == []
    assert looking.counts() == 0


def test_nor_are_they_too_few_until_it_is_told() -> None:
    looking = Looking(policy_of(mopeds(minimum=5)))
    looking.cells(a=9)
    assert looking.cells() == []
    looking.word((A, "moped", 3), (A, "bicycle", 4))
    looking.cells()
    assert looking.cells() == [], "two are left, so that it may be five"
    looking.word((A, "moped", 3), (A, "bicycle", 5), offset=6)
    looking.cells()
    (alert,) = looking.cells()
    assert (alert.kind, alert.starts_at) == ("too_few", looking.at - MINUTE), "four at the most"


@pytest.mark.parametrize(("bound", "before", "over"), [("maximum", 6, 3), ("minimum", 3, 6)])
def test_what_was_told_stays_while_it_is_in_doubt(bound: str, before: int, over: int) -> None:
    looking = Looking(policy_of(mopeds(**{bound: 5 if bound == "maximum" else 4})))
    looking.word((A, "moped", before), (A, "bicycle", 4), ground="another")
    looking.cells(a=before + 4)
    (alert,) = looking.cells()
    looking.word((A, "moped", 1), (A, "bicycle", 1), owner=1)
    assert looking.cells() == [], "a source that begins to look for other areas"
    looking.word((A, "moped", over), (A, "bicycle", before + 4 - over), owner=1)
    (cleared,) = looking.cells()
    assert (cleared.alert_id, cleared.status) == (alert.alert_id, "cleared")


@pytest.mark.parametrize(("there", "waits"), [(11, True), (5, False)], ids=["in doubt", "within bounds"])
def test_what_waits_goes_on_while_counts_of_several_times_leave_it_in_doubt(there: int, waits: bool) -> None:
    """Of five it is told that they are mopeds; of the others that may be there nobody knows."""
    fold = Looking(policy_of(mopeds(maximum=10)))
    fold.word((A, "moped", 11))
    assert fold.cells(a=11) == []
    began, read = fold.at, fold.at + 60 * MINUTE
    fold.word((A, "moped", 5), offset=6)
    assert fold.look(began + 1, (A, "hello", (there, 0, 0, 0, 0)), ahead=read) == []
    fold.word((A, "moped", 11), offset=7)
    told = fold.look(read, (A, "hello", (11, 0, 0, 0, 0)))
    assert [alert.starts_at for alert in told] == ([began] if waits else [])


def test_too_few_are_told_where_others_leave_all_the_time() -> None:
    """Four mopeds where five are wanted. Who left by the word of the fleet, not yet by that of the grid, may be one."""
    looking = Looking(policy_of(mopeds(minimum=5)))
    looking.word((A, "moped", 4), (A, "bicycle", 40))
    assert looking.cells(a=44) == []
    begin, told = looking.at, []
    for left in range(39, 30, -1):
        looking.word((A, "moped", 4), (A, "bicycle", left), offset=100 - left)
        looking.at = begin + (39 - left) * 20_000 - MINUTE
        told += looking.cells()
        looking.at -= MINUTE
        told += looking.cells(a=4 + left)
    [alert] = told
    assert (alert.kind, alert.starts_at, alert.updated_at) == ("too_few", begin, begin + MINUTE)


def test_an_alert_says_how_many_are_in_doubt_and_so_does_whoever_looks_again() -> None:
    looking = Looking(policy_of(mopeds(maximum=2)))
    looking.word((A, "moped", 3))
    looking.cells(a=7)
    (alert,) = looking.cells()
    assert alert.summary == (
        "3 vehicles of type moped in Harbour, at most 2 allowed by 'rule 7', 1 over (hello 3), "
        "the type of 4 more is not known yet"
    )
    assert alert.evidence.rule is not None
    assert (alert.evidence.rule.count, alert.evidence.rule.in_doubt) == (3, 4)
    looking.word((A, "moped", 3), (A, "bicycle", 3), offset=6)
    seen = looking.fold.seen(alert)
    assert seen is not None
    assert seen.value == "3 vehicles of type moped, the type of 1 more is not known yet"


def test_of_a_share_those_in_doubt_elsewhere_are_told_too() -> None:
    looking = Looking(policy_of(mopeds(rule_units="percent", maximum=50)))
    looking.word((A, "moped", 4), (C, "bicycle", 3))
    looking.cells(a=4, c=5)
    (alert,) = looking.cells()
    assert alert.summary.endswith("2 over, the type of 2 more is not known yet")
    assert alert.evidence.rule is not None
    assert (alert.evidence.rule.count, alert.evidence.rule.of, alert.evidence.rule.in_doubt) == (4, 4, 2)
    seen = looking.fold.seen(alert)
    assert seen is not None
    assert seen.value == "4 vehicles of type moped, the type of 2 more is not known yet"


def test_a_rule_that_is_over_is_so_whatever_is_in_doubt() -> None:
    hour = T0 - T0 % 86_400_000 + 86_400_000
    looking = Looking(
        policy_of(mopeds(minimum=5, rule_units="percent", start_time="00:00:00", end_time="00:59:59"))
    )
    looking.at = hour
    looking.word((A, "moped", 1), (C, "moped", 99))
    looking.cells(a=1, c=99)
    (alert,) = looking.cells()
    looking.word(owner=1, ground="another")
    looking.at += 60 * MINUTE
    (cleared,) = looking.cells()
    assert (cleared.alert_id, cleared.status) == (alert.alert_id, "cleared")


def test_who_may_be_of_an_earlier_rule_is_in_doubt_for_the_one_on_all_types_too() -> None:
    looking = Looking(policy_of(mopeds(), rule(8, 1, maximum=5)))
    looking.cells(a=6)
    assert looking.cells() == [], "they may all be mopeds"
    looking.word((A, "moped", 0), (A, "bicycle", 6))
    looking.cells()
    (alert,) = looking.cells()
    assert (alert.subject, alert.kind) == (identity(8), "too_many")


def test_the_types_of_those_that_a_rule_on_all_types_has_first_are_of_no_interest() -> None:
    looking = Looking(policy_of(rule(7, 1, maximum=5), mopeds(8)))
    looking.cells(a=6)
    (alert,) = looking.cells()
    assert alert.subject == identity(7)


# ------------------------------------------------------------------ shares


def test_a_share_is_of_the_vehicles_of_these_types() -> None:
    looking = Looking(policy_of(mopeds(rule_units="percent", maximum=50)))
    looking.word((A, "moped", 4), (A, "bicycle", 9), (C, "moped", 2), (C, "bicycle", 90))
    looking.cells(a=13, c=92)
    (alert,) = looking.cells()
    assert alert.summary == (
        "4 of 6 vehicles of type moped of hello (66.67 %) are in Harbour, at most 50 % allowed by 'rule 7', 1 over"
    )
    looking.word((C, "moped", 4), (C, "bicycle", 88), offset=6)
    (cleared,) = looking.cells()
    assert (cleared.alert_id, cleared.status) == (alert.alert_id, "cleared")


def test_a_share_is_in_doubt_while_it_is_not_known_how_many_there_are_elsewhere() -> None:
    looking = Looking(policy_of(mopeds(rule_units="percent", maximum=50)))
    looking.word((A, "moped", 4), (A, "bicycle", 9))
    looking.cells(a=13, c=92)
    assert looking.cells() == [], "four of four, or four of 96"
    looking.word((C, "bicycle", 89), offset=6)
    looking.cells()
    (alert,) = looking.cells()
    assert alert.evidence.rule is not None
    assert (alert.evidence.rule.count, alert.evidence.rule.of) == (4, 4), "four of seven at the least"


def test_a_share_is_in_doubt_as_long_as_nobody_has_told_any_type() -> None:
    looking = Looking(policy_of(mopeds(rule_units="percent", minimum=50)))
    looking.cells(a=4, c=5)
    assert looking.cells() == []
    looking.word((A, "moped", 4), (C, "moped", 5))
    looking.cells()
    (alert,) = looking.cells()
    assert alert.evidence.rule is not None
    assert (alert.evidence.rule.count, alert.evidence.rule.of) == (4, 9)


def test_vehicles_told_by_position_and_not_by_type_may_be_of_any() -> None:
    looking = Looking(policy_of(mopeds(rule_units="percent", maximum=50)))
    looking.word((A, "moped", 4), (C, None, 5))
    looking.cells(a=4, c=5)
    assert looking.cells() == [], "four of four, or four of nine"


def test_a_share_of_all_types_is_in_doubt_while_those_there_may_be_of_an_earlier_rule() -> None:
    looking = Looking(policy_of(mopeds(), rule(8, 1, rule_units="percent", minimum=50)))
    looking.cells(a=6, c=6)
    assert looking.cells() == [], "none of twelve, or six"
    looking.word((A, "moped", 6))
    looking.cells()
    (alert,) = looking.cells()
    assert (alert.subject, alert.kind) == (f"{identity(8)}/hello", "too_few")


def test_utilization_is_told_where_it_is_too_high_whoever_is_in_doubt() -> None:
    """Six mopeds of six are on a trip. Three vehicles that stand may be mopeds, too, and so may one on a trip."""
    states = {"available": [], "on_trip": []}
    looking = Looking(policy_of(mopeds(rule_units="utilization", maximum=60, states=states)))
    looking.word((A, "moped", 6), on_trip=True)
    looking.cells(a=3, on_trip=7)
    (alert,) = looking.cells()
    assert alert.evidence.rule is not None
    assert (alert.evidence.rule.count, alert.evidence.rule.of, alert.evidence.rule.in_doubt) == (6, 6, 4)


def test_utilization_is_not_in_doubt_where_all_types_are_known_from_the_beginning() -> None:
    states = {"available": [], "on_trip": []}
    looking = Looking(policy_of(mopeds(rule_units="utilization", minimum=30, states=states)))
    looking.word((A, "moped", 2))
    looking.cells(a=2)
    (alert,) = looking.cells()
    assert alert.evidence.rule is not None
    assert (alert.evidence.rule.count, alert.evidence.rule.of) == (0, 2)


def test_utilization_is_of_the_vehicles_of_these_types_there() -> None:
    states = {"available": [], "on_trip": []}
    looking = Looking(policy_of(mopeds(rule_units="utilization", minimum=50, states=states)))
    looking.cells(a=4)
    looking.cells(b=0, on_trip=1)
    looking.word((A, "moped", 1), (A, "bicycle", 3))
    assert looking.cells() == [], "who is on a trip may be the second moped"
    looking.word((B, "bicycle", 1), offset=6, on_trip=True)
    looking.cells()
    (alert,) = looking.cells()
    assert alert.evidence.rule is not None
    assert (alert.evidence.rule.count, alert.evidence.rule.of) == (0, 1)


# ------------------------------------------------------------------ what earlier versions said and saved


class _Heard:
    """Who is told how many are where."""

    def __init__(self) -> None:
        self.moves: list[tuple[Place, int]] = []

    def part_moved(self, region: str, place: Place, operator: str, before: Any, after: Any) -> None:
        self.moves.append((place, after[0]))


def test_a_message_without_types_is_one_of_vehicles_of_any_type() -> None:
    old = {
        "type": "edges", "region": REGION, "source": 0, "generation": 0, "offset": 5, "owner": 0, "change": 0,
        "ground": "g", "counts": {
            "cell": [A], "operator": ["hello"], "inside": [["x"]], "outside": [[]], "available": [3],
            "non_operational": [0], "reserved": [0], "on_trip": [0], "non_contactable": [0],
        },
    }  # fmt: skip
    message = msgspec.json.decode(msgspec.json.encode(old), type=CellsEdges)
    heard = _Heard()
    book = EdgeBook(heard)
    assert book.problem(message) == ""
    list(book.apply(message, None))  # type: ignore[arg-type]
    assert heard.moves == [(Place(A, ("x",), (), ""), 3)]


def test_what_an_earlier_version_saved_is_of_no_known_type() -> None:
    heard = _Heard()
    saved = msgspec.msgpack.encode([[0, "hello", ["x"], [], 5, [3, 0, 0, 0, 0]]])
    EdgeBook(heard).restore(f"at/{REGION}/{A}", saved)
    assert heard.moves == [(Place(A, ("x",), (), ""), 3)]


def test_a_column_of_types_of_another_length_is_refused() -> None:
    counts = EdgeCounts([A], ["hello"], [[]], [[]], [1], [0], [0], [0], [0], vehicle_type=[])
    assert "columns of 0, 1 values" in EdgeBook(_Heard()).problem(
        CellsEdges(REGION, 0, 0, 5, 0, 0, "g", counts)
    )
