"""Alerts of single vehicles: raised, worse, cleared, over crashes of either fold."""

from dataclasses import replace
from typing import Any

import pytest

from schemas import codec
from schemas.alerts import Alert
from schemas.cells import CellsVehicles, VehicleMoves, VehicleNews
from streams import topics
from streams.fleet.jumps import JumpRule
from streams.fleet.news import NewsConfig
from streams.fold.contract import Record
from streams.grid import locate
from streams.incidents.showing import Seen
from streams.incidents.state import IncidentsState
from streams.incidents.vehicles.config import VehiclesConfig
from tests.pipeline import T0, restored
from tests.unit.fleet.road import FAR, HERE, at, cell
from tests.unit.incidents.stays.zones import mds, time_rule
from tests.watched_vehicles import POLICY, Watched, region

EAST = (HERE[0], HERE[1] + 0.0525)
SHANGHAI = region(HERE)
NEWS = NewsConfig(jumps=JumpRule(60.0, 250.0), battery=(15, 30))
VEHICLES = VehiclesConfig(battery=(15, 30))


def watched() -> Watched:
    return Watched(NEWS, VEHICLES)


def charge(seconds: float, percent: int | None, **more: Any) -> dict[str, Any]:
    return {**at(seconds, **more), "battery_percent": percent}


def lives(alerts: list[Alert]) -> list[tuple[str, str, str]]:
    return [(alert.kind, alert.action, alert.severity) for alert in alerts]


def test_a_jump_is_raised_and_cleared_when_it_was_quiet_for_a_while() -> None:
    fold = watched()
    fold.feed(charge(0, 80), {**charge(60, 80), "lat": EAST[0], "lon": EAST[1]})
    fold.publish()
    [alert] = fold.alerts
    assert (alert.kind, alert.severity, alert.subject) == ("impossible_jump", "warning", "bike-1")
    assert (alert.cell, alert.region, alert.starts_at) == (cell(EAST), SHANGHAI, T0 + 60_000)
    assert alert.summary == (
        "bicycle bike-1 (north) moved 5.0 km in 60 s: 299 km/h, and 60 are possible (jump 1)"
    )
    assert alert.evidence.by_operator == {"north": 1}
    assert fold.time(60 + 899, SHANGHAI) == []
    [cleared] = fold.time(60 + 900, SHANGHAI)
    assert (cleared.action, cleared.ends_at, cleared.alert_id) == ("cleared", T0 + 960_000, alert.alert_id)
    assert cleared.summary.startswith("no jump for a while; ")
    assert fold.time(5_000, SHANGHAI) == []


def test_one_glitch_is_a_warning_and_a_third_jump_is_more() -> None:
    fold = watched()
    for i in range(5):
        fold.feed({**charge(60 * i, 80), "lat": HERE[0], "lon": EAST[1] if i % 2 else HERE[1]})
        fold.publish()
    assert lives(fold.alerts) == [
        ("impossible_jump", "raised", "warning"),
        ("impossible_jump", "updated", "minor"),
    ]
    [cleared] = fold.time(240 + 900, SHANGHAI)
    assert cleared.evidence.jump is not None
    assert cleared.evidence.jump.jumps == 4


def test_a_jump_just_as_the_quiet_time_ends_is_of_the_same_alert() -> None:
    fold = watched()
    for seconds, lon in ((0, HERE), (60, EAST), (900, EAST), (960, HERE)):
        fold.feed({**charge(seconds, 80), "lon": lon[1]})
    fold.publish()
    assert [(a.action, a.updated_at - T0) for a in fold.alerts] == [("raised", 60_000)]


def test_a_quiet_time_ends_an_alert_on_jumps_even_if_the_time_of_the_region_stands_still() -> None:
    """As in a backlog, whose partitions are read one after the other; two glitches, an hour apart."""
    fold = watched()
    for hour in (0, 3_600):
        for i in range(3):
            fold.feed({**charge(hour + 60 * i, 80), "lon": EAST[1] if i == 1 else HERE[1]})
    fold.publish()
    assert [(a.action, a.severity, a.updated_at - T0) for a in fold.alerts] == [
        ("raised", "warning", 60_000),
        ("cleared", "warning", 1_020_000),
        ("raised", "warning", 3_660_000),
    ]
    assert fold.time(3_720 + 899, SHANGHAI) == []
    [cleared] = fold.time(3_720 + 900, SHANGHAI)
    assert cleared.alert_id == fold.alerts[-2].alert_id


