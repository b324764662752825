"""Flapping of what moves: vehicles, and rules whose outline is drawn anew. 3 raises in an hour, quiet after 15 min."""

from dataclasses import replace
from typing import get_args

import msgspec
import pytest

from schemas.alerts import Alert, AlertKind
from streams.fleet.news import NewsConfig
from streams.incidents.damping import _PLACES, Damper, FlapConfig
from streams.incidents.policy import Policy
from streams.incidents.vehicles.config import VehiclesConfig
from tests.unit.alerts.events import alert
from tests.unit.fleet.road import HERE, at
from tests.unit.incidents.counts.folding import Counted
from tests.unit.incidents.counts.mds import (
    DEFAULT,
    START,
    cell_at,
    document,
    geography,
    policy,
    read_all,
    rule,
    square,
)
from tests.unit.incidents.speeds.rides import on, speed_rule, tell
from tests.unit.incidents.stays.zones import mds, time_rule
from tests.watched_vehicles import Watched, region

FLAPS = FlapConfig(raises=3, window_ms=3_600_000, quiet_ms=900_000)
SHANGHAI = region(HERE)
TWICE = ["raised", "cleared"] * 2


def actions(alerts: list[Alert]) -> list[str]:
    return [alert.action for alert in alerts]


def shown_until_quiet(fold: Watched, last: float) -> None:
    """The third alert is the last, and is cleared when it was quiet since `last`, in the cell where it was raised."""
    assert actions(fold.alerts) == [*TWICE, "raised"]
    third = fold.alerts[-1]
    assert third.summary.endswith("; opens and closes again and again, 3 times in 60 min")
    assert fold.time(last + 899, SHANGHAI) == []
    [cleared] = fold.time(last + 900, SHANGHAI)
    assert (cleared.alert_id, cleared.action, cleared.cell) == (third.alert_id, "cleared", third.cell)
    assert cleared.summary.startswith("quiet for 15 min; ")


def test_a_vehicle_that_parks_where_none_may_again_and_again_is_one_alert_that_stays() -> None:
    fold = Watched(
        NewsConfig(), VehiclesConfig(jumps=False), policy=mds(time_rule(7, 1, maximum=0)), flaps=FLAPS
    )
    for turn in range(6):
        tell(fold, at(turn * 300))
        fold.time(turn * 300 + 150, SHANGHAI)
        tell(fold, at(turn * 300 + 160, HERE, "on_trip"))
        fold.time(turn * 300 + 170, SHANGHAI)
    shown_until_quiet(fold, 1_660)


def test_a_battery_that_is_low_again_and_again_is_one_alert_that_stays() -> None:
    lines = (20, 25)
    fold = Watched(NewsConfig(battery=lines), VehiclesConfig(jumps=False, battery=lines), flaps=FLAPS)
    for turn in range(6):
        for half, battery in enumerate((10, 90)):
            second = turn * 200 + half * 100
            tell(fold, {**at(second), "battery_percent": battery})
            fold.time(second + 20, SHANGHAI)
    shown_until_quiet(fold, 1_100)


@pytest.mark.parametrize("metres", [0, 400])
def test_a_vehicle_that_is_too_fast_again_and_again_is_one_alert_wherever_it_is(metres: int) -> None:
    fold = Watched(
        NewsConfig(), VehiclesConfig(jumps=False), policy=mds(speed_rule(7, 2, maximum=20)), flaps=FLAPS
    )
    for turn in range(7):
        begin = turn * metres - 3 * metres
        tell(fold, on(turn * 300, begin))
        tell(fold, on(turn * 300 + 15, begin + 25 / 3.6 * 15 + 30))
        fold.time(turn * 300 + 145, SHANGHAI)
    assert actions(fold.alerts) == [*TWICE, "raised"]
    assert len({alert.cell for alert in fold.alerts}) == (1 if metres == 0 else 3)
    cleared = fold.time(3_000, SHANGHAI)
    assert [(one.alert_id, one.cell) for one in cleared] == [(fold.alerts[4].alert_id, fold.alerts[4].cell)]


