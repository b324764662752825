"""Trips that began: what the fleet tells of them, and what not."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.fleet.news import NewsConfig
from streams.incidents.vehicles.config import VehiclesConfig
from tests.pipeline import T0
from tests.unit.fleet.road import FAR, HERE, NEAR, NEXT, at, cell
from tests.watched_vehicles import Watched, region

ASKED = NewsConfig(trips={"a": frozenset([cell(HERE)]), "b": frozenset([cell(FAR)])})
Row = tuple[str, float, str]


def watched(config: NewsConfig = ASKED) -> Watched:
    return Watched(config, VehiclesConfig(jumps=False))


def rows(fold: Watched) -> list[Row]:
    """Return (cell, second, operator) of each trip told."""
    told = [message.trips for message in fold.told if message.trips is not None]
    return [
        (where, (ts - T0) / 1000, operator)
        for one in told
        for where, ts, operator in zip(one.cell, one.ts, one.operator, strict=True)
    ]


def told(*readings: dict[str, Any]) -> list[Row]:
    fold = watched()
    fold.feed(*readings)
    fold.publish()
    return rows(fold)


def test_a_trip_begins_where_the_vehicle_stood_and_when_it_is_first_on_it() -> None:
    assert told(at(0), at(60, NEXT, "on_trip"), at(75, NEXT, "on_trip")) == [(cell(HERE), 60, "north")]


@pytest.mark.parametrize(
    ("state", "trips"),
    [
        ("available", 1),
        ("reserved", 1),
        ("non_operational", 1),
        ("on_trip", 0),
        ("non_contactable", 0),
        ("elsewhere", 0),
        ("removed", 0),
        ("missing", 0),
    ],
)
def test_a_vehicle_that_was_not_to_be_reached_or_was_away_was_on_its_trip_before(
    state: str, trips: int
) -> None:
    assert len(told(at(0, HERE, state), at(60, HERE, "on_trip"))) == trips


def test_a_vehicle_first_seen_on_a_trip_began_it_nowhere() -> None:
    assert told(at(0, HERE, "on_trip")) == []


def test_only_cells_that_are_asked_about_are_told() -> None:
    assert told(at(0, NEXT), at(60, NEXT, "on_trip")) == []


def test_what_is_overtaken_begins_no_trip() -> None:
    assert told(at(0), at(60, NEAR), at(30, HERE, "on_trip")) == []


def test_a_parked_bike_whose_position_wanders_begins_no_trip() -> None:
    assert told(at(0), at(60, NEXT), at(120), at(180, NEXT)) == []


def test_a_trip_is_told_in_the_region_in_which_it_began() -> None:
    fold = watched()
    fold.feed(at(0, FAR), at(50_000, HERE, "on_trip"))
    fold.publish()
    [message] = [message for message in fold.told if message.trips is not None]
    assert message.region == region(FAR)
    assert message.trips is not None
    assert message.trips.offset == [0]


def test_other_cells_are_asked_about_from_the_next_record_on() -> None:
    fold = watched(NewsConfig())
    fold.feed(at(0), at(60, HERE, "on_trip"), at(120))
    fold.fleet.take_news(ASKED)
    fold.feed(at(180, HERE, "on_trip"), at(240))
    fold.fleet.take_news(NewsConfig())
    fold.feed(at(300, HERE, "on_trip"))
    fold.publish()
    assert rows(fold) == [(cell(HERE), 180, "north")]


@st.composite
def readings(draw: st.DrawFn) -> list[dict[str, Any]]:
    now, made = 60.0, []
    for _ in range(draw(st.integers(2, 25))):
        now += draw(st.sampled_from([1, 60]))
        place = draw(st.sampled_from([HERE, NEAR, NEXT, FAR]))
        state = draw(st.sampled_from(["available", "reserved", "on_trip", "removed"]))
        made.append(
            at(now - draw(st.sampled_from([0, 0, 9])), place, state, bike=draw(st.sampled_from("ab")))
        )
    return made


def expected(log: list[dict[str, Any]]) -> list[Row]:
    newest: dict[str, dict[str, Any]] = {}
    found = []
    for one in log:
        before = newest.get(one["vehicle_id"])
        if before is None or one["ts"] > before["ts"]:
            newest[one["vehicle_id"]] = one
            stood = before is not None and before["vehicle_state"] in ("available", "reserved")
            if before is not None and stood and one["vehicle_state"] == "on_trip":
                where = cell((before["lat"], before["lon"]))
                if where in (cell(HERE), cell(FAR)):
                    found.append((where, (one["ts"] - T0) / 1000, "north"))
    return sorted(found)


@settings(deadline=None)
@given(readings(), st.integers(1, 6), st.data())
def test_trips_are_those_of_the_log_whatever_the_batches_and_crashes(
    log: list[dict[str, Any]], size: int, data: st.DataObject
) -> None:
    fold = watched()
    for begin in range(0, len(log), size):
        fold.feed(*log[begin : begin + size])
        what = data.draw(st.sampled_from(["", "publish", "checkpoint", "crash"]))
        if what == "publish":
            fold.publish()
        if what == "checkpoint":
            fold.checkpoint()
        if what == "crash":
            fold.crash()
    fold.publish()
    assert sorted(set(rows(fold))) == sorted(set(expected(log)))


def since(fold: Watched) -> list[tuple[str, dict[str, float]]]:
    """Return each region that was told from when on all trips are told, and by area the second; 0 is always."""
    told = [(message.region, message.trips_since) for message in fold.told if message.trips_since is not None]
    fold.told.clear()
    return [
        (where, {area: ts and (ts - T0) / 1000 for area, ts in zip(one.area, one.since, strict=True)})
        for where, one in told
    ]


MORE = NewsConfig(trips={"b": frozenset([cell(FAR)]), "c": frozenset([cell(HERE)])})
"""Other areas: one is the same."""


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("restart", [False, True])
def test_of_an_area_that_is_new_the_fleet_says_from_when_on_it_tells_all_trips(
    crash: bool, restart: bool
) -> None:
    fold = watched()
    fold.feed(at(0), at(60))
    fold.checkpoint()
    assert since(fold) == [(region(HERE), {"a": 0, "b": 0})]
    if restart:
        fold.look_for(MORE)
        fold.crash()
    else:
        fold.fleet.take_news(MORE)
    fold.feed(at(120))
    fold.checkpoint()
    assert since(fold) == [(region(HERE), {"b": 0, "c": 60})]
    if crash:
        fold.look_for(MORE)
        fold.crash()
    fold.feed(at(180, FAR))
    fold.publish()
    again = {region(HERE): {"b": 0, "c": 60}} if crash else {}
    assert dict(since(fold)) == again | {region(FAR): {"b": 0, "c": 60}}


def test_from_when_on_trips_are_told_is_said_once_an_hour() -> None:
    fold = watched()
    for minute in range(0, 150, 10):
        fold.feed(at(60 * minute))
        fold.publish()
    assert since(fold) == 3 * [(region(HERE), {"a": 0, "b": 0})]


def test_a_fleet_that_is_asked_about_no_trips_says_nothing_of_them() -> None:
    fold = watched(NewsConfig())
    fold.feed(at(30))
    fold.checkpoint()
    assert fold.told == []
    fold.fleet.take_news(ASKED)
    fold.publish()
    assert since(fold) == [(region(HERE), {"a": 30, "b": 30})]


@pytest.mark.parametrize("restart", [False, True])
def test_a_fleet_that_is_asked_about_trips_no_more_says_so(restart: bool) -> None:
    """Who asks again later must not take what it said before for what it tells."""
    fold = watched()
    fold.feed(at(30))
    fold.checkpoint()
    fold.told.clear()
    if restart:
        fold.look_for(NewsConfig())
        fold.crash()
    else:
        fold.fleet.take_news(NewsConfig())
    fold.checkpoint()
    assert since(fold) == [(region(HERE), {})]
    fold.look_for(NewsConfig())
    fold.crash()
    fold.feed(at(60))
    fold.checkpoint()
    assert fold.told == []
    fold.fleet.take_news(ASKED)
    fold.publish()
    assert since(fold) == [(region(HERE), {"a": 60, "b": 60})]


def test_after_a_version_that_did_not_say_the_fleet_goes_on_with_what_it_was_asked_about() -> None:
    fold = watched()
    fold.feed(at(0))
    fold.checkpoint()
    del fold.database.parts["fleet"]["trips"]
    fold.told.clear()
    fold.crash()
    fold.checkpoint()
    assert since(fold) == [(region(HERE), {"a": 0, "b": 0})]