def test_a_low_battery_is_raised_and_cleared_with_hysteresis() -> None:
    fold = watched()
    for minute, percent in enumerate([50, 14, 20, 12, None, 29, 30, 14]):
        fold.feed(charge(60 * minute, percent))
        fold.publish()
    assert lives(fold.alerts) == [
        ("low_battery", "raised", "warning"),
        ("low_battery", "cleared", "warning"),
        ("low_battery", "raised", "warning"),
    ]
    assert [alert.starts_at for alert in fold.alerts] == [T0 + 60_000, T0 + 60_000, T0 + 420_000]
    assert fold.alerts[0].summary == (
        "battery of bicycle bike-1 (north): 14 %, low below 15 % (the vehicle is available)"
    )


def test_a_low_battery_of_a_vehicle_that_is_taken_away_is_cleared() -> None:
    fold = watched()
    fold.feed(charge(0, 10), charge(60, 10, state="removed"))
    fold.publish()
    assert [alert.action for alert in fold.alerts] == ["raised", "cleared"]
    assert fold.alerts[-1].summary.startswith("the vehicle is removed; ")


def test_a_vehicle_that_leaves_the_region_is_cleared_there() -> None:
    fold = watched()
    fold.feed(charge(0, 10))
    fold.feed(charge(50_000, 10, place=FAR))
    fold.publish()
    told = {(alert.region, alert.action) for alert in fold.alerts}
    assert told == {(SHANGHAI, "raised"), (SHANGHAI, "cleared"), (region(FAR), "raised")}


def test_a_repeated_message_changes_nothing() -> None:
    fold = watched()
    fold.feed(charge(0, 10))
    fold.publish()
    fold.feed(charge(60, 90))
    fold.publish()
    assert len(fold.alerts) == 2
    for value in [*fold.cells]:
        assert fold.hear(value) == []


def test_a_fleet_that_folds_its_log_again_raises_nothing_twice() -> None:
    fold = watched()
    fold.checkpoint_incidents()
    fold.feed(charge(0, 50), charge(60, 10))
    fold.checkpoint()
    fold.feed({**charge(120, 10), "lon": EAST[1]})
    fold.publish()
    before = [*fold.alerts]
    fold.crash()
    fold.publish()
    assert fold.alerts == before
    assert lives(before) == [("low_battery", "raised", "warning"), ("impossible_jump", "raised", "warning")]


def test_incidents_that_crash_tell_the_same_again() -> None:
    fold = watched()
    fold.feed(charge(0, 10), {**charge(60, 10), "lon": EAST[1]})
    fold.publish()
    fold.checkpoint_incidents()
    fold.feed(charge(120, 90))
    fold.publish()
    fold.time(2_000, SHANGHAI)
    after = fold.alerts[2:]
    assert {alert.action for alert in after} == {"cleared"}
    assert fold.crash_incidents() == after
    assert fold.hear(fold.cells[0]) == []  # what was heard is part of the checkpoint


def test_alerts_of_what_is_not_watched_any_more_are_cleared() -> None:
    fold = watched()
    fold.feed(charge(0, 10), {**charge(60, 10), "lon": EAST[1]})
    fold.publish()
    fold.checkpoint_incidents()
    assert fold.crash_incidents(VehiclesConfig(jumps=False)) == []
    cleared = fold.time(100, SHANGHAI)
    assert [(alert.kind, alert.status) for alert in cleared] == [
        ("impossible_jump", "cleared"),
        ("low_battery", "cleared"),
    ]
    assert all(alert.summary.startswith("not watched any more; ") for alert in cleared)
    fold.checkpoint_incidents()
    assert not [name for name in fold.database.parts["incidents"] if "heard" not in name]


def test_a_message_that_cannot_be_read_is_refused() -> None:
    news = VehicleNews([0], ["b"], ["o"], ["bicycle"], [T0], ["nowhere"], ["available"], [3], [[]])
    for wrong in (news, VehicleNews([0], ["b"], ["o"], ["bicycle"], [T0], [], ["available"], [3], [[]])):
        fold = IncidentsState(POLICY, locate.centre, restored(), vehicles=VEHICLES)
        message = CellsVehicles(SHANGHAI, 0, 0, "", False, wrong, VehicleMoves(*([] for _ in range(13))))
        fold.apply(Record(topics.CELLS, 0, 0, codec.encode(message), T0))
        [output] = fold.take_outputs(at_checkpoint=False)
        assert output.topic == topics.REJECTED


def test_what_people_see_of_an_alert_whose_log_is_folded_once_more() -> None:
    fold = watched()
    fold.feed(charge(0, 10), {**charge(60, 10), "lon": EAST[1]})
    fold.publish()
    jump, battery = sorted(fold.alerts, key=lambda alert: alert.kind)
    assert fold.incidents.version(jump) == jump.policy_version == battery.policy_version
    assert fold.incidents.seen(jump) == Seen("299 km/h", "60 km/h", "warning")
    assert fold.incidents.seen(battery) == Seen("10 %", "below 15 %", "warning")
    assert jump.evidence.first_offset == 0


