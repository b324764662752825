"""What holds loosely in every city that ships, as many bikes as it has room for, whatever its shape and its clock."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import numpy as np
import pytest

from schemas.requests import CitizenRequest
from sensors_sim.batch import ON_TRIP
from sensors_sim.bikes import Fleet
from sensors_sim.city import KINDS, METRO, OFFICE, City, city_names, shipped_city
from sensors_sim.geo import inside
from sensors_sim.requests.events import Events
from sensors_sim.rhythm import local
from sensors_sim.scenario import Scenario
from sensors_sim.sensors.world import World
from sensors_sim.sources.simulated import SimulatedCity
from sensors_sim.truth.saturation import CAPACITY
from sensors_sim.truth.standing import Standing

every_city = pytest.mark.parametrize("name", city_names())


def scenario(name: str, hour: int, minutes: int = 60) -> Scenario:
    """A Tuesday, without events."""
    city = shipped_city(name)
    start = datetime(2025, 9, 9, hour)
    return Scenario(
        "tuesday", "", start, timedelta(minutes=minutes), bikes=city.fleet, sensors=300, city=city
    )


@dataclass
class Seen:
    fleet: Fleet
    fullest: int
    world: World


@cache
def seen(name: str, hour: int) -> Seen:
    """The city half an hour before that hour, lived on until it."""
    one = scenario(name, hour - 1)
    fleet, standing, fullest = one.fleet(), Standing(), 0
    for _ in range(12):
        fleet.step(fleet.now + 300_000)
        fullest = max(fullest, int(standing.occupancy(fleet).max()))
    world = one.world()
    for _ in range(60):
        world.step()
    return Seen(fleet, fullest, world)


def at_kind(fleet: Fleet, kind: int) -> int:
    return int(np.bincount(fleet.city.kind, weights=fleet.stock, minlength=len(KINDS))[kind])


def flow(one: Seen) -> float:
    return float(one.world.traffic.road.flow.mean())


@every_city
def test_few_ride_at_night_and_many_in_the_morning_by_the_clock_of_the_city(name: str) -> None:
    night, morning = seen(name, 4), seen(name, 9)
    assert (night.fleet.state == ON_TRIP).mean() < 0.01
    assert 0.03 < (morning.fleet.state == ON_TRIP).mean() < 0.12
    assert flow(morning) > 5 * flow(night)


@every_city
def test_bikes_gather_at_the_stations_and_the_work_places_in_the_morning(name: str) -> None:
    night, morning = seen(name, 4).fleet, seen(name, 9).fleet
    assert at_kind(morning, METRO) > 1.2 * at_kind(night, METRO)
    assert at_kind(morning, OFFICE) > 1.02 * at_kind(night, OFFICE)


@every_city
def test_no_cell_is_full_on_a_quiet_morning(name: str) -> None:
    assert seen(name, 9).fullest < 0.9 * CAPACITY


@every_city
def test_bikes_stand_inside_the_outline(name: str) -> None:
    fleet = seen(name, 9).fleet
    assert inside(fleet.city.outline, fleet.x, fleet.y).all()


@every_city
def test_lamps_are_dark_in_the_day_and_lit_at_night(name: str) -> None:
    assert seen(name, 4).world.lights.dark
    assert not seen(name, 9).world.lights.dark


@every_city
def test_people_call_from_where_they_live_and_agencies_work_in_their_hours(name: str) -> None:
    one = scenario(name, 16, minutes=90)
    city = one.city
    parts = [part for batch in SimulatedCity(one, ["requests"]).batches() for part in batch.parts]
    events = [event for part in parts if isinstance(part, Events) for event in part.event]
    opened: list[CitizenRequest] = [event for event in events if event.event == "opened"]
    assert len(opened) > 5
    x, y = city.plane.xy(*np.array([(event.lat, event.lon) for event in opened]).T)
    assert (near(city, x, y) < 3_000).all()
    assert {event.district for event in opened} <= set(city.districts.names)
    assert len(Counter(event.district for event in opened)) > 2
    stations = {name for name, kind in zip(city.names, city.kind, strict=True) if kind == METRO}
    assert {str(event.address).removeprefix("near ") for event in opened} <= stations
    rated = [local(event.ts, city.zone).hour for event in events if event.event == "rated"]
    assert all(9 <= hour <= 20 for hour in rated)


def near(city: City, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Metres from each point to the nearest place."""
    return np.hypot(x[:, None] - city.x, y[:, None] - city.y).min(axis=1)
