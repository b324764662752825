"""Alerts of each family folded once more: the same events and evidence, step by step, or why it cannot be told."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import get_args

import pytest
from rich.console import Console

from schemas.alerts import Alert, AlertKind
from streams import topics
from streams.commands.replay import _DECIDING, _check_version, _show
from streams.errors import CannotReplay
from streams.fold.contract import Record
from streams.grid.locate import centre, rings
from streams.incidents.forecast.watch import ForecastRule
from streams.incidents.health.config import HealthConfig
from streams.incidents.hotspot.rule import HotSpotRule
from streams.incidents.hotspot.scan import RINGS
from streams.incidents.joint.book import JointConfig
from streams.incidents.policy import Rule, parse
from streams.incidents.replay import Step, differences, other_damping, steps
from streams.incidents.state import IncidentsState
from tests.pipeline import T0, restored
from tests.sensor_road import Reading, SensorRoad
from tests.unit.fleet.road import NEAR, at
from tests.unit.incidents import test_anomaly_alerts as anomalies
from tests.unit.incidents.counts import mds
from tests.unit.incidents.counts.test_count_alerts import MINUTE, MONDAY, A, bikes, rule
from tests.unit.incidents.forecast import test_forecast_alerts as forecasts
from tests.unit.incidents.grouping.grouped import config as groups
from tests.unit.incidents.health.test_drift import NAMES, PLACES, calm
from tests.unit.incidents.health.test_operators import fleet
from tests.unit.incidents.health.test_sensors import live
from tests.unit.incidents.hotspot.calls import Desk, burst, by_chance
from tests.unit.incidents.joint import streets
from tests.unit.incidents.stays import test_stay_alerts as stays
from tests.unit.incidents.stays.zones import mds as mds_zones
from tests.unit.incidents.stays.zones import time_rule
from tests.unit.incidents.test_damping import AT_ONCE, FLAPS, Damped
from tests.unit.incidents.test_lifecycle import CELL, Incidents
from tests.unit.incidents.vehicles import test_vehicle_alerts as vehicles

POLICY = parse(None, Rule("default", 60, 1.0, 0.8, 120_000), "default")
HEALTH = HealthConfig()


def again(fold: IncidentsState, log: Sequence[bytes], stored: Sequence[Alert]) -> list[Step]:
    """Fold a log up to what decided last, and hold what comes out against the events of an alert."""
    place = stored[-1].evidence
    records = (
        Record(topics.CELLS, place.partition, n, value, 0) for n, value in enumerate(log[: place.offset + 1])
    )
    assert place.first_offset is not None
    found = list(steps(fold, records, stored[-1], place.first_offset))
    assert differences(stored, [step.event for step in found if step.event is not None]) == []
    return found


def of(kind: str, events: Iterable[Alert], subject: str | None = None) -> list[Alert]:
    """Return the events of the first alert of a kind (and subject)."""
    mine = [event for event in events if event.kind == kind and subject in (None, event.subject)]
    return [event for event in mine if event.alert_id == mine[0].alert_id]


def shown(found: Sequence[Step]) -> list[tuple[str, str]]:
    """Return value and state of each step, once where they are the same in a row."""
    told: list[tuple[str, str]] = []
    for step in found:
        if not told or told[-1] != (step.seen.value, step.seen.state):
            told.append((step.seen.value, step.seen.state))
    return told


def refused(fold: IncidentsState, alert: Alert) -> str:
    """Return why another fold is not taken for the one that judged an alert."""
    with pytest.raises(CannotReplay) as found:
        _check_version(fold.version(alert), alert)
    return str(found.value)


def watching(health: HealthConfig = HEALTH) -> IncidentsState:
    return IncidentsState(POLICY, centre, restored(), health=health)


def test_a_silent_sensor_shows_when_it_was_heard_last_and_when_that_is_too_long_ago() -> None:
    road = SensorRoad(1)
    events = live(road, range(30), ("a", "b")) + live(road, range(30, 60), ("b",))
    events += live(road, range(60, 62), ("a", "b"))
    found = again(watching(), road.incidents.log, of("sensor_silent", events))
    assert shown(found)[-2:] == [
        ("last heard 2026-01-01 00:29:00", "active minor"),
        ("last heard 2026-01-01 01:00:00", "quiet"),
    ]
    assert found[0].event is None
    assert found[0].seen.threshold.startswith("silent from 2026-01-01 00:41:")
    assert found[0].at >= events[0].starts_at
    other = refused(watching(replace(HEALTH, silent_ms=700_000)), events[0])
    assert "UB_SILENT_AFTER_S" in other


def test_stuck_and_broken_sensors_show_what_they_say_and_how_often() -> None:
    road = SensorRoad(1)

    def make(name: str, minute: int) -> Reading:
        value = {"a": 55.5, "b": -9_999.0}[name]
        return Reading(name, "noise", "laeq", value, T0 + minute * MINUTE)

    events = live(road, range(60), ("a", "b")) + live(road, range(60, 100), ("a", "b"), make)
    events += live(road, range(100, 120), ("a", "b"))
    stuck = again(watching(), road.incidents.log, of("sensor_stuck", events))
    assert ("laeq 55.5, 31 times in a row", "active minor") in shown(stuck)
    assert stuck[-1].seen.state == "quiet"
    broken = again(watching(), road.incidents.log, of("sensor_out_of_range", events))
    assert shown(broken)[:2] == [
        ("3 readings of laeq refused", "active minor"),
        ("6 readings of laeq refused", "active minor"),
    ]


def test_a_drifting_sensor_shows_how_far_it_is_from_its_neighbours() -> None:
    usual, road, events = calm(), SensorRoad(2), []
    for minute in range(0, 16 * 60, 5):
        for name in NAMES:
            drift = 0.3 * (minute - 480) if name == "s-05" and minute > 480 else 0
            value = round(usual(minute // 20, name) + minute % 20 / 10 + drift, 3)
            road.feed([Reading(name, "air", "pm25", value, T0 + minute * 60_000, *PLACES[name])])
        events += road.checkpoint()
    found = again(watching(), road.incidents.log, of("sensor_drifting", events))
    assert found[0].seen.state == "quiet"
    assert ", moved by " in found[0].seen.value
    assert found[-1].seen.state == "active minor"
    assert found[-1].seen.threshold.startswith("cleared within ")


def test_a_silent_feed_of_sensors_shows_how_many_of_them_are() -> None:
    road, names = SensorRoad(1), tuple("abcde")
    events = live(road, range(30), names) + live(road, range(30, 60), ("e",))
    events += live(road, range(60, 64), names)
    stored = of("feed_silent", events)
    assert [event.action for event in stored] == ["raised", "cleared"]
    found = again(watching(), road.incidents.log, stored)
    told = shown(found)
    assert ("4 of 5 sensors silent", "active major") in told
    assert told[-1] == ("0 of 5 sensors silent", "quiet")
    assert "UB_FEED_SILENT_SHARE" in refused(watching(replace(HEALTH, feed_share=0.9)), stored[0])


def test_a_silent_feed_of_vehicles_and_the_rule_that_it_held_back_come_out() -> None:
    fold, events = fleet(rule(7, 1, minimum=5)), []
    events += fold.look(MONDAY, (A, "hello", bikes(1)))
    for minute in range(80):
        events += fold.close(minute, *(("hello",) if not 40 <= minute < 60 else ()), "mobike")
    events += fold.look(MONDAY + 81 * MINUTE, (A, "hello", bikes(9)))
    found = again(fold.open(restored(2)), fold.log, of("feed_silent", events))
    assert ("last heard 2026-01-05 00:40:00", "active major") in shown(found)
    few = again(fold.open(restored(2)), fold.log, of("too_few", events))
    assert [step.event.action for step in few if step.event] == ["raised", "cleared"]
    off = IncidentsState(fold.policy, lambda cell: mds.centre(f"{cell:012x}"), restored(2))
    assert off.version(of("feed_silent", events)[0]) is None


def test_saturation_that_is_expected_shows_its_inflow_and_when_it_will_be_full() -> None:
    made = forecasts.Watched()
    for minute in range(3):
        made.close((minute, forecasts.CELL, "hello", 20 if minute == 0 else 0, 0, 20, 0))
    events = forecasts.fill(made, [4] * 11)
    found = again(made.open(restored()), made.log, events)
    assert (
        found[0].seen.value == "32 bikes, +4.0 a minute: if that goes on, 60 in 7 min (4 to 14, four in five)"
    )
    assert found[0].seen.threshold == "60 within 30 min, nine times in ten if it goes on"
    assert shown(found)[-1] == ("60 bikes, it is full", "full")
    other = IncidentsState(
        made_policy := forecasts.POLICY, centre, restored(), forecast=ForecastRule(sure=3.0)
    )
    assert "UB_FORECAST_HORIZON_S" in refused(other, events[0])
    assert made_policy.version not in (events[0].policy_version, other.version(events[0]))


def test_a_hot_spot_shows_the_score_of_each_scan_and_its_threshold() -> None:
    desk = Desk()
    calls = [*by_chance(8, 60, seed=2), *burst(7 * 1440 + 600, 180, 45, "heating", seed=3)]
    events = desk.feed(sorted(calls))
    found = again(desk.open(restored()), desk.log, of("hot_spot", events))
    assert any("(score " in step.seen.value for step in found)
    assert {step.seen.state for step in found} >= {"active warning", "quiet"}
    assert found[0].seen.threshold.startswith("score ")
    around = (HotSpotRule(raise_at=25.0), lambda cell: rings(cell, RINGS))
    other = IncidentsState(POLICY, centre, restored(), hot_spots=around)
    assert "UB_HOT_SPOT_RAISE_AT" in refused(other, events[0])


def test_an_anomaly_shows_the_score_of_each_window_while_it_is_open() -> None:
    made = anomalies.Watched()
    rows = [(minute, anomalies.CELL, "flow", 100.0 + minute % 7, 0) for minute in range(1_600)]
    rows += [(1_600 + n, anomalies.CELL, "flow", 900.0, 0) for n in range(3)]
    rows += [(1_603 + n, anomalies.CELL, "flow", 100.0, 0) for n in range(40)]
    events = [event for row in rows for event in made.close(row)]
    found = again(made.open(restored()), made.log, of("anomaly", events))
    assert found[0].seen.value == f"{aspect(events[0])} (score {score(events[0]):.2f})"
    assert any(step.event is None and step.seen.state.startswith("active") for step in found)
    strict = replace(made.config, rule=replace(anomalies.RULE, raise_at=0.7))
    other = IncidentsState(anomalies.POLICY, centre, restored(), strict)
    assert "UB_ANOMALY_RAISE_AT" in refused(other, events[0])


def aspect(alert: Alert) -> str:
    found = alert.evidence.anomaly
    assert found is not None
    return f"{found.aspect} {found.observed:.4g} {found.unit}"


def score(alert: Alert) -> float:
    assert alert.evidence.anomaly is not None
    return alert.evidence.anomaly.score


def test_a_street_that_leaves_its_neighbours_shows_its_difference() -> None:
    watched = streets.warm()
    flow = streets.usual(streets.WARM)[streets.MIDDLE, "flow"] + 250
    events = watched.close(streets.rows(streets.WARM, {(streets.MIDDLE, "flow"): flow}))
    for number in range(streets.WARM + 1, streets.WARM + 6):
        events += watched.close(streets.rows(number))
    stored = of("anomaly", events, "spatial:flow")
    found = again(watched.open(restored(3)), watched.log, stored)
    assert found[0].seen.value.startswith("difference to its neighbours ")
    assert any(step.event is None and step.seen.state.startswith("active") for step in found)
    alone = IncidentsState(
        streets.POLICY, centre, restored(3), joint=JointConfig(("multivariate",), streets.around)
    )
    assert alone.version(stored[0]) is None


def test_a_jumping_vehicle_shows_each_jump() -> None:
    fold = vehicles.watched()
    for number, lon in enumerate((vehicles.HERE[1], vehicles.EAST[1], vehicles.HERE[1])):
        fold.feed({**vehicles.charge(60 * number * number, 80), "lon": lon})
        fold.publish()
    fold.time(240 + 900, vehicles.SHANGHAI)
    found = again(
        IncidentsState(POLICY, centre, restored(), vehicles=vehicles.VEHICLES), fold.cells, fold.alerts
    )
    assert [(step.seen.value, step.seen.state, step.at - T0) for step in found] == [
        ("299 km/h", "warning", 60_000),
        ("100 km/h", "warning", 240_000),
        ("nothing told", "quiet", 1_140_000),
    ]
    other = IncidentsState(POLICY, centre, restored(), vehicles=replace(vehicles.VEHICLES, jump_quiet_ms=1))
    assert "UB_JUMP_QUIET_S" in refused(other, fold.alerts[0])


def test_a_vehicle_that_overstays_shows_since_when() -> None:
    policy = mds_zones(time_rule(7, 1, maximum=30))
    fold = stays.watched(policy)
    stays.stand(fold, at(60))
    fold.time(60 + 1_800, stays.SHANGHAI)
    stays.stand(fold, at(2_200, NEAR, "on_trip"))
    found = again(IncidentsState(policy, centre, restored()), fold.cells, fold.alerts)
    assert shown(found) == [
        ("stands there since 2026-01-01 00:01:00", "within"),
        ("stands there since 2026-01-01 00:01:00", "broken"),
        ("stands elsewhere", "quiet"),
    ]
    other = IncidentsState(mds_zones(time_rule(7, 1, maximum=31)), centre, restored())
    assert "UB_POLICY_FILE" in refused(other, fold.alerts[0])


def test_an_alert_that_flaps_comes_out_as_it_was_told_and_other_settings_are_named() -> None:
    city = Damped()
    events = city.flap(4)
    events += city.look(70, {"north": 0}) + city.look(200)
    stored = [event for event in events if event.alert_id == events[-1].alert_id]
    assert [event.action for event in stored] == ["raised", "cleared"]
    fold = IncidentsState(city.policy, centre, restored(2), flaps=FLAPS)
    assert shown(again(fold, city.log, stored))[-1][1] == "quiet"
    undamped = IncidentsState(city.policy, centre, restored(2))
    records = (Record(topics.CELLS, 2, n, value, 0) for n, value in enumerate(city.log))
    told = [step.event for step in steps(undamped, records, stored[-1], 0) if step.event is not None]
    assert any("summary" in line for line in differences(stored, told))
    assert other_damping(stored, told) == "then 3 times in 10 min, here not at all"
    assert other_damping(stored, stored) == ""


def test_an_alert_that_belongs_to_an_incident_comes_out_with_it_and_without() -> None:
    city = Incidents(AT_ONCE)
    city.fold = IncidentsState(city.policy, centre, restored(2), groups=groups(600))
    events = (
        city.look(0, {"north": 60})
        + city.look(10, {"north": 70}, cell=rings(CELL, 1)[1][0])
        + city.look(20, {"north": 0})
    )
    stored = [event for event in events if event.alert_id == events[0].alert_id]
    for with_groups in (groups(600), None):
        found = again(IncidentsState(city.policy, centre, restored(2), groups=with_groups), city.log, stored)
        assert [step.event for step in found if step.event is not None] == stored


def test_of_each_kind_of_alert_it_is_known_which_settings_decide() -> None:
    """A new kind must be sorted in: one that is in neither list would be explained by the settings of policies."""
    of_policies = {"oversaturation", "too_many", "too_few", "too_few_trips", "too_many_trips", "speeding"}
    of_policies |= {"overstay", "no_parking", "outside_service_area"}
    assert {*_DECIDING, *of_policies} == set(get_args(AlertKind))


def test_a_replay_without_steps_shows_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    _show([], 40, Console())
    assert capsys.readouterr().out == ""