@pytest.mark.parametrize("before", [None, (10, 30)])
def test_a_battery_that_was_low_before_it_was_watched_is_told_within_an_hour(
    before: tuple[int, int] | None,
) -> None:
    """Also where the incidents hear of it with the former limit for a while, as when workers are renewed in turn."""
    fold = Watched(replace(NEWS, battery=before), VehiclesConfig(battery=before))
    fold.feed(charge(0, 50), charge(60, 14))
    fold.checkpoint()
    fold.checkpoint_incidents()
    fold.look_for(NEWS)
    fold.crash()
    fold.feed(charge(3_600, 14))
    fold.publish()
    fold.checkpoint_incidents()
    fold.crash_incidents(VEHICLES)
    for minute in range(61, 180):
        fold.feed(charge(60 * minute, 14))
        fold.publish()
    assert lives(fold.alerts) == [("low_battery", "raised", "warning")]
    assert fold.alerts[0].starts_at == T0 + 7_200_000


def at_other_lines(lines: tuple[int, int], order: str, crash: bool) -> list[Alert]:
    """Four bikes that were low below 15 are told of at 14 %, then two are charged to 25 %; workers are renewed.

    Returns what is told from then on until the region is looked at.
    """
    fold = watched()
    for minute, charges in enumerate(
        [(50, 50, 50, 50), (14, 14, 14, 50), (25, 14, 25, 50), (25, 14, 25, 14)]
    ):
        fold.feed(*(charge(60 * minute, n, bike=f"b{i}") for i, n in enumerate(charges)))
    fold.checkpoint()
    fold.checkpoint_incidents()
    before = len(fold.alerts)
    for worker in order.split():
        if worker == "fleet":
            fold.look_for(replace(NEWS, battery=lines))
            fold.crash()
            fold.publish()
            if crash:  # before the lines are stored: it says the same again
                fold.crash()
            fold.checkpoint()
        else:
            fold.crash_incidents(VehiclesConfig(battery=lines))
        fold.time(200, SHANGHAI)
        fold.checkpoint_incidents()
    fold.crash()
    fold.checkpoint()
    fold.time(300, SHANGHAI)
    return fold.alerts[before:]


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("order", ["fleet incidents", "incidents fleet"])
@pytest.mark.parametrize(
    ("lines", "ended"),
    [((15, 30), []), ((15, 26), []), ((15, 25), ["b0", "b2"]), ((10, 12), ["b0", "b1", "b2", "b3"])],
)
def test_other_lines_end_the_alerts_on_batteries_that_are_fine_by_them_and_tell_nothing_of_the_others(
    lines: tuple[int, int], ended: list[str], order: str, crash: bool
) -> None:
    told = at_other_lines(lines, order, crash)
    assert sorted(alert.subject or "" for alert in told) == ended
    assert {(alert.kind, alert.action) for alert in told} <= {("low_battery", "cleared")}
    assert all(alert.summary.startswith("charged; ") for alert in told)


def test_batteries_that_are_fine_by_other_lines_are_told_once_in_messages_that_kafka_takes() -> None:
    fold = watched()
    fold.feed(*(charge(0, 25, bike=f"b{i}") for i in range(2_500)))
    fold.checkpoint()
    fold.look_for(replace(NEWS, battery=(15, 20)))
    before = len(fold.told)
    for _ in range(2):
        fold.crash()
        fold.checkpoint()
    assert [len(message.news.vehicle_id) for message in fold.told[before:]] == [1_000, 1_000, 500]


def test_a_battery_that_was_charged_is_not_told_again_by_a_fleet_that_begins_anew_with_other_rules() -> None:
    """It tells all that stand in areas of rules as its checkpoint has them; what came since is heard already."""
    one, two = mds(time_rule(7, 2, maximum=90)), mds(time_rule(7, 1, 2, maximum=90))
    fold = Watched(NEWS, VEHICLES, policy=one)
    fold.feed(charge(0, 50), charge(60, 10))
    fold.publish()
    fold.checkpoint()
    fold.feed(charge(120, 90))
    fold.publish()
    assert lives(fold.alerts) == [
        ("low_battery", "raised", "warning"),
        ("low_battery", "cleared", "warning"),
    ]
    fold.take(two)
    fold.crash()
    fold.publish()
    fold.feed(charge(180, 90))
    fold.publish()
    assert len(fold.alerts) == 2
    fold.feed(charge(240, 10))
    fold.publish()
    assert [alert.action for alert in fold.alerts[2:]] == ["raised"]
