"""Jumps and batteries are a function of the log: whatever the batches, the crashes and the repeats.

The oracle goes reading by reading, and has H3's own distance.
"""

from dataclasses import dataclass
from typing import Any

import h3
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.fleet.jumps import JumpRule
from streams.fleet.news import NewsConfig
from streams.incidents.vehicles.config import VehiclesConfig
from tests.pipeline import T0
from tests.watched_vehicles import Watched, region

NEWS = NewsConfig(jumps=JumpRule(60.0, 250.0), battery=(15, 30))
VEHICLES = VehiclesConfig(battery=(15, 30), jump_quiet_ms=120_000)
PLACES = [
    (31.2335, 121.4765),
    (31.2345, 121.4765),
    (31.2335, 121.5290),
    (31.2600, 121.4765),
    (39.9042, 116.4074),
]
STATES = ["available", "on_trip", "removed", "non_operational"]
GONE = {"removed"}


@st.composite
def days(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return readings of three bikes in the order of the log; each overtakes the one before it now and then."""
    size = draw(st.integers(2, 30))
    now, readings = T0 + 60_000, []
    for _ in range(size):
        now += draw(st.sampled_from([1_000, 30_000, 60_000, 400_000]))
        late = draw(st.sampled_from([0, 0, 0, 5_000, 9_000]))
        place = draw(st.sampled_from(PLACES))
        readings.append(
            {
                "vehicle_id": draw(st.sampled_from(["a", "b", "c"])),
                "operator": "north",
                "ts": now - late,
                "lat": place[0],
                "lon": place[1],
                "vehicle_state": draw(st.sampled_from(STATES)),
                "vehicle_type": "bicycle",
                "battery_percent": draw(st.sampled_from([None, 5, 14, 15, 29, 30, 90])),
            }
        )
    return readings


@dataclass
class Oracle:
    """Alerts by (kind, vehicle, beginning) as (severity, end or None), reading by reading."""

    def run(
        self, readings: list[dict[str, Any]]
    ) -> tuple[set[tuple[str, int]], dict[tuple[str, str], int | None]]:
        newest: dict[str, dict[str, Any]] = {}
        jumps: set[tuple[str, int]] = set()
        low: dict[tuple[str, str], int | None] = {}
        for reading in readings:
            before = newest.get(reading["vehicle_id"])
            if before is not None and reading["ts"] <= before["ts"]:
                continue
            newest[reading["vehicle_id"]] = reading
            if before is not None and not {before["vehicle_state"], reading["vehicle_state"]} & GONE:
                places = [(one["lat"], one["lon"]) for one in (before, reading)]
                metres = h3.great_circle_distance(*places, unit="m")
                hours = (reading["ts"] - before["ts"]) / 3_600_000
                if (metres - 250) / 1000 > 60 * hours:
                    jumps.add((reading["vehicle_id"], reading["ts"]))
            where = region((reading["lat"], reading["lon"]))
            for (vehicle, other), since in list(low.items()):
                if vehicle == reading["vehicle_id"] and other != where and since is not None:
                    low[vehicle, other] = None
            key = reading["vehicle_id"], where
            charge = reading["battery_percent"]
            if reading["vehicle_state"] in GONE or (charge is not None and charge >= 30):
                low[key] = None
            elif charge is not None and charge < 15 and low.get(key) is None:
                low[key] = reading["ts"]
        return jumps, {key: since for key, since in low.items() if since is not None}


def told(fold: Watched) -> tuple[set[tuple[str, int]], dict[tuple[str, str], int]]:
    """Return the moves told, and which low batteries are open since when."""
    moves = {
        (vehicle, ts)
        for message in fold.told
        for vehicle, ts in zip(message.moves.vehicle_id, message.moves.ts, strict=True)
    }
    newest = {alert.alert_id: alert for alert in fold.alerts if alert.kind == "low_battery"}
    return moves, {
        (str(alert.subject), alert.region): alert.starts_at
        for alert in newest.values()
        if alert.status == "active"
    }


@settings(deadline=None)
@given(days(), st.integers(1, 7), st.data())
def test_jumps_and_low_batteries_are_those_of_the_oracle_over_crashes(
    readings: list[dict[str, Any]], size: int, data: st.DataObject
) -> None:
    fold = Watched(NEWS, VEHICLES)
    fold.live_through(readings, size, data)
    assert told(fold) == Oracle().run(readings)


@settings(deadline=None)
@given(days(), st.integers(1, 7))
def test_a_replay_raises_the_same_alerts(readings: list[dict[str, Any]], size: int) -> None:
    """Cut into other records and told at other times: the same alerts begin, with the same ids."""
    one, other = Watched(NEWS, VEHICLES), Watched(NEWS, VEHICLES)
    for begin in range(0, len(readings), size):
        one.feed(*readings[begin : begin + size])
        one.publish()
    for reading in readings:
        other.feed(reading)
    other.publish()

    def events(fold: Watched) -> list[tuple[str, str, str, int]]:
        return sorted((a.alert_id, a.action, a.severity, a.updated_at) for a in fold.alerts)

    assert events(one) == events(other)


@settings(max_examples=60)
@given(st.data())
def test_of_each_record_the_first_ten_jumps_are_told(data: st.DataObject) -> None:
    """Sixty bikes, of which some stay, some ride far in their own time and some jump, in records of any size."""
    bikes = [f"bike-{number}" for number in range(60)]
    far = data.draw(st.lists(st.sampled_from(["stays", "rides", "jumps"]), min_size=60, max_size=60))
    size = data.draw(st.sampled_from([7, 25, 60]))

    def record(some: list[int], ts: int, place: tuple[float, float]) -> list[dict[str, Any]]:
        return [
            {"vehicle_id": bikes[n], "operator": "north", "ts": ts, "lat": place[0], "lon": place[1]}
            for n in some
        ]

    fold = Watched(NEWS, VEHICLES)
    here, there = PLACES[0], PLACES[2]
    for rides, ts in ((True, T0), (False, T0 + 1_700_000)):
        if first := record([n for n in range(60) if (far[n] == "rides") == rides], ts, here):
            fold.feed(*first)
    expected = []
    for begin in range(0, 60, size):
        some = list(range(begin, min(60, begin + size)))
        fold.feed(
            *(
                reading
                for n in some
                for reading in record([n], T0 + 1_800_000, here if far[n] == "stays" else there)
            )
        )
        expected += [bikes[n] for n in some if far[n] == "jumps"][:10]
        if data.draw(st.booleans()):
            fold.publish()
    fold.publish()
    assert [id_ for message in fold.told for id_ in message.moves.vehicle_id] == expected
