"""What a file may say about trips per vehicle and day, and every mistake in it."""

import pytest

from streams.incidents.backtest import drafted
from streams.incidents.policy_change import told_otherwise
from streams.incidents.policy_overview import lines
from tests.unit.incidents.counts.mds import START, city, document, policy, read_all, rule
from tests.unit.incidents.trips.riding import AREAS, policy_of, trip_rule


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"minimum": "2"}, "minimum: is '2'; a number of 0 or more is expected"),
        ({"minimum": True}, "minimum: is True; a number of 0 or more is expected"),
        ({"maximum": -0.5}, "maximum: is -0.5; a number of 0 or more is expected"),
        ({"minimum": 2.5, "maximum": 2}, "minimum: is 2.5; it must not exceed the maximum of 2"),
        ({}, "a rule on trips without bounds has no effect; give a minimum or maximum"),
        ({"minimum": 1, "days": ["mon"]}, "days: is ['mon']; trips are counted over a whole day"),
        (
            {"minimum": 1, "end_time": "12:00:00"},
            "end_time: is '12:00:00'; trips are counted over a whole day",
        ),
        (
            {"maximum": 1, "inclusive_maximum": False},
            "inclusive_maximum: is False; bounds on trips are inclusive",
        ),
        (
            {"minimum": 1, "vehicle_types": ["bicycle", "bus"], "geographies": []},
            "a list of UUIDs of geographies",
        ),
    ],
)
def test_mistakes_of_rules_on_trips_are_named(fields: dict[str, object], says: str) -> None:
    _, findings = read_all(document([policy(1, trip_rule(7, 1, **fields))], AREAS), city())
    assert any(says in error for error in findings.errors), findings.errors


def test_a_rule_on_trips_takes_no_vehicles_from_rules_on_numbers() -> None:
    read = policy_of(trip_rule(7, 1, minimum=0.5), rule(8, 1, maximum=10))
    assert [len(one.rules) for one in (*read.counts, *read.trips)] == [1, 1]
    [rated] = read.trips[0].rules
    assert (rated.minimum, rated.maximum, rated.zone) == (0.5, None, "Harbour")
    assert rated.states == ("available", "non_operational", "reserved", "on_trip", "non_contactable")


def test_rules_on_trips_are_listed_with_their_bounds() -> None:
    read = policy_of(trip_rule(7, 1, minimum=0.5, maximum=8), trip_rule(8, 1, 2, minimum=1))
    found = [(line.name, line.bounds, line.what, line.shared) for line in lines(read, city())]
    assert found == [
        ("rule 7", "at least 0.5, at most 8 trips a vehicle and day", "all states, all operators", ()),
        ("rule 8", "at least 1 trips a vehicle and day", "all states, all operators", (("rule 7", 4),)),
    ]


def test_stored_windows_have_no_trips_to_judge() -> None:
    draft, not_judged = drafted(policy_of(trip_rule(7, 1, minimum=0.5)))
    assert (len(draft.trips), not_judged) == (1, ())


def test_a_policy_that_changes_after_it_began_is_said_to_be_told_otherwise() -> None:
    old, new = (policy_of(trip_rule(7, 1, minimum=n)) for n in (1, 2))
    assert "changed after it began" in told_otherwise(old, new, START + 1)
    assert told_otherwise(old, new, START - 1) == ""
