"""Vehicles that stand too long, or where none may: from readings to alerts."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from schemas.alerts import Alert
from streams.fleet.news import NewsConfig
from streams.incidents.policy import Policy
from streams.incidents.showing import Seen
from streams.incidents.stays import watch
from streams.incidents.stays.watch import Stay, holds
from streams.incidents.vehicles.config import VehiclesConfig
from tests.pipeline import T0
from tests.unit.fleet.road import FAR, HERE, NEAR, NEXT, at, cell
from tests.unit.incidents.counts.mds import document, geography, identity, policy
from tests.unit.incidents.stays.zones import PLAZA, TOWN, box, feature, gbfs, mds, parsed, time_rule
from tests.watched_vehicles import Watched, region

HOUR = 3_600
SHANGHAI = region(HERE)
EDGE = (31.2335, 121.4775)
"""In the cell of the plaza or one beside it, 30 m outside of the plaza."""


def watched(policy: Policy) -> Watched:
    return Watched(NewsConfig(), VehiclesConfig(jumps=False), policy=policy)


def lives(alerts: list[Alert]) -> list[tuple[str, str, str | None, float]]:
    return [(a.kind, a.action, a.subject, (a.updated_at - T0) / 1000) for a in alerts]


def stand(fold: Watched, *readings: dict[str, Any]) -> None:
    fold.feed(*readings)
    fold.publish()


def test_a_vehicle_that_turns_out_to_be_of_another_type_is_judged_by_the_rules_on_that() -> None:
    """Nothing else of it changes: it stands where it stood."""
    fold = watched(mds(time_rule(7, 1, maximum=5, vehicle_types=["moped"]), time_rule(8, 1, maximum=60)))
    stand(fold, {**at(0), "vehicle_type": "bicycle"})
    assert fold.time(400, SHANGHAI) == []
    stand(fold, {**at(500), "vehicle_type": "moped"})
    [alert] = fold.time(800, SHANGHAI)
    assert alert.evidence.stay is not None
    assert (alert.evidence.stay.rule_id, alert.evidence.stay.since) == (identity(7), T0 + 500_000)
    stand(fold, {**at(900), "vehicle_type": "bicycle"})
    assert lives(fold.alerts)[1:] == [("overstay", "cleared", "bike-1", 900)]


@pytest.mark.parametrize("crash", [False, True])
def test_news_from_ahead_of_the_region_puts_no_look_off(crash: bool) -> None:
    """Its partition is further on than another one: it still stands there when the region has come to the limit."""
    fold = watched(mds(time_rule(7, 1, maximum=30)))
    stand(fold, at(0))
    fold.time(600, SHANGHAI)
    stand(fold, at(2_400, HERE, "reserved"))
    fold.checkpoint_incidents()
    if crash:
        fold.crash_incidents()
    assert lives(fold.time(1_800, SHANGHAI)) == [("overstay", "raised", "bike-1", 1_800)]
    stand(fold, at(2_460, HERE, "removed"))
    assert lives(fold.alerts)[1:] == [("overstay", "cleared", "bike-1", 2_460)]


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("begin", ["00:00:00", "00:30:30"])
def test_time_that_goes_back_ends_nothing(begin: str, crash: bool) -> None:
    """As where a partition that was held up is heard again: it is as far as the one that is least far."""
    fold = watched(mds(time_rule(7, 1, maximum=1, start_time=begin)))
    stand(fold, at(1_800))
    assert lives(fold.time(1_900, SHANGHAI)) == [("overstay", "raised", "bike-1", 1_900)]
    fold.checkpoint_incidents()
    if crash:
        fold.crash_incidents()
    assert fold.time(1_820, SHANGHAI) == []
    assert fold.time(1_910, SHANGHAI) == []
    stand(fold, at(2_200, NEAR, "on_trip"))
    assert lives(fold.alerts) == [
        ("overstay", "raised", "bike-1", 1_900),
        ("overstay", "cleared", "bike-1", 2_200),
    ]


def test_a_vehicle_that_stands_longer_than_it_may_is_told_and_cleared_when_it_rides_off() -> None:
    fold = watched(mds(time_rule(7, 1, maximum=30)))
    stand(fold, at(60), at(70, NEXT, bike="bike-2"))
    assert fold.time(60 + 1_799, SHANGHAI) == []
    [alert] = fold.time(60 + 1_800, SHANGHAI)
    assert (alert.kind, alert.subject, alert.zone, alert.severity) == ("overstay", "bike-1", "Plaza", "minor")
    assert alert.starts_at == T0 + 1_860_000
    assert alert.summary == (
        "bicycle bike-1 (north, available) has stood in Plaza for longer than 30 min ('rule 7')"
    )
    assert alert.evidence.stay is not None
    assert (alert.evidence.stay.since, alert.evidence.stay.limit_ms) == (T0 + 60_000, 1_800_000)
    stand(fold, at(2_000, NEAR))
    assert fold.time(2_100, SHANGHAI) == []
    stand(fold, at(2_200, NEAR, "on_trip"))
    assert lives(fold.alerts) == [
        ("overstay", "raised", "bike-1", 1_860),
        ("overstay", "cleared", "bike-1", 2_200),
    ]
    assert fold.alerts[0].alert_id == fold.alerts[1].alert_id


def test_time_goes_on_while_it_stays_in_the_area_in_a_state_of_the_rule() -> None:
    fold = watched(mds(time_rule(7, 1, maximum=30)))
    stand(fold, at(0))
    stand(fold, at(900, NEAR, "reserved"))
    assert [alert.subject for alert in fold.time(1_800, SHANGHAI)] == ["bike-1"]


def test_a_ride_begins_the_time_anew() -> None:
    fold = watched(mds(time_rule(7, 1, maximum=30)))
    stand(fold, at(0), at(900, HERE, "on_trip"), at(960))
    assert fold.time(2_700, SHANGHAI) == []
    assert len(fold.time(960 + 1_800, SHANGHAI)) == 1


def test_the_position_decides_and_not_the_cell() -> None:
    fold = watched(mds(time_rule(7, 1, maximum=30)))
    stand(fold, at(0), at(0, EDGE, bike="bike-2"))
    assert [alert.subject for alert in fold.time(1_800, SHANGHAI)] == ["bike-1"]


def test_a_vehicle_that_is_moved_within_its_cell_leaves_the_area() -> None:
    beside = next(
        place for place in ((HERE[0], HERE[1] + east) for east in (-6e-4, 8e-4)) if cell(place) == cell(HERE)
    )
    fold = watched(mds(time_rule(7, 1, maximum=30)))
    stand(fold, at(0))
    stand(fold, at(60, beside))
    assert fold.time(7_200, SHANGHAI) == []


def test_a_message_that_comes_again_puts_nobody_back() -> None:
    fold = watched(mds(time_rule(7, 1, maximum=5)))
    stand(fold, at(0))
    stand(fold, at(60, NEXT))
    for value in fold.cells[:-1]:
        fold.hear(value)
    assert fold.time(7_200, SHANGHAI) == []


def test_a_vehicle_that_was_missing_and_came_back_does_not_go_when_that_is_repeated() -> None:
    fold = watched(mds(time_rule(7, 1, maximum=5)))
    stand(fold, at(0))
    stand(fold, at(7 * 3_600, FAR, bike="bike-2"))
    fold.checkpoint()
    missing = fold.cells[-1]
    assert fold.told[-1].news.vehicle_state == ["missing"]
    stand(fold, at(7 * 3_600))
    fold.hear(missing)
    assert [alert.subject for alert in fold.time(8 * 3_600, SHANGHAI)] == ["bike-1"]


def test_where_none_may_be_left_a_vehicle_may_stand_for_the_minimum_duration() -> None:
    fold = watched(mds(time_rule(7, 1, maximum=0)))
    stand(fold, at(0))
    assert fold.time(119, SHANGHAI) == []
    [alert] = fold.time(120, SHANGHAI)
    assert alert.kind == "no_parking"
    assert (
        alert.summary == "bicycle bike-1 (north, available) is parked in Plaza, where none may be ('rule 7')"
    )
    stand(fold, at(300, NEXT))
    assert fold.alerts[-1].action == "cleared"
    assert fold.alerts[-1].summary.startswith("the vehicle is gone from there (available); ")


def test_the_first_rule_in_effect_decides() -> None:
    rules = time_rule(7, 1, maximum=60), time_rule(8, 2, maximum=10)
    fold = watched(mds(*rules))
    stand(fold, at(0), at(0, NEXT, bike="bike-2"))
    assert [alert.subject for alert in fold.time(600, SHANGHAI)] == ["bike-2"]
    [alert] = fold.time(3_600, SHANGHAI)
    assert (alert.subject, alert.evidence.stay and alert.evidence.stay.rule_id) == ("bike-1", identity(7))


def test_time_outside_of_the_hours_does_not_count() -> None:
    """T0 is midnight; from 00:10 to 00:20 nobody may stand for more than five minutes."""
    assert datetime.fromtimestamp(T0 / 1000, UTC).hour == 0
    fold = watched(mds(time_rule(7, 1, maximum=5, start_time="00:10:00", end_time="00:20:00")))
    stand(fold, at(0))
    for second in range(0, 900, 30):
        assert fold.time(second, SHANGHAI) == []
    [alert] = fold.time(900, SHANGHAI)
    assert alert.evidence.stay is not None
    assert alert.evidence.stay.since == T0 + 600_000
    [cleared] = fold.time(1_201, SHANGHAI)
    assert (cleared.action, cleared.summary.partition(";")[0]) == ("cleared", "within the rules")


def test_a_policy_is_about_its_operators_and_types() -> None:
    fold = watched(mds(time_rule(7, 1, maximum=5, vehicle_types=["moped"]), provider_ids=["north"]))
    mopeds = [
        {**at(0, bike=f"m-{name}", operator=name), "vehicle_type": "moped"} for name in ("north", "south")
    ]
    stand(fold, {**at(0), "vehicle_type": "bicycle"}, *mopeds)
    assert [alert.subject for alert in fold.time(300, SHANGHAI)] == ["m-north"]


def test_a_vehicle_that_is_taken_away_leaves_or_is_missing_is_cleared() -> None:
    fold = watched(mds(time_rule(7, 1, maximum=5)))
    stand(fold, *(at(0, bike=f"bike-{n}") for n in range(3)))
    assert len(fold.time(300, SHANGHAI)) == 3
    stand(fold, at(400, HERE, "removed", bike="bike-0"))
    stand(fold, at(7_000, FAR, bike="bike-1"))
    stand(fold, at(7 * 3_600, bike="bike-3"))
    fold.checkpoint()
    cleared = {a.subject: a.summary.partition(";")[0] for a in fold.alerts if a.action == "cleared"}
    assert cleared == {
        "bike-0": "the vehicle is gone from there (removed)",
        "bike-1": "the vehicle is gone from there (elsewhere)",
        "bike-2": "the vehicle is gone from there (missing)",
    }


def test_crashes_of_both_folds_change_nothing() -> None:
    calm, shaken = (watched(mds(time_rule(7, 1, maximum=5))) for _ in range(2))
    for fold in (calm, shaken):
        stand(fold, at(0), at(0, NEXT, bike="bike-2"))
    shaken.checkpoint()
    shaken.checkpoint_incidents()
    for fold in (calm, shaken):
        stand(fold, at(100, NEAR, bike="bike-2"))
        fold.time(310, SHANGHAI)
    shaken.crash()
    shaken.publish()
    shaken.crash_incidents()
    shaken.checkpoint()
    for fold in (calm, shaken):
        fold.time(400, SHANGHAI)
        stand(fold, at(500, NEXT))
        fold.time(600, SHANGHAI)
    told = {(alert.alert_id, alert.sequence): alert.updated_at for alert in calm.alerts}
    assert {(alert.alert_id, alert.sequence): alert.updated_at for alert in shaken.alerts} == told
    assert len(told) == 3


def test_another_policy_without_a_restart_and_with_one() -> None:
    later = mds(time_rule(7, 1, maximum=5), end_date=T0 + 1_000_000)
    for restart in (False, True):
        fold = watched(later)
        stand(fold, at(0), at(0, NEXT, bike="bike-2"))
        fold.checkpoint()
        fold.time(300, SHANGHAI)
        new = mds(time_rule(8, 2, maximum=10))
        fold.take(new)
        if restart:
            fold.crash()
        fold.checkpoint()
        told = fold.alerts[1:] + fold.time(310, SHANGHAI)
        assert [(a.subject, a.action) for a in fold.alerts] == [("bike-1", "raised"), ("bike-1", "cleared")]
        assert told
        alerts = fold.time(600, SHANGHAI)
        assert [(a.subject, a.evidence.stay and a.evidence.stay.rule_id) for a in alerts] == [
            ("bike-1", identity(8)),
            ("bike-2", identity(8)),
        ]


@pytest.mark.parametrize("crash", [False, True])
def test_an_alert_whose_rule_was_taken_away_ends_as_the_policy_has_changed(crash: bool) -> None:
    """The areas are the same, so that no vehicle is told anew; it stands where it may not by another rule still."""
    both = time_rule(7, 1, maximum=5), time_rule(8, 1, maximum=60)
    fold = watched(mds(*both))
    stand(fold, at(0))
    [first] = fold.time(300, SHANGHAI)
    fold.checkpoint()
    fold.take(mds(both[1]))
    if crash:
        fold.crash()
    [ended] = fold.time(400, SHANGHAI)
    assert (ended.alert_id, ended.action) == (first.alert_id, "cleared")
    assert ended.summary == f"the policy has changed; {first.summary}"


def test_a_crash_right_after_another_policy_brings_nobody_back_who_has_left() -> None:
    fold = watched(mds(time_rule(7, 1, maximum=5)))
    stand(fold, at(0))
    fold.checkpoint()
    fold.take(mds(time_rule(8, 2, maximum=10)))
    fold.publish()
    stand(fold, at(60, HERE, "on_trip"))
    fold.crash()
    fold.publish()
    assert fold.time(7_200, SHANGHAI) == []


def test_a_policy_without_areas_forgets_where_vehicles_stand_and_the_next_areas_who_had_an_alert() -> None:
    fold = watched(mds(time_rule(7, 1, maximum=5)))
    stand(fold, at(0), at(200, bike="bike-2"))
    fold.time(300, SHANGHAI)
    fold.take(parsed(gbfs())[0])
    fold.publish()
    fold.time(400, SHANGHAI)
    assert [alert.action for alert in fold.alerts] == ["raised", "cleared"]
    stand(fold, at(500, FAR))
    fold.checkpoint_incidents()
    assert [name for name in stored(fold) if name.startswith("stay/at/")] == [f"stay/at/{SHANGHAI}/bike-1"]
    fold.take(mds(time_rule(7, 1, maximum=5)))
    fold.publish()
    fold.checkpoint_incidents()
    assert [name for name in stored(fold) if name.startswith("stay/at/")] == [f"stay/at/{SHANGHAI}/bike-2"]


def stored(fold: Watched) -> list[str]:
    return [name for name in fold.database.parts["incidents"] if name.startswith("stay/")]


@pytest.mark.parametrize("crash", [False, True])
def test_the_alert_of_a_rule_that_was_away_and_is_back_is_another_one(crash: bool) -> None:
    """It stands there all the time and says nothing: all else is as it was when the first alert began."""
    rule = mds(time_rule(7, 1, maximum=5))
    fold = watched(rule)
    stand(fold, at(0))
    for second, file in ((300, rule), (310, parsed(gbfs())[0]), (320, rule)):
        fold.take(file)
        fold.publish()
        fold.time(second, SHANGHAI)
        fold.checkpoint_incidents()
        if crash:
            fold.crash_incidents()
    first, cleared, again = fold.alerts
    assert [alert.action for alert in fold.alerts] == ["raised", "cleared", "raised"]
    assert first.alert_id == cleared.alert_id != again.alert_id


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("told_first", [False, True])
def test_time_goes_on_where_the_outline_of_a_rule_is_drawn_anew(told_first: bool, crash: bool) -> None:
    """An hour is allowed. It reports every ten minutes; after fifty the plaza becomes ten metres wider."""
    fold = watched(plaza(PLAZA))
    for minute in range(0, 60, 10):
        stand(fold, at(60 * minute))
    wider = plaza(box(121.4760, 31.2330, 121.4773, 31.2340))
    if told_first:
        fold.take_in_fleet(wider)
        fold.publish()
        fold.time(50 * 60 + 1, SHANGHAI)
        fold.take(wider)
    else:
        fold.take(wider)
        fold.time(50 * 60 + 1, SHANGHAI)
        fold.publish()
    fold.checkpoint_incidents()
    if crash:
        fold.crash_incidents()
    assert fold.time(3_599, SHANGHAI) == []
    [alert] = fold.time(3_600, SHANGHAI)
    assert alert.evidence.stay is not None
    assert alert.evidence.stay.since == T0


@pytest.mark.parametrize(
    ("state", "battery", "counted"), [("available", 10, True), ("reserved", 80, True), ("on_trip", 80, False)]
)
def test_time_goes_on_where_something_else_is_told_before_the_new_outline(
    state: str, battery: int, counted: bool
) -> None:
    """A trip in between begins the time anew."""
    fold = Watched(NewsConfig(battery=(20, 30)), VehiclesConfig(jumps=False), policy=plaza(PLAZA))
    stand(fold, at(0) | {"battery_percent": 80})
    wider = plaza(box(121.4760, 31.2330, 121.4773, 31.2340))
    fold.incidents.take_policy(wider)
    stand(fold, at(50 * 60, state=state) | {"battery_percent": battery})
    stand(fold, at(51 * 60) | {"battery_percent": battery})
    fold.take(wider)
    fold.publish()
    assert len(fold.time(3_600, SHANGHAI)) == counted
    assert len(fold.time(51 * 60 + 3_600, SHANGHAI)) == (not counted)


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("told_first", [False, True])
@pytest.mark.parametrize(("east", "goes_on"), [(121.4773, True), (121.4762, False)])
def test_an_alert_goes_on_where_the_outline_of_its_rule_is_drawn_anew_around_the_vehicle(
    told_first: bool, crash: bool, east: float, goes_on: bool
) -> None:
    fold = watched(plaza(PLAZA))
    stand(fold, at(0))
    [alert] = fold.time(3_600, SHANGHAI)
    other = plaza(box(121.4760, 31.2330, east, 31.2340))
    steps = [lambda: fold.take(other), fold.publish]
    if told_first:
        fold.take_in_fleet(other)
        steps.reverse()
    for second, step in enumerate(steps):
        step()
        fold.time(3_610 + second, SHANGHAI)
        fold.checkpoint_incidents()
        if crash:
            fold.crash_incidents()
    fold.time(3_620, SHANGHAI)
    stand(fold, at(3_630, HERE, "on_trip"))
    told = {(one.alert_id, one.action): one.updated_at - T0 for one in fold.alerts}
    assert told.keys() == {(alert.alert_id, "raised"), (alert.alert_id, "cleared")}
    assert (told[alert.alert_id, "cleared"] == 3_630_000) is goes_on


def test_time_begins_anew_where_a_vehicle_is_moved_into_what_an_outline_left_out_for_a_while() -> None:
    fold = watched(plaza(PLAZA))
    stand(fold, at(0))
    fold.take(plaza(box(121.4760, 31.2330, 121.4761, 31.2340)))
    fold.publish()
    stand(fold, at(600, HERE, "on_trip"), at(660))
    fold.take(plaza(PLAZA))
    fold.publish()
    assert fold.time(660 + 3_599, SHANGHAI) == []
    assert len(fold.time(660 + 3_600, SHANGHAI)) == 1


def plaza(area: dict[str, Any], **fields: Any) -> Policy:
    """An hour is allowed in this area."""
    made = policy(1, time_rule(7, 1, maximum=60, **fields), start_date=T0, published_date=T0 - 3_600_000)
    found, findings = parsed(document([made], [geography(1, area, "Plaza")]))
    assert not findings.errors
    return found


def test_zones_of_gbfs_are_no_parking_and_all_else_is_outside_of_the_service_area() -> None:
    text = gbfs(
        feature(PLAZA, {"ride_end_allowed": False, "ride_through_allowed": True}),
        feature(TOWN, {"ride_end_allowed": True}, name=[{"text": "Town", "language": "en"}]),
        global_rules=[{"ride_end_allowed": False}],
    )
    policy, findings = parsed(text)
    assert findings.errors == []
    fold = watched(policy)
    stand(fold, at(0), at(0, NEXT, bike="in-town"), at(0, (31.30, 121.60), bike="out-of-town"))
    stand(fold, at(1, (31.31, 121.61), "on_trip", bike="rides"))
    alerts = fold.time(120, SHANGHAI)
    assert [(alert.subject, alert.kind) for alert in alerts] == [
        ("bike-1", "no_parking"),
        ("out-of-town", "outside_service_area"),
    ]
    assert alerts[1].summary == (
        "bicycle out-of-town (north, available) is parked where no zone allows it ('global rules')"
    )


@pytest.mark.parametrize(
    ("rule", "dates", "kinds"),
    [
        ({"ride_end_allowed": True}, {}, []),
        ({"ride_end_allowed": True, "vehicle_type_ids": ["bicycle"]}, {}, []),
        ({"ride_end_allowed": True, "vehicle_type_ids": ["scooter_standing"]}, {}, ["outside_service_area"]),
        ({"ride_end_allowed": True}, {"end": T0 // 1000 - 1}, ["outside_service_area"]),
        ({"ride_end_allowed": False, "vehicle_type_ids": ["scooter_standing"]}, {}, ["outside_service_area"]),
        ({"ride_end_allowed": False}, {}, ["no_parking"]),
    ],
)
def test_global_rules_of_gbfs_give_way_to_zones_in_force_with_a_rule_for_the_type(
    rule: dict[str, Any], dates: dict[str, int], kinds: list[str]
) -> None:
    zone = feature(PLAZA, rule)
    zone["properties"] |= dates
    policy, findings = parsed(gbfs(zone, global_rules=[{"ride_end_allowed": False}]))
    assert findings.errors == []
    fold = watched(policy)
    stand(fold, at(0))
    assert [alert.kind for alert in fold.time(120, SHANGHAI)] == kinds


def test_global_rules_of_gbfs_hold_everywhere_where_there_is_no_zone() -> None:
    policy, findings = parsed(gbfs(global_rules=[{"ride_end_allowed": False}]))
    assert findings.errors == []
    fold = watched(policy)
    stand(fold, at(0), at(0, (31.30, 121.60), bike="out-of-town"), at(1, NEXT, "on_trip", bike="rides"))
    alerts = fold.time(120, SHANGHAI)
    assert [(alert.subject, alert.kind) for alert in alerts] == [
        ("bike-1", "outside_service_area"),
        ("out-of-town", "outside_service_area"),
    ]


def test_the_last_zone_of_gbfs_may_be_taken_away() -> None:
    rest = [{"ride_end_allowed": True, "maximum_speed_kph": 25}]
    before, _ = parsed(gbfs(feature(PLAZA, {"ride_end_allowed": False}), global_rules=rest))
    after, findings = parsed(gbfs(global_rules=rest))
    assert findings.errors == []
    fold = watched(before)
    stand(fold, at(0))
    [raised] = fold.time(120, SHANGHAI)
    stand(fold, at(120))
    fold.take(after)
    fold.publish()
    fold.time(121, SHANGHAI)
    cleared = fold.alerts[-1]
    assert (cleared.alert_id, cleared.action) == (raised.alert_id, "cleared")
    assert cleared.summary == f"the policy has changed; {raised.summary}"


def test_where_the_rule_of_an_earlier_policy_is_broken_too_its_alert_says_why_the_other_ends() -> None:
    """Downtown for five minutes, in the city for ten."""
    made = [
        policy(number, rule, start_date=T0, published_date=T0 - 3_600_000)
        for number, rule in enumerate((time_rule(7, 2, maximum=10), time_rule(8, 1, maximum=5)))
    ]
    found, findings = parsed(document(made, [geography(1, PLAZA, "Plaza"), geography(2, TOWN, "Town")]))
    assert findings.errors == []
    fold = watched(found)
    stand(fold, at(0))
    [first] = fold.time(300, SHANGHAI)
    ended, second = fold.time(600, SHANGHAI)
    assert (ended.alert_id, ended.action, second.action) == (first.alert_id, "cleared", "raised")
    assert ended.summary == f"another rule is broken, which is told instead; {first.summary}"


@pytest.mark.parametrize("limits", [(10, 5), (5, 10)])
def test_of_several_limits_the_one_that_is_reached_first_is_told_in_time(limits: tuple[int, int]) -> None:
    made = [
        policy(number, time_rule(7 + number, 1, maximum=limit), start_date=T0, published_date=T0 - 3_600_000)
        for number, limit in enumerate(limits)
    ]
    found, findings = parsed(document(made, [geography(1, PLAZA, "Plaza")]))
    assert findings.errors == []
    fold = watched(found)
    stand(fold, at(0))
    assert fold.time(60, SHANGHAI) == []
    assert lives(fold.time(300, SHANGHAI)) == [("overstay", "raised", "bike-1", 300)]


def test_no_alert_has_the_id_of_one_that_an_earlier_version_told() -> None:
    """That stored one time for all rules, before which none of their alerts may begin."""
    reserved = {"maximum": 0, "states": {"reserved": []}, "start_time": "00:20:00"}
    fold = watched(mds(time_rule(7, 1, **reserved), time_rule(8, 1, maximum=15)))
    stand(fold, at(0))
    fold.time(1_000, SHANGHAI)
    stand(fold, at(1_100, HERE, "reserved"))
    fold.time(1_210, SHANGHAI)
    fold.checkpoint_incidents()
    parts = fold.database.parts["incidents"]
    (name,) = (name for name in parts if name.startswith("stay/at/"))
    stay = msgspec.msgpack.decode(parts[name], type=Stay)
    stay.not_before = T0 + 900_001
    parts[name] = msgspec.msgpack.encode(stay)
    fold.crash_incidents()
    fold.time(1_400, SHANGHAI)
    stand(fold, at(1_500))
    fold.time(1_501, SHANGHAI)
    begun = [(alert.kind, alert.starts_at) for alert in fold.alerts if alert.action == "raised"]
    assert begun == [
        ("overstay", T0 + 900_000),
        ("no_parking", T0 + 1_320_000),
        ("overstay", T0 + 900_001),
    ]


@pytest.mark.parametrize("crash", [False, True])
def test_an_alert_begins_when_its_time_is_over_whatever_another_rule_told_before(crash: bool) -> None:
    """Reserved vehicles may not be left there from twenty past on, others for a quarter of an hour."""
    reserved = {"maximum": 0, "states": {"reserved": []}, "start_time": "00:20:00"}
    fold = watched(mds(time_rule(7, 1, **reserved), time_rule(8, 1, maximum=15)))
    stand(fold, at(0, HERE, "reserved"))
    fold.time(1_400, SHANGHAI)
    fold.checkpoint_incidents()
    if crash:
        fold.crash_incidents()
    stand(fold, at(1_500))
    fold.time(1_501, SHANGHAI)
    begun = [(alert.kind, alert.starts_at) for alert in fold.alerts if alert.action == "raised"]
    assert begun == [("no_parking", T0 + 1_320_000), ("overstay", T0 + 900_000)]


def test_a_zone_of_gbfs_counts_from_its_start_to_its_end() -> None:
    zone = feature(PLAZA, {"ride_end_allowed": False})
    zone["properties"] |= {"start": T0 // 1000 + 600, "end": T0 // 1000 + 1200}
    fold = watched(parsed(gbfs(zone))[0])
    stand(fold, at(0))
    assert fold.time(719, SHANGHAI) == []
    [alert] = fold.time(720, SHANGHAI)
    assert (alert.kind, alert.subject, alert.starts_at) == ("no_parking", "bike-1", T0 + 600_000 + 120_000)
    assert fold.time(1199, SHANGHAI) == []
    [cleared] = fold.time(1200, SHANGHAI)
    assert (cleared.alert_id, cleared.action) == (alert.alert_id, "cleared")


def test_zones_of_gbfs_on_the_same_ground_count_each_in_its_time() -> None:
    spans = []
    for start, end in ((0, 600), (1200, 1800)):
        spans.append(feature(PLAZA, {"ride_end_allowed": False}, name=f"from {start}"))
        spans[-1]["properties"] |= {"start": T0 // 1000 + start, "end": T0 // 1000 + end}
    fold = watched(parsed(gbfs(*spans))[0])
    stand(fold, at(0))
    for second in range(0, 2000, 10):
        fold.time(second, SHANGHAI)
    assert lives(fold.alerts) == [
        ("no_parking", "raised", "bike-1", 120),
        ("no_parking", "cleared", "bike-1", 600),
        ("no_parking", "raised", "bike-1", 1320),
        ("no_parking", "cleared", "bike-1", 1800),
    ]
    assert [alert.zone for alert in fold.alerts] == ["from 0", "from 0", "from 1200", "from 1200"]


def test_zones_of_gbfs_on_the_same_ground_are_each_about_their_types() -> None:
    zones = (
        feature(PLAZA, {"ride_end_allowed": allowed, "vehicle_type_ids": [name]})
        for name, allowed in (("moped", False), ("bicycle", True))
    )
    fold = watched(parsed(gbfs(*zones))[0])
    stand(fold, at(0))
    assert fold.time(120, SHANGHAI) == []


def test_a_zone_of_gbfs_that_begins_later_than_was_said_counts_from_then() -> None:
    def begins(second: int) -> Policy:
        zone = feature(PLAZA, {"ride_end_allowed": False})
        zone["properties"] |= {"start": T0 // 1000 + second}
        return parsed(gbfs(zone))[0]

    fold = watched(begins(0))
    stand(fold, at(0))
    assert fold.time(60, SHANGHAI) == []
    fold.take(begins(90))
    fold.publish()
    assert fold.time(209, SHANGHAI) == []
    [alert] = fold.time(210, SHANGHAI)
    assert alert.starts_at == T0 + 210_000


def test_a_night_in_which_nothing_was_heard_does_not_count_either() -> None:
    """Two hours are allowed from 08:00 to 20:00. It stands there since 19:00; from 19:30 to 08:10 nobody looked."""
    fold = watched(mds(time_rule(7, 1, maximum=120, start_time="08:00:00", end_time="19:59:59")))
    stand(fold, at(19 * HOUR))
    fold.time(19.5 * HOUR, SHANGHAI)
    assert fold.time(32 * HOUR + 600, SHANGHAI) == []
    [alert] = fold.time(34 * HOUR, SHANGHAI)
    assert alert.evidence.stay is not None
    assert alert.evidence.stay.since == T0 + 32 * HOUR * 1000


@pytest.mark.parametrize("crash", [False, True])
def test_an_alert_that_was_open_before_such_a_night_ends_with_its_hours(crash: bool) -> None:
    """Half an hour is allowed from 08:00 to 20:00. It stands there since 18:00; from 19:30 to 08:40 nobody looked."""
    fold = watched(mds(time_rule(7, 1, maximum=30, start_time="08:00:00", end_time="19:59:59")))
    stand(fold, at(18 * HOUR))
    [evening] = fold.time(19.5 * HOUR, SHANGHAI)
    if crash:
        fold.checkpoint()
        fold.crash()
    cleared, morning = fold.time(32 * HOUR + 2_400, SHANGHAI)
    assert (cleared.alert_id, cleared.action) == (evening.alert_id, "cleared")
    assert cleared.summary.startswith("the rule was not in effect in between; ")
    assert (morning.action, morning.starts_at) == ("raised", T0 + (32 * HOUR + 1_800) * 1000)
    assert morning.alert_id != evening.alert_id


def look_every_minute(fold: Watched, begin: int, end: float) -> None:
    for second in range(begin, int(end), 60):
        assert fold.time(second, SHANGHAI) == []


@pytest.mark.parametrize("crash", [False, True])
def test_a_rule_whose_hours_change_counts_from_when_these_begin(crash: bool) -> None:
    """It stands there since eight; at half past twelve the rule becomes one of an hour, from noon on."""
    fold = watched(mds(time_rule(7, 1, maximum=300, start_time="09:00:00", end_time="17:00:00")))
    stand(fold, at(8 * HOUR))
    look_every_minute(fold, 8 * HOUR, 12.5 * HOUR)
    fold.checkpoint_incidents()
    fold.take(mds(time_rule(7, 1, maximum=60, start_time="12:00:00", end_time="14:00:00")))
    fold.publish()
    if crash:
        fold.crash_incidents()
    look_every_minute(fold, 12 * HOUR + 1800, 13 * HOUR)
    [alert] = fold.time(13 * HOUR, SHANGHAI)
    assert alert.starts_at == T0 + 13 * HOUR * 1000


def test_a_vehicle_that_has_stood_for_too_long_by_the_hours_of_a_new_rule_is_told_at_once() -> None:
    other = time_rule(9, 1, maximum=100_000)
    fold = watched(mds(other))
    stand(fold, at(8 * HOUR))
    look_every_minute(fold, 8 * HOUR, 12.5 * HOUR)
    fold.take(mds(time_rule(7, 1, maximum=60, start_time="09:00:00", end_time="17:00:00"), other))
    fold.publish()
    [alert] = fold.time(12.5 * HOUR, SHANGHAI)
    assert alert.starts_at == T0 + 10 * HOUR * 1000


def test_since_when_hours_were_in_effect_is_kept_no_more() -> None:
    """Earlier versions did, by rule."""
    fold = watched(mds(time_rule(7, 1, maximum=60, start_time="09:00:00", end_time="17:00:00")))
    fold.incidents._stays.restore(f"effect/{SHANGHAI}/{identity(7)}", msgspec.msgpack.encode(T0))
    assert fold.incidents._stays.take_parts() == {f"effect/{SHANGHAI}/{identity(7)}": None}


def test_a_rule_with_hours_that_was_away_counts_from_the_first_of_them() -> None:
    """Nobody may stand for an hour or more in the morning; it was not in the file from the first evening on."""
    night, day = 20 * 3_600, 24 * 3_600
    other = time_rule(9, 2, maximum=100_000)
    rule = time_rule(7, 1, maximum=60, start_time="00:00:00", end_time="12:00:00")
    fold = watched(mds(rule, other))
    stand(fold, at(0, NEXT, bike="in-town"))
    fold.time(3_600, SHANGHAI)
    fold.take(mds(other))
    fold.publish()
    fold.time(night, SHANGHAI)
    stand(fold, at(night))
    fold.time(day - 60, SHANGHAI)
    fold.take(mds(rule, other))
    fold.publish()
    assert fold.time(day + 60, SHANGHAI) == []
    assert fold.time(day + 3_599, SHANGHAI) == []
    assert [alert.subject for alert in fold.time(day + 3_600, SHANGHAI)] == ["bike-1"]


def test_a_rule_that_becomes_one_of_another_kind_has_one_alert() -> None:
    fold = watched(mds(time_rule(7, 1, maximum=5)))
    stand(fold, at(0))
    fold.time(300, SHANGHAI)
    fold.take(mds(time_rule(7, 1, maximum=0)))
    fold.publish()
    fold.time(310, SHANGHAI)
    fold.time(400, SHANGHAI)
    assert [(alert.kind, alert.action) for alert in fold.alerts] == [
        ("overstay", "raised"),
        ("overstay", "cleared"),
        ("no_parking", "raised"),
    ]


def test_an_alert_that_is_cleared_by_another_version_names_it() -> None:
    fold = watched(mds(time_rule(7, 1, maximum=5)))
    stand(fold, at(0))
    fold.time(300, SHANGHAI)
    longer = mds(time_rule(7, 1, maximum=60))
    fold.take(longer)
    fold.publish()
    [cleared] = fold.time(310, SHANGHAI)
    assert (cleared.action, cleared.policy_version) == ("cleared", longer.stays[0].version)


def test_what_people_see_of_an_alert_whose_log_is_folded_once_more() -> None:
    fold = watched(mds(time_rule(7, 1, maximum=5)))
    stand(fold, at(0))
    [alert] = fold.time(300, SHANGHAI)
    assert fold.incidents.version(alert) == alert.policy_version
    assert fold.incidents.seen(alert) == Seen(
        "stands there since 2026-01-01 00:00:00", "300 s in Plaza", "broken"
    )
    assert alert.evidence.first_offset == 1
    stand(fold, at(400, NEXT))
    assert fold.incidents.seen(alert) == Seen("stands elsewhere", "300 s in Plaza", "quiet")


def test_an_alert_ends_with_its_hours_though_the_outline_of_its_rule_is_drawn_anew() -> None:
    """The fleet never takes the newer file."""
    hours = {"start_time": "00:00:00", "end_time": "01:59:59"}
    fold = watched(plaza(PLAZA, **hours))
    stand(fold, at(0))
    assert len(fold.time(3_600, SHANGHAI)) == 1
    fold.take(plaza(box(121.4760, 31.2330, 121.4773, 31.2340), **hours))
    assert fold.time(7_199, SHANGHAI) == []
    [alert] = fold.time(7_200, SHANGHAI)
    assert alert.action == "cleared"


@pytest.mark.parametrize("restart", [False, True])
def test_of_thousands_of_zones_those_under_a_vehicle_are_asked_alone(
    monkeypatch: pytest.MonkeyPatch, restart: bool
) -> None:
    """Three bikes stand in a zone each, of 400; they stand there still when the file is taken anew."""
    asked = []

    def counted(*given: Any) -> bool:
        asked.append(given)
        return holds(*given)

    ban = {"ride_end_allowed": False, "ride_through_allowed": True}
    sides = range(20)
    zones = [
        box(121.30 + x / 100, 31.20 + y / 100, 121.301 + x / 100, 31.201 + y / 100)
        for x in sides
        for y in sides
    ]
    policy, findings = parsed(gbfs(*(feature(zone, ban, name=f"zone {n}") for n, zone in enumerate(zones))))
    assert not findings.errors
    fold = watched(policy)
    monkeypatch.setattr(watch, "holds", counted)
    for number in range(3):
        stand(fold, at(number, (31.2005 + number / 100, 121.3005), bike=f"bike-{number}"))
    fold.checkpoint_incidents()
    if restart:
        fold.crash_incidents()
    else:
        fold.incidents.take_policy(policy)
    alerts = fold.time(200, region((31.2, 121.3)))
    assert [(alert.subject, alert.zone) for alert in alerts] == [(f"bike-{n}", f"zone {n}") for n in range(3)]
    assert len(asked) <= 12
