"""What people call about, and where."""

from collections import Counter
from datetime import timedelta
from functools import cache

import numpy as np
import pytest

from sensors_sim.bikes import Fleet
from sensors_sim.city import LEISURE
from sensors_sim.events.concert import Concert
from sensors_sim.requests.causes import Cause, causes
from sensors_sim.requests.events import Event
from sensors_sim.requests.hotline import Hotline
from sensors_sim.scenario import Scenario, shipped
from sensors_sim.sensors.moment import MINUTE_MS, Moment
from sensors_sim.sensors.world import World
from tests.unit.sensors_sim.lived import HOUR_MS, city, when

START = when(2026, 3, 2, 7)
CONCERT = Concert("Expo Cultural Park", begins_s=12 * 3_600, lasts_s=2 * 3_600, people=9_000)


@cache
def still_fleet() -> Fleet:
    return shipped("commuter").with_(bikes=2_000).fleet()


class Day:
    """A day with its requests, and what was wrong where when they were made."""

    def __init__(self, seed: int, sensors: int = 2_000) -> None:
        self.world = World(city(), sensors, START, seed, (CONCERT,))
        self.world.settle(60)
        hotline = Hotline(city(), START, seed)
        self.events: list[Event] = []
        self.cold_pipes: list[np.ndarray] = []
        self.full: list[np.ndarray] = []
        self.dark: list[np.ndarray] = []
        for _ in range(24 * 60):
            now = self.world.now
            self.world.step()
            self.cold_pipes.append(self.world.heating.cold())
            self.full.append(self.world.waste.fill >= 100)
            self.dark.append(self.world.lights.out & self.world.lights.dark)
            minute = hotline.step(now, causes(self.world, still_fleet(), Moment.at(now)))
            assert all(now <= event.ts < now + MINUTE_MS for event in minute.event)
            self.events += minute.event.tolist()

    def opened(self, code: str) -> list[Event]:
        """First openings of a category."""
        seen: dict[str, Event] = {}
        for event in self.events:
            if event.event == "opened" and event.service_code == code:
                seen.setdefault(event.service_request_id, event)
        return list(seen.values())


@cache
def day() -> Day:
    return Day(seed=3)


def metres(event: Event, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    assert event.lat is not None
    assert event.lon is not None
    here = city().plane.xy(np.array([event.lat]), np.array([event.lon]))
    return np.hypot(x - here[0], y - here[1])


@pytest.mark.parametrize(
    ("code", "within_m"), [("heating", 450), ("overflowing_bin", 150), ("street_light", 150)]
)
def test_complaints_come_from_beside_a_cold_pipe_a_full_bin_a_dark_lamp_of_that_minute(
    code: str, within_m: float
) -> None:
    world = day().world
    troubled, sensors = {
        "heating": (day().cold_pipes, world.heating.sensors),
        "overflowing_bin": (day().full, world.waste.sensors),
        "street_light": (day().dark, world.lights.sensors),
    }[code]
    complaints = day().opened(code)
    assert len(complaints) > 20
    for event in complaints:
        bad = troubled[(event.ts - START) // MINUTE_MS]
        assert metres(event, sensors.x[bad], sensors.y[bad]).min() < within_m


def test_a_concert_is_complained_about_nearby_while_it_plays() -> None:
    complaints = day().opened("noise")
    stage = city().place(CONCERT.place, LEISURE)
    assert len(complaints) > 30
    for event in complaints:
        assert 12 * HOUR_MS <= event.ts - START < 14 * HOUR_MS
        assert metres(event, city().x[stage : stage + 1], city().y[stage : stage + 1])[0] < 2_500


def test_traffic_noise_is_complained_about_where_it_is_louder_than_elsewhere() -> None:
    meters, level = day().world.noise.sensors, day().world.noise.level
    there = [int(metres(event, meters.x, meters.y).argmin()) for event in day().opened("traffic_noise")]
    assert len(there) > 30
    assert np.mean(level[there]) > np.mean(level) + 5


def test_bikes_that_crowd_a_station_are_complained_about_there() -> None:
    fleet = shipped("metro-flood").with_(bikes=2_000).fleet()
    station = fleet.city.place("Century Avenue")
    world = World(city(), 100, START, 1)
    world.settle(1)

    def rate() -> np.ndarray:
        found = causes(world, fleet, Moment.at(START + 2 * HOUR_MS))
        return next(cause.rate for cause in found if cause.service_code == "illegal_bike_parking")

    fleet.stock[station] = 0
    assert rate()[station] == 0
    fleet.stock[station] = 60
    assert rate()[station] > 50
    assert rate()[station] == rate().max()


def test_people_call_less_at_night() -> None:
    hours = Counter((event.ts - START) // HOUR_MS for event in day().opened("pothole"))
    by_day, by_night = sum(hours[h] for h in range(2, 12)), sum(hours[h] for h in range(17, 22))
    assert by_night / 5 < 0.3 * by_day / 10


def test_events_are_in_order_of_time_and_every_request_begins_with_its_opening() -> None:
    events = day().events
    assert [event.ts for event in events] == sorted(event.ts for event in events)
    seen: set[str] = set()
    for event in events:
        assert event.event == "opened" or event.service_request_id in seen
        seen.add(event.service_request_id)
    assert Counter(event.event for event in events).keys() == {"opened", "updated", "closed", "rated"}


def test_a_quiet_city_has_no_requests_and_trouble_makes_as_many_as_its_rate_says() -> None:
    hotline = Hotline(city(), START, 1)
    x = np.zeros(2)
    calls = Cause("pothole", x, x, np.array([0.0, 30.0]), 10.0)
    opened = Counter(
        event.event for m in range(600) for event in hotline.step(START + m * MINUTE_MS, [calls]).event
    )["opened"]
    assert 240 < opened < 360
    assert len(Hotline(city(), START, 1).step(START, [Cause("noise", x, x, x, 10.0)])) == 0


def test_ids_of_two_seeds_or_starts_never_meet() -> None:
    x = np.zeros(1)
    noise = Cause("noise", x, x, np.array([600.0]), 1)
    ids = [
        {event.service_request_id for event in Hotline(city(), start, seed).step(start, [noise]).event}
        for start, seed in ((START, 1), (START, 2), (START + MINUTE_MS, 1))
    ]
    assert all(ids)
    assert len(set.union(*ids)) == sum(map(len, ids))


def test_a_scenario_with_a_concert_says_so() -> None:
    assert "9,000 people hear a concert of 120 min at Expo Cultural Park" in CONCERT.explain()
    scenario: Scenario = shipped("commuter")
    assert [event.key for event in scenario.events] == ["concert"]
    assert scenario.events[0].ends_s < scenario.duration / timedelta(seconds=1)
