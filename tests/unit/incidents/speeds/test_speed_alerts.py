"""Vehicles that are too fast: from readings to alerts."""

from dataclasses import replace

import msgspec
import pytest

from schemas.alerts import Alert
from schemas.cells import CellsVehicles
from streams import topics
from streams.fold.contract import Record
from streams.incidents.showing import Seen
from tests.pipeline import T0
from tests.unit.fleet.road import HERE, at
from tests.unit.incidents.counts.mds import identity
from tests.unit.incidents.speeds.rides import on, ride, speed_rule, tell, watched
from tests.unit.incidents.stays.zones import PLAZA, TOWN, feature, gbfs, mds, parsed
from tests.watched_vehicles import Watched, region

SHANGHAI = region(HERE)
TOWN_20 = mds(speed_rule(7, 2, maximum=20))


def lives(alerts: list[Alert]) -> list[tuple[str, str, str | None, float]]:
    return [(a.action, a.severity, a.subject, (a.updated_at - T0) / 1000) for a in alerts]


def raised(fold: Watched) -> list[str | None]:
    return [alert.subject for alert in fold.alerts if alert.action == "raised"]


def test_a_ride_that_is_too_fast_warns_is_minor_from_the_third_move_on_and_over_when_it_is_quiet() -> None:
    fold = watched(TOWN_20)
    tell(fold, *ride(25, readings=6))
    assert fold.time(75 + 119, SHANGHAI) == []
    fold.time(75 + 120, SHANGHAI)
    assert lives(fold.alerts) == [
        ("raised", "warning", "bike-1", 15),
        ("updated", "minor", "bike-1", 45),
        ("cleared", "minor", "bike-1", 195),
    ]
    first, second, last = fold.alerts
    assert first.alert_id == last.alert_id
    assert (first.kind, first.zone, first.starts_at) == ("speeding", "Town", T0 + 15_000)
    assert first.summary == (
        "bicycle bike-1 (north) moved 134 m in 15 s: 25 km/h or more, and 20 are allowed by 'rule 7' (move 1)"
    )
    assert last.summary.startswith("not too fast for a while; bicycle bike-1 (north) moved 134 m")
    found = second.evidence.speeding
    assert found is not None
    assert (found.moves, found.limit_kmh, found.rule_id, found.policy_id) == (3, 20, identity(7), identity(1))
    assert (found.from_ts, found.ts) == (T0 + 30_000, T0 + 45_000)
    assert found.kmh == pytest.approx(25, rel=0.01)
    assert last.evidence.speeding is not None
    assert last.evidence.speeding.moves == 5
    assert last.evidence.first_offset == first.evidence.offset


def test_an_exclusive_maximum_is_shown_as_it_was_written() -> None:
    fold = watched(mds(speed_rule(7, 2, maximum=20, inclusive_maximum=False)))
    tell(fold, *ride(25, readings=2))
    [alert] = fold.alerts
    assert alert.evidence.speeding is not None
    assert alert.evidence.speeding.limit_kmh == 20


def test_one_wrong_position_is_two_moves_and_never_more_than_a_warning() -> None:
    fold = watched(TOWN_20)
    tell(fold, on(0, 0), on(15, 240), on(30, 30), on(45, 60))
    assert lives(fold.alerts) == [("raised", "warning", "bike-1", 15)]


def test_three_moves_at_one_and_a_half_times_the_limit_are_major() -> None:
    fold = watched(TOWN_20)
    tell(fold, *ride(31, readings=4))
    assert lives(fold.alerts) == [("raised", "warning", "bike-1", 15), ("updated", "major", "bike-1", 45)]
    other = watched(TOWN_20)
    tell(other, *ride(31, readings=3), *ride(25, readings=5, begin=90))
    assert lives(other.alerts)[-1] == ("updated", "minor", "bike-1", 105), (
        "two of six moves are much too fast"
    )


def test_the_first_rule_in_effect_decides_and_one_without_a_limit_keeps_its_vehicles() -> None:
    """The plaza has no limit of its own before 00:10, and lies in the town."""
    rules = speed_rule(7, 1, end_time="00:09:59"), speed_rule(8, 2, maximum=6)
    fold = watched(mds(*rules))
    south, north = (31.2331, 121.4765), (31.2339, 121.4765)
    tell(fold, at(0, south, "on_trip"), at(15, north, "on_trip"))
    assert fold.alerts == []
    tell(fold, at(590, south, "on_trip"), at(605, north, "on_trip"))
    assert fold.alerts == [], "the move began before the rule was over"
    tell(fold, at(620, south, "on_trip"))
    assert [alert.summary.partition("allowed by ")[2] for alert in fold.alerts] == ["'rule 8' (move 1)"]


