"""Events in another city than Pudong: they name its places and roads, and what follows from them lies in it."""

from dataclasses import replace
from datetime import datetime, timedelta

import h3
import pytest

from sensors_sim.city import shipped_city
from sensors_sim.events.accident import Accident
from sensors_sim.events.ailing import SensorSilent
from sensors_sim.events.burst import BurstPipe
from sensors_sim.events.closure import MetroClosure
from sensors_sim.events.concert import Concert
from sensors_sim.events.contract import Event
from sensors_sim.events.dump import BikeDump
from sensors_sim.events.fake_gps import FakeGps
from sensors_sim.events.flood import Flood
from sensors_sim.events.heat import STAYS_COOL, Heat
from sensors_sim.scenario import Scenario
from sensors_sim.truth.witness import truth_of

EVENTS: tuple[Event, ...] = (
    Accident("Ring 3", "Storo", 300, 900),
    BikeDump("hello", "Helsfyr", 2_400, bikes=60, within_s=60),
    BurstPipe("Frogner Park", 300, 900),
    Concert("Frogner Park", 300, 900, people=5_000),
    FakeGps("hello-000003", "Stovner", 300, 900),
    Flood("Tøyen", 300, fill_s=60, hold_s=60, drain_s=60, bikes=100),
    MetroClosure("Majorstuen", 300, 900),
    SensorSilent(("traffic-00003",), 300, 900),
)


def scenario(*events: Event) -> Scenario:
    start = datetime(2025, 9, 9, 8)
    city = shipped_city("oslo")
    return Scenario(
        "drawn", "", start, timedelta(minutes=45), bikes=800, sensors=150, events=events, city=city
    )


@pytest.fixture(scope="module")
def cells() -> set[str]:
    """The cells of all that is due or tolerated because of the events."""
    return {cell for entry in truth_of(scenario(*EVENTS)).entries for cell in entry.cells}


def test_what_follows_from_an_event_lies_in_its_city(cells: set[str]) -> None:
    assert len(cells) > 20
    oslo = h3.latlng_to_cell(59.913, 10.75, 9)
    assert all(h3.great_circle_distance(h3.cell_to_latlng(c), h3.cell_to_latlng(oslo)) < 20 for c in cells)


def test_a_road_or_a_station_of_another_city_is_refused_with_those_that_there_are() -> None:
    problems = scenario(
        Accident("Yanggao Road", "Storo", 0, 60), MetroClosure("Century Avenue", 0, 60)
    ).problems()
    assert "events[0].road = 'Yanggao Road': " in problems[0]
    assert "Ring 3" in problems[0]
    assert "events[1].station = 'Century Avenue': Oslo has no metro place of that name" in problems[1]


@pytest.mark.parametrize(("hour", "share"), [(4, 1.0), (14, 1 - STAYS_COOL)])
def test_heat_keeps_people_in_at_noon_of_the_city(hour: int, share: float) -> None:
    heat = Heat(0, 86_400, degrees=10)
    start = datetime(2025, 9, 9, hour - 3)
    hot = replace(scenario(heat), start=start, settle=timedelta())
    fleet = hot.fleet()
    fleet.step(fleet.now + 3 * 3_600_000)
    assert hot.local(3 * 3_600).hour == hour
    assert fleet.appetite == pytest.approx(share, abs=0.001)
