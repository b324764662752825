"""What a file may say about speed, and every mistake in it."""

from datetime import UTC
from typing import Any

import pytest

from streams.incidents.policy_change import told_otherwise
from streams.incidents.policy_overview import lines
from streams.incidents.speeds.judge import End, Move, judge
from tests.pipeline import T0
from tests.unit.incidents.counts.mds import document, geography, policy
from tests.unit.incidents.speeds.rides import speed_rule
from tests.unit.incidents.stays.zones import CITY, PLAZA, TOWN, feature, gbfs, mds, parsed, time_rule


def errors(**fields: Any) -> list[str]:
    made = policy(1, speed_rule(7, 1, **{"maximum": 20, **fields}))
    _, findings = parsed(document([made], [geography(1, PLAZA, "Plaza")]))
    return findings.errors


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"rule_units": "devices"}, "rule_units: is 'devices'; one of kph, mph, kmh is expected"),
        ({"rule_units": {}}, "rule_units: is {}; one of kph, mph, kmh is expected"),
        ({"rule_units": None}, "rule_units: is None; one of kph, mph, kmh is expected"),
        ({"minimum": 5}, "minimum: is 5; a rule on speed has no minimum; leave it out"),
        ({"maximum": 12.5}, "maximum: is 12.5; a whole number of 0 or more is expected"),
        ({"maximum": -1}, "maximum: is -1; a whole number of 0 or more is expected"),
        ({"maximum": True}, "maximum: is True; a whole number of 0 or more is expected"),
        ({"propulsion_types": ["human"]}, "vehicles are not distinguished by propulsion"),
        ({"inclusive_maximum": 1}, "inclusive_maximum: is 1; true or false is expected"),
        ({"maximum": 0, "inclusive_maximum": False}, "maximum: is 0; no speed is below 0"),
        ({"geographies": []}, "a list of UUIDs of geographies is expected"),
        ({"states": {"removed": []}}, "vehicles are counted in the states"),
        ({"start_time": "25:00:00"}, "a time of the day as hh:mm:ss"),
    ],
)
def test_mistakes_of_rules_on_speed_are_named(fields: dict[str, Any], says: str) -> None:
    [found] = errors(**fields)
    assert says in found


def test_a_rule_on_speed_may_be_smaller_than_a_cell() -> None:
    assert errors() == []


def test_a_rule_on_speed_as_it_is_read() -> None:
    [made] = mds(speed_rule(7, 1, 2, maximum=15, rule_units="mph", vehicle_types=["moped", "car"])).speeds
    [rule] = made.rules
    assert rule.limit_kmh == pytest.approx(24.14016)
    assert (rule.zone, rule.vehicle_types, rule.states) == ("Plaza, Town", {"moped"}, ("on_trip",))
    assert len(rule.areas) == 2


def test_a_speed_that_reaches_a_maximum_that_is_not_inclusive_is_too_fast() -> None:
    def breaks(kmh: float, *, inclusive: bool | None) -> bool:
        read = mds(speed_rule(7, 1, maximum=20, inclusive_maximum=inclusive))
        at = End(T0, "on_trip", read.speeds[0].rules[0].areas)
        return judge(read.speeds, Move("north", "bicycle", at, at, kmh), UTC) is not None

    assert [breaks(20.0, inclusive=given) for given in (None, True, False)] == [False, False, True]
    assert [breaks(20.1, inclusive=given) for given in (None, True, False)] == [True, True, True]
    assert not breaks(19.999, inclusive=False)


def test_a_rule_about_vehicles_that_are_not_here_is_noted_and_left_out() -> None:
    made = policy(1, speed_rule(7, 1, maximum=20, vehicle_types=["bus"]))
    read, findings = parsed(document([made], [geography(1, PLAZA, "Plaza")]))
    assert read.speeds == ()
    assert any("no vehicle here has one of these types" in note for note in findings.notes)


def test_areas_are_kept_apart_from_those_to_stand_in() -> None:
    read = mds(time_rule(7, 1, maximum=5), speed_rule(8, 2, maximum=20))
    assert [len(one) for one in (read.stays, read.speeds, read.areas, read.speed_areas)] == [1, 1, 1, 1]
    assert read.areas != read.speed_areas
    assert read.stays[0].version == read.speeds[0].version


@pytest.mark.parametrize("given", [-1, 12.5, "20", True, 1000])
def test_a_limit_of_a_zone_that_is_no_speed_is_named(given: object) -> None:
    _, findings = parsed(gbfs(feature(PLAZA, {"ride_end_allowed": True, "maximum_speed_kph": given})))
    [error] = findings.errors
    assert "features[0].properties.rules[0].maximum_speed_kph: is" in error
    assert "a whole number of kilometres an hour, below 1,000, is expected" in error


def test_a_limit_of_a_zone_may_be_written_with_a_point() -> None:
    read, findings = parsed(gbfs(feature(PLAZA, {"ride_end_allowed": True, "maximum_speed_kph": 6.0})))
    assert not findings.errors
    assert read.speeds[0].rules[0].limit_kmh == 6


def test_zones_limit_speed_by_type_and_in_their_order() -> None:
    slow = {"ride_allowed": True, "maximum_speed_kph": 6, "vehicle_type_id": ["moped"]}
    read, findings = parsed(gbfs(feature(PLAZA, slow), feature(TOWN, {"ride_allowed": True})))
    assert findings.errors == []
    first, second = read.speeds[0].rules
    assert (first.limit_kmh, first.vehicle_types, second.limit_kmh) == (6, {"moped"}, None)
    assert len(read.speed_areas) == 2


def test_zones_without_a_limit_make_no_policy_on_speed() -> None:
    read, _ = parsed(gbfs(feature(PLAZA, {"ride_end_allowed": False})))
    assert (read.speeds, read.speed_areas) == ((), ())


def test_policies_are_listed_with_their_limits() -> None:
    rules = (
        speed_rule(7, 1, maximum=15, rule_units="mph", end_time="19:59:59"),
        speed_rule(8, 2),
        speed_rule(9, 1, maximum=6),
    )
    began = " from 2026-01-01 00:00:00Z"
    found = [(line.name, line.bounds, line.when, line.cells) for line in lines(mds(*rules), CITY)]
    assert found == [
        (
            "rule 7",
            "speeding: at most 24.14 km/h in Plaza",
            f"every day 00:00:00 to 19:59:59{began}",
            "by position",
        ),
        ("rule 8", "at any speed", f"every day{began}", "by position"),
        ("rule 9", "speeding: at most 6 km/h in Plaza", f"every day{began}", "by position"),
    ]


def test_a_policy_that_changes_after_it_began_is_said_to_be_told_otherwise() -> None:
    old, new = mds(speed_rule(7, 1, maximum=30)), mds(speed_rule(7, 1, maximum=20))
    assert "changed after it began" in told_otherwise(old, new, T0 + 1)
    assert told_otherwise(old, new, T0 - 1) == ""
    assert told_otherwise(old, old, T0 + 1) == ""


def test_a_type_of_rule_that_is_not_judged_is_noted() -> None:
    made = policy(1, speed_rule(7, 1, rule_type="user"))
    read, findings = parsed(document([made], [geography(1, PLAZA, "Plaza")]))
    assert read.speeds == ()
    assert any("a rule of type user is not evaluated" in note for note in findings.notes)