def test_a_policy_is_about_its_operators_and_types() -> None:
    fold = watched(mds(speed_rule(7, 2, maximum=20, vehicle_types=["moped"]), provider_ids=["north"]))
    for operator in ("north", "south"):
        tell(fold, *ride(30, vehicle_type="moped", operator=operator, bike=f"m-{operator}"))
        tell(fold, *ride(30, operator=operator, bike=f"b-{operator}"))
    assert raised(fold) == ["m-north"]


def test_of_several_policies_the_first_that_is_broken_is_told() -> None:
    later = mds(speed_rule(8, 2, maximum=10), policy_id=identity(2), name="second")
    fold = watched(replace(TOWN_20, speeds=TOWN_20.speeds + later.speeds))
    tell(fold, *ride(15))
    tell(fold, *ride(25, begin=90, bike="bike-2"))
    told = [(a.subject, a.evidence.speeding and a.evidence.speeding.rule_id) for a in fold.alerts]
    assert told == [("bike-1", identity(8)), ("bike-2", identity(7))]
    assert [alert.policy_version for alert in fold.alerts] == [
        later.speeds[0].version,
        TOWN_20.speeds[0].version,
    ]


def test_miles_are_miles() -> None:
    """15 mph are 24.1 km/h."""
    fold = watched(mds(speed_rule(7, 2, maximum=15, rule_units="mph")))
    tell(fold, *ride(24))
    assert fold.alerts == []
    tell(fold, *ride(24.4, begin=90))
    assert "24 km/h or more, and 24.1 are allowed" in fold.alerts[0].summary


def test_a_message_that_comes_again_changes_nothing() -> None:
    fold = watched(TOWN_20)
    tell(fold, *ride(25))
    for _ in range(3):
        fold.hear(fold.cells[0])
    tell(fold, on(30, 0))
    assert lives(fold.alerts) == [("raised", "warning", "bike-1", 15)]


def test_a_raise_after_a_quiet_time_is_an_alert_of_its_own() -> None:
    fold = watched(TOWN_20)
    tell(fold, *ride(25))
    fold.time(135, SHANGHAI)
    tell(fold, *ride(25, begin=300))
    assert [alert.action for alert in fold.alerts] == ["raised", "cleared", "raised"]
    assert len({alert.alert_id for alert in fold.alerts}) == 2
    assert fold.alerts[-1].evidence.speeding is not None
    assert fold.alerts[-1].evidence.speeding.moves == 1


def test_a_quiet_time_ends_an_alert_even_if_the_time_of_the_region_stands_still() -> None:
    """As in a backlog, whose partitions are read one after the other."""
    fold = watched(TOWN_20)
    tell(fold, on(0, 0), on(15, 240), on(30, 0), *ride(25, begin=135), *ride(25, begin=300, readings=3))
    assert lives(fold.alerts) == [
        ("raised", "warning", "bike-1", 15),
        ("updated", "minor", "bike-1", 150),
        ("cleared", "minor", "bike-1", 270),
        ("raised", "warning", "bike-1", 315),
    ]
    assert fold.time(330 + 119, SHANGHAI) == []
    [cleared] = fold.time(330 + 120, SHANGHAI)
    assert cleared.alert_id == fold.alerts[-2].alert_id


def test_crashes_of_both_folds_change_nothing() -> None:
    calm, shaken = watched(TOWN_20), watched(TOWN_20)
    for fold in (calm, shaken):
        tell(fold, *ride(25, readings=3), on(31, 100, bike="bike-2"))
    shaken.checkpoint()
    shaken.checkpoint_incidents()
    for fold in (calm, shaken):
        tell(fold, on(45, 500), on(46, 250, bike="bike-2"))
    shaken.crash()
    shaken.publish()
    shaken.crash_incidents()
    for fold in (calm, shaken):
        fold.time(200, SHANGHAI)
    told = {(a.alert_id, a.sequence): (a.severity, a.updated_at) for a in calm.alerts}
    assert {(a.alert_id, a.sequence): (a.severity, a.updated_at) for a in shaken.alerts} == told
    assert len(told) == 5