def test_a_rule_that_flaps_and_is_drawn_anew_has_one_open_alert() -> None:
    def drawn(size: int) -> Policy:
        file = document([policy(1, rule(7, 1, maximum=2))], [geography(1, square(10, 10, size))])
        found, findings = read_all(file)
        assert not findings.errors
        return replace(found, default=replace(DEFAULT, min_duration_ms=0, capacity=10_000))

    before, after = drawn(2), drawn(6)
    assert before.counts[0].rules[0].cell != after.counts[0].rules[0].cell
    fold, here, second = Counted(before, FLAPS), cell_at(10, 10), START + 3_600_000
    told = []
    for _ in range(3):
        for bikes in (5, 0):
            told += fold.look(second, (here, "x", (bikes, 0, 0, 0, 0)))
            second += 60_000
    fold.fold.take_policy(after)
    told += fold.look(second, (here, "x", (5, 0, 0, 0, 0)))
    assert actions(told) == [*TWICE, "raised"]
    assert list(fold.retained().values()) == [told[-1].alert_id]


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("breaks", [True, False], ids=["while it is broken", "while it is quiet"])
def test_a_rule_that_flaps_and_is_moved_away_has_another_alert_where_it_is_now(
    breaks: bool, crash: bool
) -> None:
    """Whoever went to where the old alert was shown would find nothing."""

    def drawn(x: int) -> Policy:
        areas = [geography(1, square(x, x), "Harbour" if x == 10 else "Hills")]
        found, findings = read_all(document([policy(1, rule(7, 1, maximum=2))], areas))
        assert not findings.errors
        return replace(found, default=replace(DEFAULT, min_duration_ms=0, capacity=10_000))

    fold, here, there, second = Counted(drawn(10), FLAPS), cell_at(10, 10), cell_at(20, 20), START + 3_600_000
    for turn in range(3):
        for bikes in (5, 0) if turn < 2 or not breaks else (5,):
            fold.look(second, (here, "x", (bikes, 0, 0, 0, 0)), (there, "x", (bikes, 0, 0, 0, 0)))
            second += 60_000
    [flapping] = fold.retained().values()
    fold.checkpoint()
    if crash:
        fold.crash(drawn(20))
    else:
        fold.fold.take_policy(drawn(20))
    told = fold.look(second, (there, "x", (5, 0, 0, 0, 0)))
    assert [(one.action, one.zone, one.cell) for one in told] == [
        ("cleared", "Harbour", drawn(10).counts[0].rules[0].cell),
        ("raised", "Hills", drawn(20).counts[0].rules[0].cell),
    ]
    assert told[0].alert_id == flapping
    assert told[0].summary.startswith("the rule counts elsewhere, or others; ")
    assert list(fold.retained().values()) == [told[1].alert_id] != [flapping]
    assert "opens and closes" not in told[1].summary
    fold.checkpoint()
    fold.crash(drawn(20))
    [cleared] = fold.look(second + 60_000, (there, "x", (0, 0, 0, 0, 0)))
    assert (cleared.alert_id, cleared.action) == (told[1].alert_id, "cleared")


def test_what_flaps_under_a_key_of_earlier_times_is_cleared_all_the_same() -> None:
    """As was stored when alerts on vehicles were counted by cell."""
    damper = Damper(FLAPS)
    shown = msgspec.structs.replace(alert(), kind="speeding", subject="bike-1", region=SHANGHAI)
    last = msgspec.structs.replace(shown, action="cleared", status="cleared")
    former = f"speeding/{shown.cell}/bike-1"
    part = msgspec.msgpack.encode([SHANGHAI, [shown.starts_at], shown, last, "CellsNow"])
    damper.restore(former, part)
    assert list(damper.open_alerts([])) == [shown]
    parts = damper.take_parts()
    assert parts.pop(former) is None
    assert parts == {f"speeding/{SHANGHAI}/bike-1": part}


def test_of_each_kind_of_alert_it_is_decided_whether_it_flaps_by_cell() -> None:
    """A new kind must be sorted in: one on cells that is not in _PLACES would count all cells of a region as one."""
    of_rules = {"too_many", "too_few", "too_few_trips", "too_many_trips"}
    of_vehicles = {
        "impossible_jump",
        "low_battery",
        "overstay",
        "no_parking",
        "outside_service_area",
        "speeding",
    }
    of_feeds = {"sensor_silent", "sensor_stuck", "sensor_out_of_range", "sensor_drifting", "feed_silent"}
    assert {*_PLACES, *of_rules, *of_vehicles, *of_feeds} == set(get_args(AlertKind))
