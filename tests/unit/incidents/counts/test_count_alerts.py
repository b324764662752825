"""Alerts of count rules: from live counts to Kafka, MQTT and the tables."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import shapely
from shapely.geometry import shape

from streams.alerts.labels import labels_of
from streams.incidents.policy import Policy
from tests.unit.incidents.counts.folding import REGION, Counted
from tests.unit.incidents.counts.mds import (
    DEFAULT,
    cell_at,
    city,
    document,
    geography,
    identity,
    policy,
    read_all,
    rule,
    square,
)

MONDAY = round(datetime(2026, 1, 5, tzinfo=UTC).timestamp() * 1000)
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
A, B, OUTSIDE = cell_at(10, 10), cell_at(11, 11), cell_at(12, 12)
AREAS = [geography(1, square(10, 10), "Harbour"), geography(2, square(10, 10, 1), "Pier")]


def policy_of(*policies: Any, capacity: int = 1000) -> Policy:
    read, findings = read_all(document(list(policies), AREAS), city())
    assert not findings.errors
    return replace(read, default=replace(DEFAULT, capacity=capacity, min_duration_ms=60_000))


def counted(*rules: Any, **fields: Any) -> Counted:
    return Counted(policy_of(policy(1, *rules, **fields)))


def bikes(available: int = 0, other: int = 0, reserved: int = 0, on_trip: int = 0) -> tuple[int, ...]:
    return available, other, reserved, on_trip, 0


def test_a_rule_is_judged_when_a_look_is_whole() -> None:
    """A bike that goes from one cell to another is in neither for a moment, where two messages tell of it."""
    fold = counted(rule(7, 1, maximum=10))
    fold.look(MONDAY, (A, "hello", bikes(6)), (B, "hello", bikes(5)))
    assert [alert.action for alert in fold.look(MONDAY + MINUTE)] == ["raised"]
    assert fold.look(MONDAY + 2 * MINUTE, (A, "hello", bikes(5)), more=True) == []
    assert fold.look(MONDAY + 2 * MINUTE, (B, "hello", bikes(6))) == []


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize(
    "hours", [{"end_time": "09:00:00"}, {"start_time": "08:00:00"}, {"days": ["mon"]}, {}], ids=str
)
def test_time_that_goes_back_judges_nothing_anew(hours: dict[str, Any], crash: bool) -> None:
    """As where a partition that was held up is heard again: a region is as far as the one that is least far."""
    fold, at = counted(rule(7, 1, maximum=10, **hours)), MONDAY + 9 * HOUR
    if "days" in hours:
        at = MONDAY + 24 * HOUR
    told = fold.look(at - 3 * MINUTE, (A, "hello", bikes(11)))
    told += fold.look(at - 2 * MINUTE) + fold.look(at + MINUTE)
    fold.checkpoint()
    if crash:
        assert fold.crash() == []
    for minutes in (-75, -70, -2, 0, 2):
        told += fold.look(at + minutes * MINUTE, (A, "hello", bikes(11)))
    over = bool(hours.keys() - {"start_time"})
    assert [alert.action for alert in told] == ["raised", "cleared"][: 1 + over]


@pytest.mark.parametrize("crash", [False, True])
def test_nothing_is_judged_by_counts_of_several_times(crash: bool) -> None:
    """Of a backlog one partition is read after the other. What is open stays open, what waits goes on."""
    fold, read = counted(rule(7, 1, maximum=10)), MONDAY + HOUR
    fold.look(MONDAY, (A, "hello", bikes(11)))
    (opened,) = fold.look(MONDAY + MINUTE)
    assert not fold.look(MONDAY + 2 * MINUTE, (A, "hello", bikes(0)), ahead=read)
    assert not fold.look(read - MINUTE, (A, "hello", bikes(11)), ahead=read)
    (cleared,) = fold.look(read, (A, "hello", bikes(0)))
    assert (cleared.action, cleared.alert_id) == ("cleared", opened.alert_id)

    again = read + HOUR
    assert not fold.look(read + MINUTE, (A, "hello", bikes(11)))
    assert not fold.look(read + MINUTE, ahead=again)
    fold.checkpoint()
    if crash:
        assert fold.crash() == []
    (found,) = fold.look(again)
    assert (found.action, found.starts_at) == ("raised", read + MINUTE)


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize(
    ("limits", "broken", "within"), [({"maximum": 10}, 11, 10), ({"minimum": 10}, 9, 10)]
)
def test_what_waits_begins_anew_where_counts_of_several_times_are_within_bounds(
    limits: dict[str, int], broken: int, within: int, crash: bool
) -> None:
    """Else it would have lasted for as long as the backlog, by two looks at its ends."""
    fold, read = counted(rule(7, 1, **limits)), MONDAY + HOUR
    assert not fold.look(MONDAY, (A, "hello", bikes(broken)))
    assert not fold.look(MONDAY + 1, (A, "hello", bikes(within)), ahead=read, more=True)
    assert not fold.look(MONDAY + 1, (A, "hello", bikes(within)), ahead=read)
    fold.checkpoint()
    assert not fold.look(read - 1, (A, "hello", bikes(broken)), ahead=read)
    if crash:
        assert fold.crash() == []
    assert not fold.look(read)
    [found] = fold.look(read + MINUTE)
    assert (found.action, found.starts_at) == ("raised", read)


def test_what_waits_for_the_minimum_duration_is_known_of_its_own_region() -> None:
    """As `policy backtest` asks, which says what may have been the matter between two windows."""
    fold = Counted(policy_of(policy(1, rule(7, 1, maximum=1)), capacity=5))
    fold.look(MONDAY, (A, "hello", bikes(9)))
    fold.look(MONDAY, region="r0.1")
    assert [one.about[0] for one in fold.fold.waiting(REGION)] == ["oversaturation", "too_many"]
    assert list(fold.fold.waiting("r0.1")) == []


def test_too_many_in_the_whole_geography_are_told_after_the_minimum_duration() -> None:
    fold = counted(rule(7, 1, maximum=10))
    assert not fold.look(MONDAY, (A, "hello", bikes(6)), (B, "mobike", bikes(3, reserved=2)))
    assert not fold.look(MONDAY + 59 * SECOND)
    (alert,) = fold.look(MONDAY + 60 * SECOND)
    assert (alert.kind, alert.action, alert.severity, alert.zone) == (
        "too_many",
        "raised",
        "minor",
        "Harbour",
    )
    assert (alert.starts_at, alert.updated_at) == (MONDAY, MONDAY + 60 * SECOND)
    assert (
        alert.summary == "11 vehicles in Harbour, at most 10 allowed by 'rule 7', 1 over (hello 6, mobike 5)"
    )
    found = alert.evidence.rule
    assert found is not None
    assert (found.policy_id, found.rule_id, found.cells, found.count, found.excess) == (
        identity(1),
        identity(7),
        4,
        11,
        1,
    )
    assert alert.evidence.by_operator == {"hello": 6, "mobike": 5}
    assert alert.policy_version == fold.policy.counts[0].version
    assert (alert.evidence.partition, alert.evidence.offset, alert.evidence.occupancy) == (2, 2, None)


def test_what_the_rule_is_not_about_is_not_counted() -> None:
    fold = counted(rule(7, 1, maximum=10), provider_ids=["hello"])
    fold.look(
        MONDAY,
        (A, "hello", bikes(10, other=20, on_trip=20)),
        (A, "mobike", bikes(50)),
        (OUTSIDE, "hello", bikes(50)),
    )
    assert not fold.look(MONDAY + HOUR), "other states, other operators and other places"
    fold.look(MONDAY + HOUR, (B, "hello", bikes(1)))
    assert [alert.evidence.by_operator for alert in fold.look(MONDAY + 2 * HOUR)] == [{"hello": 11}]


@pytest.mark.parametrize(
    ("count", "severity"),
    [(11, "minor"), (16, "minor"), (17, "major"), (21, "major"), (22, "critical")],
)
def test_severity_of_too_many_is_by_times_the_first_number_that_is_too_many(
    count: int, severity: str
) -> None:
    fold = counted(rule(7, 1, maximum=10))
    fold.look(MONDAY, (A, "hello", bikes(count)))
    assert [alert.severity for alert in fold.look(MONDAY + MINUTE)] == [severity]


@pytest.mark.parametrize(
    ("count", "severity"), [(11, "minor"), (9, "minor"), (8, "major"), (7, "major"), (6, "critical"), (0, "critical")]
)  # fmt: skip
def test_severity_of_too_few_is_by_the_number_wanted_for_each_that_is_there(
    count: int, severity: str
) -> None:
    fold = counted(rule(7, 1, minimum=12))
    fold.look(MONDAY, (A, "hello", bikes(count)))
    (alert,) = fold.look(MONDAY + MINUTE)
    assert (alert.kind, alert.severity) == ("too_few", severity)
    assert (
        f"{count} vehicles in Harbour, at least 12 allowed by 'rule 7', {12 - count} short" in alert.summary
    )


def test_an_alert_rises_and_falls_and_is_cleared_within_bounds() -> None:
    fold = counted(rule(7, 1, maximum=10))
    fold.look(MONDAY, (A, "hello", bikes(11)))
    (first,) = fold.look(MONDAY + MINUTE)
    (second,) = fold.look(MONDAY + 2 * MINUTE, (A, "hello", bikes(17)))
    assert not fold.look(MONDAY + 3 * MINUTE, (A, "hello", bikes(15)))
    (third,) = fold.look(MONDAY + 4 * MINUTE, (A, "hello", bikes(14)))
    (fourth,) = fold.look(MONDAY + 5 * MINUTE, (A, "hello", bikes(10)))
    events = [first, second, third, fourth]
    assert [(e.action, e.severity, e.status) for e in events] == [
        ("raised", "minor", "active"),
        ("updated", "major", "active"),
        ("updated", "minor", "active"),
        ("cleared", "minor", "cleared"),
    ]
    assert {e.alert_id for e in events} == {first.alert_id}
    assert [e.sequence for e in events] == [0, 1, 2, 3]
    assert fourth.ends_at == MONDAY + 5 * MINUTE
    assert "within bounds" in fourth.summary
    assert not fold.retained()


def test_the_evidence_has_the_record_with_which_it_went_out_of_bounds() -> None:
    fold = counted(rule(7, 1, maximum=10))
    fold.look(MONDAY, (A, "hello", bikes(10)))
    fold.look(MONDAY + MINUTE, (A, "hello", bikes(11)))
    fold.checkpoint()
    fold.crash()
    fold.look(MONDAY + 90_000)
    (raised,) = fold.look(MONDAY + 2 * MINUTE)
    assert (raised.evidence.first_offset, raised.evidence.offset) == (1, 3)
    (cleared,) = fold.look(MONDAY + 3 * MINUTE, (A, "hello", bikes(10)))
    assert (cleared.evidence.first_offset, cleared.evidence.offset) == (1, 4)


def test_the_evidence_has_the_outline_of_all_its_geographies_together() -> None:
    both = geography(1, square(10, 10)), geography(2, square(12, 10, 3))
    read, _ = read_all(document([policy(1, rule(7, 1, 2, maximum=10))], list(both)), city())
    fold = Counted(read)
    fold.look(MONDAY, (A, "hello", bikes(11)))
    (raised,) = fold.look(MONDAY + 2 * MINUTE)
    assert raised.evidence.rule is not None
    outline = msgspec.to_builtins(raised.evidence.rule.outline)
    drawn = shapely.union_all([shape(one["geography_json"]) for one in both])
    assert shape(outline).equals(drawn)


def test_a_minimum_and_a_maximum_have_alerts_of_their_own() -> None:
    fold = counted(rule(7, 1, minimum=5, maximum=10))
    fold.look(MONDAY)
    assert [alert.kind for alert in fold.look(MONDAY + MINUTE)] == ["too_few"]
    told = fold.look(MONDAY + 2 * MINUTE, (A, "hello", bikes(20)))
    assert [(alert.kind, alert.action) for alert in told] == [("too_few", "cleared")]
    assert [alert.kind for alert in fold.look(MONDAY + 3 * MINUTE)] == ["too_many"]


def test_a_vehicle_counts_for_the_first_rule_that_matches_it() -> None:
    """The pier lies in the harbour: its bikes do not count for the rule of the harbour, but those on trip do."""
    everywhere = rule(8, 1, maximum=10, states={"available": [], "on_trip": []})
    fold = counted(rule(7, 2, maximum=100), everywhere)
    fold.look(MONDAY, (A, "hello", bikes(90, on_trip=5)), (B, "hello", bikes(5)))
    assert not fold.look(MONDAY + MINUTE)
    fold.look(MONDAY + MINUTE, (B, "hello", bikes(6)))
    (alert,) = fold.look(MONDAY + 2 * MINUTE)
    assert alert.evidence.rule is not None
    assert (alert.evidence.rule.rule_id, alert.evidence.rule.count) == (identity(8), 11)
    assert alert.summary.startswith("11 vehicles in Harbour besides those of 'rule 7', at most 10 allowed")


def test_rules_of_two_policies_count_the_same_vehicle_both() -> None:
    fold = Counted(policy_of(policy(1, rule(7, 1, maximum=1)), policy(2, rule(8, 1, maximum=2))))
    fold.look(MONDAY, (A, "hello", bikes(3)))
    assert len(fold.look(MONDAY + MINUTE)) == 2
    assert len(fold.look(MONDAY + 2 * MINUTE, (A, "hello", bikes(1)))) == 2


def test_a_rule_holds_in_its_hours_and_its_vehicles_count_for_the_next_one_otherwise() -> None:
    """
    rule 7 at most 10  [07:00 --------- 08:00]
    rule 8 at most 5                         |-------
    6 bikes               no alert            alert
    """
    fold = counted(rule(7, 1, maximum=10, start_time="07:00:00", end_time="07:59:59"), rule(8, 1, maximum=5))
    fold.look(MONDAY + 7 * HOUR, (A, "hello", bikes(6)))
    assert not fold.look(MONDAY + 8 * HOUR - 1)
    assert not fold.look(MONDAY + 8 * HOUR)
    (alert,) = fold.look(MONDAY + 8 * HOUR + MINUTE)
    assert alert.starts_at == MONDAY + 8 * HOUR
    assert alert.summary.startswith("6 vehicles in Harbour, at most 5 allowed")
    (cleared,) = fold.look(MONDAY + 31 * HOUR)
    assert cleared.action == "cleared"
    assert cleared.summary.startswith("0 vehicles in Harbour besides those of 'rule 7', at most 5 allowed")


def test_too_few_of_some_operators_concern_them_though_they_have_none_there() -> None:
    """Whoever follows alerts of an operator hears of them: receivers, silences and lists go by these names."""
    fold = Counted(policy_of(policy(1, rule(7, 1, minimum=5), provider_ids=["hello", "mobike"])))
    fold.look(MONDAY, (A, "hello", bikes(0)), (A, "didi", bikes(9)))
    (alert,) = fold.look(MONDAY + 2 * MINUTE)
    assert alert.evidence.by_operator == {"hello": 0, "mobike": 0}
    assert labels_of(alert, lambda _lat, _lon: None)["operator"] == ("hello", "mobike")


def test_when_its_hours_are_over_an_alert_is_cleared_and_says_so() -> None:
    fold = counted(rule(7, 1, maximum=1, start_time="07:00:00", end_time="07:59:59"))
    fold.look(MONDAY + 7 * HOUR, (A, "hello", bikes(6)))
    fold.look(MONDAY + 7 * HOUR + MINUTE)
    (alert,) = fold.look(MONDAY + 8 * HOUR)
    assert alert.action == "cleared"
    assert alert.summary.startswith(
        "the rule is not in effect any more; 6 vehicles in Harbour, at most 1 allowed"
    )
    assert alert.evidence.rule is not None
    assert not alert.evidence.rule.in_effect
    assert labels_of(alert, lambda _lat, _lon: None)["operator"] == ("hello",)


def test_a_night_in_which_nothing_was_heard_does_not_count() -> None:
    """In the last minute before the night there are too many, and in the first one after it."""
    fold = Counted(policy_of(policy(1, rule(7, 1, maximum=1, start_time="08:00:00", end_time="16:59:59"))))
    fold.look(MONDAY + (16 * 60 + 59) * MINUTE, (A, "hello", bikes(9)))
    morning = MONDAY + 32 * 60 * MINUTE
    assert fold.look(morning + MINUTE) == []
    [alert] = fold.look(morning + 3 * MINUTE)
    assert alert.starts_at == morning + MINUTE


@pytest.mark.parametrize("crash", [False, True])
def test_an_alert_that_was_open_before_a_night_in_which_nothing_was_heard_ends_with_its_hours(
    crash: bool,
) -> None:
    """
    hours  08  17          08
    heard  ####............##
    told    [==============x[==   the first look after the night clears, and the minimum duration begins anew
    """
    hours = {"start_time": "08:00:00", "end_time": "16:59:59"}
    fold = Counted(policy_of(policy(1, rule(7, 1, maximum=1, **hours))))
    fold.look(MONDAY + 16 * HOUR, (A, "hello", bikes(9)))
    [evening] = fold.look(MONDAY + 16 * HOUR + 2 * MINUTE)
    fold.checkpoint()
    if crash:
        fold.crash()
    morning = MONDAY + 32 * HOUR
    [cleared] = fold.look(morning + MINUTE)
    assert (cleared.alert_id, cleared.action, cleared.ends_at) == (
        evening.alert_id,
        "cleared",
        morning + MINUTE,
    )
    assert cleared.summary.startswith("the rule was not in effect in between; 9 vehicles in Harbour")
    [alert] = fold.look(morning + 3 * MINUTE)
    assert (alert.action, alert.starts_at) == ("raised", morning + MINUTE)


def test_an_alert_that_ended_with_its_hours_has_ended_for_good() -> None:
    hours = {"start_time": "08:00:00", "end_time": "16:59:59"}
    fold = Counted(policy_of(policy(1, rule(7, 1, maximum=1, **hours))))
    fold.look(MONDAY + 16 * HOUR, (A, "hello", bikes(9)))
    fold.look(MONDAY + 16 * HOUR + 2 * MINUTE)
    fold.checkpoint()
    [cleared] = fold.look(MONDAY + 32 * HOUR, (A, "hello", bikes(1)))
    assert cleared.action == "cleared"
    fold.checkpoint()
    fold.crash()
    assert fold.look(MONDAY + 32 * HOUR + MINUTE) == []


def test_too_few_of_an_evening_are_not_too_few_of_the_next_morning() -> None:
    """Both ends of the night are heard in one look each: nothing lasts from the one to the other."""
    hours = {"start_time": "08:00:00", "end_time": "16:59:59"}
    fold = Counted(policy_of(policy(1, rule(7, 1, minimum=5, **hours))))
    fold.look(MONDAY + 16 * HOUR, (A, "hello", bikes(2)))
    [evening] = fold.look(MONDAY + 16 * HOUR + 2 * MINUTE)
    [cleared] = fold.look(MONDAY + 32 * HOUR)
    assert (cleared.alert_id, cleared.action) == (evening.alert_id, "cleared")
    assert fold.look(MONDAY + 32 * HOUR + MINUTE, (A, "hello", bikes(5))) == []


def test_a_rule_that_is_always_in_effect_keeps_its_alert_over_a_night_in_which_nothing_was_heard() -> None:
    fold = Counted(policy_of(policy(1, rule(7, 1, maximum=1))))
    fold.look(MONDAY + 16 * HOUR, (A, "hello", bikes(9)))
    [evening] = fold.look(MONDAY + 16 * HOUR + 2 * MINUTE)
    assert fold.look(MONDAY + 32 * HOUR) == []
    [cleared] = fold.look(MONDAY + 33 * HOUR, (A, "hello", bikes(1)))
    assert (cleared.alert_id, cleared.action) == (evening.alert_id, "cleared")


def test_a_policy_is_in_force_between_its_dates() -> None:
    fold = counted(rule(7, 1, maximum=1), start_date=MONDAY, end_date=MONDAY + HOUR)
    fold.look(MONDAY - HOUR, (A, "hello", bikes(6)))
    assert not fold.look(MONDAY - 1)
    assert not fold.look(MONDAY)
    assert [alert.starts_at for alert in fold.look(MONDAY + MINUTE)] == [MONDAY]
    assert not fold.look(MONDAY + HOUR - 1)
    assert [alert.action for alert in fold.look(MONDAY + HOUR)] == ["cleared"]


def test_a_checkpoint_and_its_restore_change_nothing() -> None:
    fold = counted(rule(7, 1, maximum=10))
    fold.look(MONDAY, (A, "hello", bikes(9)), (B, "mobike", bikes(reserved=2)))
    fold.checkpoint()
    fold.crash()
    (alert,) = fold.look(MONDAY + MINUTE)
    assert (alert.starts_at, alert.evidence.by_operator) == (MONDAY, {"hello": 9, "mobike": 2})
    fold.checkpoint()
    assert fold.crash() == []
    assert not fold.look(MONDAY + 2 * MINUTE)
    (cleared,) = fold.look(MONDAY + 3 * MINUTE, (A, "hello", bikes(8)))
    assert (cleared.alert_id, cleared.sequence) == (alert.alert_id, 1)
    assert fold.crash() == [cleared], "told again with the same id, as the checkpoint did not cover it"


def test_alerts_that_begin_at_one_event_time_have_ids_of_their_own_over_a_crash_too() -> None:
    policy_now = policy_of(policy(1, rule(7, 1, maximum=10)))
    fold = Counted(replace(policy_now, default=replace(policy_now.default, min_duration_ms=0)))
    (first,) = fold.look(MONDAY, (A, "hello", bikes(11)))
    fold.look(MONDAY, (A, "hello", bikes(10)))
    fold.checkpoint()
    fold.crash()
    (second,) = fold.look(MONDAY, (A, "hello", bikes(11)))
    assert (first.action, second.action) == ("raised", "raised")
    assert first.alert_id != second.alert_id


def test_a_new_policy_counts_what_stood_there_before_it() -> None:
    fold = Counted(policy_of(policy(1, rule(7, 2, maximum=100))))
    fold.look(MONDAY, (A, "hello", bikes(6)), (B, "hello", bikes(6)))
    fold.checkpoint()
    fold.crash(policy_of(policy(2, rule(8, 1, maximum=10))))
    fold.look(MONDAY + MINUTE)
    (alert,) = fold.look(MONDAY + 2 * MINUTE)
    assert alert.evidence.by_operator == {"hello": 12}


def test_hours_that_began_after_an_alert_did_end_it_and_say_so() -> None:
    fold = Counted(policy_of(policy(1, rule(7, 1, maximum=1))))
    fold.look(MONDAY + 8 * HOUR, (A, "hello", bikes(9)))
    [alert] = fold.look(MONDAY + 8 * HOUR + MINUTE)
    fold.fold.take_policy(policy_of(policy(1, rule(7, 1, maximum=1, start_time="09:00:00"))))
    [cleared] = fold.look(MONDAY + 12 * HOUR)
    assert (cleared.alert_id, cleared.action) == (alert.alert_id, "cleared")
    assert cleared.summary.startswith(
        "the rule was not in effect in between, by its hours as they are now; 9 "
    )
    assert cleared.policy_version != alert.policy_version


ELSEWHERE, FAR = cell_at(150, 10), geography(3, square(150, 10), "Far")


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("then", ["gone", "back"])
def test_an_alert_whose_rule_went_to_another_region_ends_though_it_has_another_one_there(
    crash: bool, then: str
) -> None:
    """Nothing is heard of the first region in between."""
    here = policy_of(policy(1, rule(7, 1, maximum=1)))
    there = read_all(document([policy(1, rule(7, 3, maximum=1))], [FAR]))[0]
    there = replace(there, default=here.default)
    fold, other = Counted(here), "r0.1"
    fold.look(MONDAY, (A, "hello", bikes(6)))
    [first] = fold.look(MONDAY + MINUTE)
    fold.fold.take_policy(there)
    fold.look(MONDAY + MINUTE, (ELSEWHERE, "hello", bikes(6)), region=other)
    [second] = fold.look(MONDAY + 2 * MINUTE, region=other)
    assert (first.subject, second.subject) == (identity(7), identity(7))
    last = policy_of(policy(2, rule(9, 1, maximum=100))) if then == "gone" else here
    fold.checkpoint()
    if crash:
        fold.crash(last)
    else:
        fold.fold.take_policy(last)
    told = fold.look(MONDAY + 3 * MINUTE, region=other) + fold.look(MONDAY + 3 * MINUTE)
    if then == "back":
        assert [(one.alert_id, one.action) for one in told] == [(second.alert_id, "cleared")]
        told += fold.look(MONDAY + 4 * MINUTE, (A, "hello", bikes(0)))
    assert sorted((one.alert_id, one.action) for one in told) == sorted(
        (one.alert_id, "cleared") for one in (first, second)
    )
    assert fold.retained() == {}
    fold.checkpoint()
    assert not [name for name in fold.database.parts["incidents"] if "gone" in name]


def test_an_alert_whose_rule_is_gone_is_cleared_at_the_next_look_at_its_region() -> None:
    fold = counted(rule(7, 1, maximum=1))
    fold.look(MONDAY, (A, "hello", bikes(6)))
    (alert,) = fold.look(MONDAY + MINUTE)
    fold.checkpoint()
    fold.crash(policy_of(policy(1, rule(8, 1, maximum=100))))
    assert not fold.look(MONDAY + 2 * MINUTE, region="r5.5")
    (cleared,) = fold.look(MONDAY + 3 * MINUTE)
    assert (cleared.alert_id, cleared.sequence, cleared.status) == (alert.alert_id, 1, "cleared")
    assert cleared.summary.startswith("the policy has no such rule any more; 6 vehicles")
    assert cleared.policy_version == alert.policy_version
    fold.checkpoint()
    fold.crash()
    assert not fold.look(MONDAY + 4 * MINUTE), "it is cleared once"
    assert not [name for name in fold.database.parts["incidents"] if name.startswith(f"count/{identity(7)}")]


def test_an_alert_lives_on_when_its_rule_has_another_bound() -> None:
    fold = counted(rule(7, 1, maximum=1))
    fold.look(MONDAY, (A, "hello", bikes(6)))
    (alert,) = fold.look(MONDAY + MINUTE)
    fold.checkpoint()
    fold.crash(policy_of(policy(1, rule(7, 1, maximum=5))))
    (fallen,) = fold.look(MONDAY + 2 * MINUTE)
    assert (alert.severity, fallen.severity, fallen.action) == ("critical", "minor", "updated")
    (cleared,) = fold.look(MONDAY + 3 * MINUTE, (A, "hello", bikes(5)))
    assert (cleared.alert_id, cleared.policy_version) == (alert.alert_id, fold.policy.counts[0].version)


def test_checkpoints_of_earlier_versions_can_be_read() -> None:
    """They say how many stand in a cell, not in which state."""
    fold = counted(rule(7, 1, maximum=10))
    fold.look(MONDAY, (A, "hello", bikes(6)))
    fold.checkpoint()
    parts = fold.database.parts["incidents"]
    old = parts[f"cell/{A}"].replace(b"\xa5hello\x95\x06\x00\x00\x00\x00", b"\xa5hello\x0c")
    assert old != parts[f"cell/{A}"]
    parts[f"cell/{A}"] = old
    fold.crash()
    fold.look(MONDAY)
    assert [alert.evidence.by_operator for alert in fold.look(MONDAY + MINUTE)] == [{"hello": 12}]


def test_alerts_of_two_rules_at_one_cell_take_turns_at_being_retained() -> None:
    fold = Counted(policy_of(policy(1, rule(7, 1, maximum=10)), policy(2, rule(8, 1, maximum=11))))
    fold.look(MONDAY, (A, "hello", bikes(12)))
    one, two = fold.look(MONDAY + MINUTE)
    assert (one.cell, one.severity) == (two.cell, two.severity)
    assert list(fold.retained().values()) == [two.alert_id]
    fold.look(MONDAY + 2 * MINUTE, (A, "hello", bikes(11)))
    assert list(fold.retained().values()) == [one.alert_id]
    fold.look(MONDAY + 3 * MINUTE, (A, "hello", bikes(10)))
    assert not fold.retained()


def test_the_capacity_of_a_cell_is_watched_beside_the_rules() -> None:
    fold = Counted(policy_of(policy(1, rule(7, 1, maximum=1000)), capacity=60))
    fold.look(MONDAY, (A, "hello", bikes(60, on_trip=5)))
    (alert,) = fold.look(MONDAY + MINUTE)
    assert (alert.kind, alert.evidence.occupancy, alert.evidence.rule) == ("oversaturation", 60, None)


def test_rows_for_the_tables_are_those_of_every_alert() -> None:
    fold = counted(rule(7, 1, maximum=1))
    fold.look(MONDAY, (A, "hello", bikes(6)))
    (alert,) = fold.look(MONDAY + MINUTE)
    fold.checkpoint()
    row = fold.database.tables["alert"][(alert.alert_id,)]
    assert (row["kind"], row["cell"], row["region"]) == ("too_many", int(alert.cell, 16), REGION)