@pytest.mark.parametrize("restart", [False, True])
def test_alerts_of_a_rule_that_is_gone_are_cleared_at_the_next_look(restart: bool) -> None:
    fold = watched(TOWN_20)
    tell(fold, *ride(25))
    fold.checkpoint_incidents()
    fold.take(mds(speed_rule(8, 2, maximum=40)))
    if restart:
        fold.crash_incidents()
    [cleared] = fold.time(20, SHANGHAI)
    assert (cleared.action, cleared.summary.partition(";")[0]) == (
        "cleared",
        "the policy has no such rule any more",
    )
    fold.checkpoint_incidents()
    assert [name for name in fold.database.parts["incidents"] if name.startswith("speed/open")] == []


def test_a_policy_that_is_over_judges_nothing_after_its_end() -> None:
    fold = watched(mds(speed_rule(7, 2, maximum=20), end_date=T0 + 60_000))
    tell(fold, *ride(25, begin=50))
    assert fold.alerts == []


def test_zones_of_gbfs_limit_speed_and_global_rules_the_rest() -> None:
    text = gbfs(
        feature(PLAZA, {"ride_end_allowed": True, "maximum_speed_kph": 6}),
        feature(TOWN, {"ride_end_allowed": True}, name=[{"text": "Town", "language": "en"}]),
        global_rules=[{"ride_end_allowed": True, "maximum_speed_kph": 25}],
    )
    policy, findings = parsed(text)
    assert findings.errors == []
    fold = watched(policy)
    tell(fold, at(0, (31.2331, 121.4765), "on_trip"), at(15, (31.2339, 121.4765), "on_trip"))
    tell(fold, *ride(40, begin=30, bike="in-town", readings=5))
    far = (31.30, 121.60)
    tell(fold, at(0, far, "on_trip", bike="out"), at(15, (31.3016, 121.60), "on_trip", bike="out"))
    assert [(alert.subject, alert.zone) for alert in fold.alerts] == [
        ("bike-1", "Plaza"),
        ("out", "global rules"),
    ]


@pytest.mark.parametrize(("start", "end", "subjects"), [(16, 99, []), (0, 15, []), (0, 16, ["bike-1"])])
def test_a_zone_of_gbfs_limits_speed_from_its_start_to_its_end(
    start: int, end: int, subjects: list[str]
) -> None:
    zone = feature(PLAZA, {"ride_end_allowed": True, "maximum_speed_kph": 6})
    zone["properties"] |= {"start": T0 // 1000 + start, "end": T0 // 1000 + end}
    fold = watched(parsed(gbfs(zone))[0])
    tell(fold, at(0, (31.2331, 121.4765), "on_trip"), at(15, (31.2339, 121.4765), "on_trip"))
    assert [alert.subject for alert in fold.alerts] == subjects


def test_what_people_see_of_an_alert_whose_log_is_folded_once_more() -> None:
    fold = watched(TOWN_20)
    tell(fold, *ride(25, readings=4))
    alert = fold.alerts[0]
    assert fold.incidents.version(alert) == alert.policy_version
    assert fold.incidents.seen(alert) == Seen("25 km/h, move 3", "20 km/h", "minor")
    fold.time(300, SHANGHAI)
    assert fold.incidents.seen(alert) == Seen("nothing told", "", "quiet")
    fold.take(mds(speed_rule(8, 2, maximum=40)))
    assert fold.incidents.version(alert) is None


def test_a_message_that_cannot_be_used_is_refused() -> None:
    fold = watched(TOWN_20)
    tell(fold, *ride(25))
    good = msgspec.json.decode(fold.cells[0], type=CellsVehicles)
    assert good.speeds is not None
    for wrong, says in (({"ts": []}, "columns of 0, 1 values"), ({"cell": ["x"]}, "'x' is no H3 cell")):
        speeds = msgspec.structs.replace(good.speeds, **wrong)
        bad = msgspec.structs.replace(good, speeds=speeds)
        assert says in refusal_of(bad)


def refusal_of(message: CellsVehicles) -> str:
    fold = watched(TOWN_20)
    fold.incidents.apply(Record(topics.CELLS, 0, 0, msgspec.json.encode(message), T0))
    [output] = fold.incidents.take_outputs(at_checkpoint=False)
    assert output.topic == topics.REJECTED
    return output.value.decode()


def test_an_alert_that_is_cleared_by_another_version_names_it() -> None:
    fold = watched(TOWN_20)
    tell(fold, *ride(25))
    faster = mds(speed_rule(7, 2, maximum=60))
    fold.take(faster)
    fold.publish()
    [cleared] = fold.time(1_000, SHANGHAI)
    assert (cleared.action, cleared.policy_version) == ("cleared", faster.speeds[0].version)
