"""Rules in per cent: each operator by itself, with the true excess in vehicles."""

from dataclasses import replace

import pytest

from streams.incidents.backtest import drafted
from streams.incidents.policy import Policy
from streams.incidents.policy_overview import lines
from tests.unit.incidents.counts.folding import Counted
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
    square,
)  # fmt: skip

T0, MINUTE = START + 3_600_000, 60_000
HERE, OUTSIDE = cell_at(10, 10), cell_at(20, 20)
AREAS = [geography(1, square(10, 10), "Harbour"), geography(2, square(20, 20), "Hills")]
STANDING = {"states": {s: [] for s in ("available", "non_operational", "reserved", "non_contactable")}}
WITH_TRIPS = {"states": {"available": [], "on_trip": []}}


def policy_of(*rules: object, **fields: object) -> Policy:
    read, findings = read_all(document([policy(1, *rules, **fields)], AREAS), city())
    assert not findings.errors
    return replace(read, default=replace(DEFAULT, capacity=10_000, min_duration_ms=MINUTE))


def fold(*rules: object, **fields: object) -> Counted:
    return Counted(policy_of(*rules, **fields))


def bikes(available: int = 0, on_trip: int = 0) -> tuple[int, ...]:
    return available, 0, 0, on_trip, 0


def percent(maximum: int | None = None, minimum: int | None = None, **more: object) -> dict[str, object]:
    return rule(7, 1, rule_units="percent", maximum=maximum, minimum=minimum, **more)


def test_too_large_a_share_of_a_fleet_is_told_of_its_operator_alone() -> None:
    counted = fold(percent(20))
    rows = [
        (HERE, "hello", bikes(63)),
        (OUTSIDE, "hello", bikes(187)),
        (HERE, "mobike", bikes(20)),
        (OUTSIDE, "mobike", bikes(80)),
    ]
    assert counted.look(T0, *rows) == []
    [alert] = counted.look(T0 + MINUTE)
    assert (alert.kind, alert.subject, alert.severity) == ("too_many", f"{identity(7)}/hello", "minor")
    assert alert.summary == (
        "63 of 250 vehicles of hello (25.2 %) are in Harbour, at most 20 % allowed by 'rule 7', 13 over"
    )
    found = alert.evidence.rule
    assert found is not None
    assert (found.units, found.maximum, found.count, found.of, found.percent, found.excess) == (
        "percent", 20, 63, 250, 25.2, 13,
    )  # fmt: skip
    assert alert.evidence.by_operator == {"hello": 63}
    [cleared] = counted.look(T0 + 2 * MINUTE, (HERE, "hello", bikes(50)), (OUTSIDE, "hello", bikes(200)))
    assert (cleared.action, cleared.alert_id) == ("cleared", alert.alert_id)
    assert cleared.summary.endswith("within bounds")


def test_a_share_of_none_is_of_its_operator_still() -> None:
    counted = fold(percent(minimum=20))
    counted.look(T0, (HERE, "hello", bikes(0)), (OUTSIDE, "hello", bikes(90)))
    [alert] = counted.look(T0 + MINUTE)
    assert (alert.kind, alert.severity) == ("too_few", "critical")
    assert alert.evidence.by_operator == {"hello": 0}


def test_a_fleet_that_shrinks_elsewhere_makes_a_share_too_large() -> None:
    counted = fold(percent(20))
    counted.look(T0, (HERE, "hello", bikes(20)), (OUTSIDE, "hello", bikes(80)))
    counted.look(T0 + MINUTE, (OUTSIDE, "hello", bikes(70)))
    [alert] = counted.look(T0 + 2 * MINUTE)
    assert (alert.starts_at, alert.subject) == (T0 + MINUTE, f"{identity(7)}/hello")


def test_two_operators_have_an_alert_each_in_the_order_of_their_names() -> None:
    counted = fold(percent(10))
    counted.look(T0, *((cell, name, bikes(30)) for cell in (HERE, OUTSIDE) for name in ("mobike", "hello")))
    alerts = counted.look(T0 + MINUTE)
    assert [alert.subject for alert in alerts] == [f"{identity(7)}/hello", f"{identity(7)}/mobike"]
    assert len({alert.alert_id for alert in alerts}) == 2


def test_a_share_that_is_too_small_is_told_and_an_operator_without_vehicles_has_none() -> None:
    counted = fold(percent(minimum=10), provider_ids=["hello", "mobike"])
    rows = [
        (HERE, "hello", bikes(9)),
        (OUTSIDE, "hello", bikes(91)),
        (OUTSIDE, "other", bikes(50)),
        (HERE, "mobike", bikes()),
    ]
    counted.look(T0, *rows)
    [alert] = counted.look(T0 + MINUTE)
    assert (alert.kind, alert.subject) == ("too_few", f"{identity(7)}/hello")
    assert alert.evidence.rule is not None
    assert alert.evidence.rule.excess == 1


