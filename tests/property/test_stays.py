"""Vehicles that stand too long are a function of the log: whatever the batches, the crashes and the repeats.

The oracle asks shapely for every position, and goes reading by reading.
"""

from typing import Any

import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.fleet.jumps import JumpRule
from streams.fleet.news import NewsConfig
from streams.incidents.vehicles.config import VehiclesConfig
from tests.pipeline import T0
from tests.unit.incidents.stays.zones import PLAZA, TOWN, mds, time_rule
from tests.watched_vehicles import Watched, region

# In the plaza, beside it in its cell, in town, out of town, in another region.
PLACES = [
    (31.2335, 121.4765),
    (31.2335, 121.4771),
    (31.2335, 121.4757),
    (31.25, 121.42),
    (31.30, 121.60),
    (39.90, 116.40),
]
REGIONS = sorted({region(place) for place in PLACES})
SHAPES = {1: shapely.geometry.shape(PLAZA), 2: shapely.geometry.shape(TOWN)}
RULES = [(7, 1, 5), (8, 2, 15)]
"""Rule, area, minutes: the plaza first."""
STATES = ["available", "reserved", "on_trip", "removed"]
POLICY = mds(*(time_rule(number, area, maximum=minutes) for number, area, minutes in RULES))


@st.composite
def readings(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return readings of three bikes in the order of the log; some overtake others."""
    now, made = T0 + 60_000, []
    for _ in range(draw(st.integers(2, 25))):
        now += draw(st.sampled_from([1_000, 60_000, 400_000]))
        place = draw(st.sampled_from(PLACES))
        made.append(
            {
                "vehicle_id": draw(st.sampled_from(["a", "b", "c"])),
                "operator": "north",
                "ts": now - draw(st.sampled_from([0, 0, 0, 9_000])),
                "lat": place[0],
                "lon": place[1],
                "vehicle_state": draw(st.sampled_from(STATES)),
            }
        )
    return made


def expected(log: list[dict[str, Any]], now: int) -> set[tuple[str, int, int]]:
    """Return (vehicle, rule, since) of all that stand too long."""
    newest: dict[str, int] = {}
    since: dict[str, dict[int, int]] = {}
    where: dict[str, str] = {}
    for one in log:
        name = one["vehicle_id"]
        if one["ts"] <= newest.get(name, 0):
            continue
        newest[name] = one["ts"]
        here = region((one["lat"], one["lon"]))
        before = since.get(name, {}) if where.get(name) == here else {}
        where[name] = here
        point = shapely.Point(one["lon"], one["lat"])
        stands = one["vehicle_state"] in ("available", "reserved")
        since[name] = {
            number: before.get(number, one["ts"])
            for number, area, _ in RULES
            if stands and SHAPES[area].contains(point)
        }
    found = set()
    for name, rules in since.items():
        first = next((rule for rule in RULES if rule[0] in rules), None)
        if first is not None and now - rules[first[0]] >= first[2] * 60_000:
            found.add((name, first[0], rules[first[0]]))
    return found


def told(fold: Watched) -> set[tuple[str, int, int]]:
    newest = {alert.alert_id: alert for alert in fold.alerts}
    open_ = [alert.evidence.stay for alert in newest.values() if alert.status == "active"]
    return {(stay.vehicle_id, int(stay.rule_id[-12:]), stay.since) for stay in open_ if stay is not None}


@settings(deadline=None)
@given(readings(), st.integers(1, 6), st.booleans(), st.data())
def test_who_stands_too_long_is_who_the_oracle_says_over_crashes(
    log: list[dict[str, Any]], size: int, jumps: bool, data: st.DataObject
) -> None:
    news = NewsConfig(jumps=JumpRule() if jumps else None, battery=(15, 30))
    fold = Watched(news, VehiclesConfig(jumps=False), policy=POLICY)
    fold.live_through(log, size, data)
    now = max(one["ts"] for one in log) + data.draw(st.sampled_from([0, 300_000, 1_000_000]))
    for where in REGIONS:
        fold.time((now - T0) / 1000, where)
    assert told(fold) == expected(log, now)
