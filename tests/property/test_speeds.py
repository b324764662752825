"""Vehicles that are too fast are a function of the log: whatever the batches, the crashes and the repeats.

The oracle goes reading by reading, with a haversine of its own, and asks shapely for every position.
"""

from datetime import UTC, datetime, timedelta
from math import asin, cos, radians, sin, sqrt
from typing import Any

import pytest
import shapely
from hypothesis import event, given, settings
from hypothesis import strategies as st

from sensors_sim.scenario import shipped
from sensors_sim.sources.simulated import SimulatedCity
from streams.fleet.jumps import JumpRule
from streams.fleet.news import NewsConfig
from streams.incidents.vehicles.config import VehiclesConfig
from tests.pipeline import T0
from tests.property.test_jumps_of_a_day import feed
from tests.unit.incidents.counts.mds import document, geography, policy
from tests.unit.incidents.speeds.rides import speed_rule
from tests.unit.incidents.stays.zones import PLAZA, TOWN, box, mds, parsed
from tests.watched_vehicles import Watched, region

# Two in the plaza, one beside it in its cell, in town near and far, out of town, in another region.
PLACES = [
    (31.2331, 121.4765),
    (31.2339, 121.4765),
    (31.2335, 121.4757),
    (31.2350, 121.4765),
    (31.2362, 121.4790),
    (31.2590, 121.4765),
    (31.2612, 121.4765),
    (39.90, 116.40),
]
SHAPES = {1: shapely.geometry.shape(PLAZA), 2: shapely.geometry.shape(TOWN)}
RULES = [
    # number, area, km/h, types, from and to which second of the day
    (7, 1, 8, ["bicycle"], 0, 86_399),
    (8, 2, 20, [], 0, 239),
    (9, 2, 35, [], 0, 86_399),
]
POLICY = mds(
    *(
        speed_rule(
            number,
            area,
            maximum=kmh,
            vehicle_types=types,
            end_time=f"{end // 3600:02}:{end // 60 % 60:02}:59",
        )
        for number, area, kmh, types, _, end in RULES
    )
)
STATES = ["on_trip", "on_trip", "on_trip", "available"]


QUIET_MS = 120_000
SEVERITIES = ("warning", "minor", "major")
CITY = box(121.0, 30.9, 122.0, 31.6)