def test_bounds_are_exact_and_not_rounded() -> None:
    """A third of ten is three at most, four at least."""
    counted = fold(percent(33), replace_id(percent(minimum=33)))
    counted.look(T0, (HERE, "hello", bikes(3)), (OUTSIDE, "hello", bikes(7)))
    assert counted.look(T0 + MINUTE) == []


def replace_id(one: dict[str, object]) -> dict[str, object]:
    return {**one, "rule_id": identity(8), "name": "rule 8", "geographies": [identity(2)]}


def test_utilization_is_the_share_on_a_trip_of_those_counted_there() -> None:
    counted = fold(rule(7, 1, rule_units="utilization", minimum=10, **WITH_TRIPS))
    counted.look(T0, (HERE, "hello", bikes(95, on_trip=5)), (OUTSIDE, "hello", bikes(0, on_trip=50)))
    [alert] = counted.look(T0 + MINUTE)
    assert alert.kind == "too_few"
    assert alert.summary == (
        "5 of 100 vehicles of hello (5 %) on a trip in Harbour, at least 10 % allowed by 'rule 7', 5 short"
    )
    [cleared] = counted.look(T0 + 2 * MINUTE, (HERE, "hello", bikes(90, on_trip=10)))
    assert cleared.status == "cleared"


def test_crashes_change_nothing() -> None:
    counted = fold(percent(20))
    counted.look(T0, (HERE, "hello", bikes(63)), (OUTSIDE, "hello", bikes(187)))
    counted.checkpoint()
    [alert] = counted.look(T0 + MINUTE)
    assert [one.alert_id for one in counted.crash()] == [alert.alert_id]
    counted.checkpoint()
    counted.crash()
    [cleared] = counted.look(T0 + 2 * MINUTE, (HERE, "hello", bikes(1)))
    assert (cleared.alert_id, cleared.action) == (alert.alert_id, "cleared")


def test_a_rule_that_counts_vehicles_now_clears_what_it_said_in_per_cent() -> None:
    counted = fold(percent(20))
    counted.look(T0, (HERE, "hello", bikes(63)), (OUTSIDE, "hello", bikes(187)))
    [alert] = counted.look(T0 + MINUTE)
    counted.checkpoint()
    counted.crash(policy_of(rule(7, 1, maximum=1_000)))
    [cleared] = counted.look(T0 + 2 * MINUTE)
    assert (cleared.alert_id, cleared.status) == (alert.alert_id, "cleared")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"maximum": 101}, "maximum: is 101; per cent from 0 to 100 are expected"),
        (
            {"maximum": 10, "inclusive_maximum": False},
            "inclusive_maximum: is False; bounds in per cent are inclusive",
        ),
        ({"minimum": 20, "maximum": 10}, "minimum: is 20; it must not exceed the maximum of 10"),
        ({}, "a rule in per cent without bounds has no effect"),
        (
            {"rule_units": "utilization", "minimum": 5},
            "states: is {'available': [], 'reserved': []}; on_trip must be among",
        ),
    ],
)
def test_mistakes_of_rules_in_per_cent_are_named(fields: dict[str, object], sentence: str) -> None:
    wrong = rule(7, 1, **{"rule_units": "percent", **fields})
    _, findings = read_all(document([policy(1, wrong)], AREAS), city())
    assert any(sentence in error for error in findings.errors), findings.errors


def test_the_overview_says_what_bounds_are_in() -> None:
    read = policy_of(percent(20), rule(8, 2, rule_units="utilization", minimum=5, **WITH_TRIPS))
    assert [line.bounds for line in lines(read, city())] == [
        "at most 20 % of the operator's",
        "at least 5 % on a trip",
    ]


def test_stored_windows_judge_per_cent_of_what_stands_but_no_trips() -> None:
    _, not_judged = drafted(policy_of(percent(20, **STANDING)))
    assert not_judged == ()
    _, not_judged = drafted(policy_of(rule(8, 2, rule_units="utilization", minimum=5, **WITH_TRIPS)))
    assert len(not_judged) == 1


def test_what_people_see_of_an_alert_whose_log_is_folded_once_more() -> None:
    counted = fold(percent(20))
    counted.look(T0, (HERE, "hello", bikes(63)), (HERE, "mobike", bikes(1)), (OUTSIDE, "hello", bikes(187)))
    [alert, _] = counted.look(T0 + MINUTE)
    assert counted.fold.version(alert) == alert.policy_version
    seen = counted.fold.seen(alert)
    assert seen is not None
    assert (seen.value, seen.threshold) == ("63 vehicles", "at most 20 %")