@st.composite
def readings(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return readings of three vehicles in the order of the log; some overtake others."""
    now, made = T0 + 60_000, []
    types = {"a": "bicycle", "b": "moped", "c": "bicycle"}
    for _ in range(draw(st.integers(2, 30))):
        now += draw(st.sampled_from([1_000, 5_000, 7_500, 15_000, 30_000, 61_000]))
        place = draw(st.sampled_from(PLACES))
        name = draw(st.sampled_from(["a", "a", "b", "c"]))
        made.append(
            {
                "vehicle_id": name,
                "operator": "north",
                "ts": now - draw(st.sampled_from([0, 0, 0, 9_000])),
                "lat": place[0],
                "lon": place[1],
                "vehicle_state": draw(st.sampled_from(STATES)),
                "vehicle_type": types[name],
            }
        )
    return made


def metres(one: dict[str, Any], other: dict[str, Any]) -> float:
    lat, to_lat, east = radians(one["lat"]), radians(other["lat"]), radians(other["lon"] - one["lon"])
    h = sin((to_lat - lat) / 2) ** 2 + cos(lat) * cos(to_lat) * sin(east / 2) ** 2
    return 2 * 6_371_007.18 * asin(sqrt(h))


def limit(one: dict[str, Any]) -> tuple[int, float] | None:
    """Return the rule that decides about a vehicle, and what it allows."""
    second = int((datetime.fromtimestamp(one["ts"] / 1000, UTC).timestamp()) % 86_400)
    for number, area, kmh, types, begin, end in RULES:
        inside = SHAPES[area].contains(shapely.Point(one["lon"], one["lat"]))
        if inside and (not types or one["vehicle_type"] in types) and begin <= second <= end:
            return number, kmh
    return None


def moves_of(log: list[dict[str, Any]]) -> list[tuple[str, int, str, float, float]]:
    """Return (vehicle, ts, region, speed, limit) of all moves that are too fast, in the order of the log."""
    newest: dict[str, dict[str, Any]] = {}
    found = []
    for one in log:
        before = newest.get(one["vehicle_id"])
        if before is not None and one["ts"] <= before["ts"]:
            continue
        newest[one["vehicle_id"]] = one
        if before is None or {before["vehicle_state"], one["vehicle_state"]} != {"on_trip"}:
            continue
        seconds = (one["ts"] - before["ts"]) / 1000
        kmh = 3.6 * (metres(before, one) - 30) / seconds
        limits = [limit(end) for end in (before, one)]
        if seconds <= 60 and kmh <= (180 if one["vehicle_type"] == "moped" else 60) and None not in limits:
            allowed = max(at[1] for at in limits if at is not None)
            if kmh > allowed:
                found.append((one["vehicle_id"], one["ts"], region((one["lat"], one["lon"])), kmh, allowed))
    return found


def expected(log: list[dict[str, Any]]) -> set[tuple[str, str, str, int]]:
    """Return (vehicle, action, severity, ts) of all events while the time of the region stands still."""
    open_: dict[tuple[str, str], list[int]] = {}
    events = set()
    for vehicle, ts, where, kmh, allowed in moves_of(log):
        known = open_.setdefault((vehicle, where), [0, 0, 0, ts])
        if ts > known[3] + QUIET_MS:
            events.add((vehicle, "cleared", SEVERITIES[known[2]], known[3] + QUIET_MS))
            known[:3] = 0, 0, 0
        known[0] += 1
        known[1] += kmh >= 1.5 * allowed
        worst = 2 if known[1] >= 3 else 1 if known[0] >= 3 else 0
        if known[0] == 1:
            events.add((vehicle, "raised", "warning", ts))
        elif worst > known[2]:
            events.add((vehicle, "updated", SEVERITIES[worst], ts))
        known[2:] = worst, ts
    return events


@settings(deadline=None)
@given(readings(), st.integers(1, 6), st.booleans(), st.data())
def test_who_is_too_fast_is_who_the_oracle_says_over_crashes(
    log: list[dict[str, Any]], size: int, jumps: bool, data: st.DataObject
) -> None:
    news = NewsConfig(jumps=JumpRule() if jumps else None, battery=(15, 30))
    fold = Watched(news, VehiclesConfig(jumps=False), policy=POLICY)
    fold.live_through(log, size, data)
    told = {(alert.subject, alert.action, alert.severity, alert.updated_at) for alert in fold.alerts}
    event(f"{len(told)} events")
    assert told == expected(log)
    rows = [
        (vehicle, ts)
        for message in fold.told
        if message.speeds is not None
        for vehicle, ts in zip(message.speeds.vehicle_id, message.speeds.ts, strict=True)
    ]
    assert {(vehicle, ts) for vehicle, ts, *_ in moves_of(log)} <= set(rows)


@settings(deadline=None)
@given(readings(), st.integers(1, 7))
def test_a_replay_raises_the_same_alerts(log: list[dict[str, Any]], size: int) -> None:
    """Cut into other records and told at other times: the same events, with the same ids."""
    one, other = (Watched(NewsConfig(), VehiclesConfig(jumps=False), policy=POLICY) for _ in range(2))
    for begin in range(0, len(log), size):
        one.feed(*log[begin : begin + size])
        one.publish()
    for reading in log:
        other.feed(reading)
    other.publish()

    def events(fold: Watched) -> list[tuple[str, str, str, int, str]]:
        return sorted((a.alert_id, a.action, a.severity, a.updated_at, a.summary) for a in fold.alerts)

    assert events(one) == events(other)


@pytest.mark.parametrize(("limit_kmh", "someone"), [(15, False), (10, True)])
def test_simulated_riders_are_told_where_they_are_faster_than_allowed_and_only_there(
    limit_kmh: int, someone: bool
) -> None:
    """They ride at 12 to 15 km/h, and GPS errs by 15 m at most: nobody is ever shown to be faster."""
    made = policy(1, speed_rule(7, 1, maximum=limit_kmh), start_date=0)
    limits, findings = parsed(document([made], [geography(1, CITY, "City")]))
    assert not findings.errors
    fold = Watched(NewsConfig(), VehiclesConfig(jumps=False), policy=limits)
    morning = shipped("commuter").with_(bikes=300, duration=timedelta(minutes=45))
    for columns in SimulatedCity(morning, ["bikes"]).batches():
        feed(fold, columns)
    assert bool(fold.alerts) == someone
