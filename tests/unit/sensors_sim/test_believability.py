"""A simulated working morning, looked at in numbers: the figures are those of docs/simulator.md."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime

import h3
import numpy as np
import pytest

from sensors_sim.batch import NON_CONTACTABLE, NON_OPERATIONAL, ON_TRIP, RESERVED
from sensors_sim.bikes import Fleet
from sensors_sim.city import METRO, OFFICE
from sensors_sim.scenario import shipped

DEFAULT_CAPACITY = 60
CLEARS_BELOW = 48


def occupancy(fleet: Fleet) -> Counter[str]:
    """Bikes standing in each H3 cell of resolution 9."""
    standing = fleet.state != ON_TRIP
    lat, lon = fleet.city.plane.latlon(fleet.x[standing], fleet.y[standing])
    return Counter(h3.latlng_to_cell(*place, 9) for place in zip(lat.tolist(), lon.tolist(), strict=True))


def at_kind(fleet: Fleet, kind: int) -> int:
    return int(fleet.stock[fleet.city.kind == kind].sum())


@dataclass
class Morning:
    night: Fleet
    nine: Fleet
    riding_at_half_past_eight: float
    fullest_cell: int
    trips_per_bike: float


@pytest.fixture(scope="module")
def morning() -> Morning:
    """The commuter scenario from 07:00 to 09:00, and the same fleet at 04:00."""
    night = replace(shipped("commuter"), start=datetime(2026, 3, 2, 4, 0)).fleet()
    fleet = shipped("commuter").fleet()
    fullest, riding, ended = 0, 0.0, 0
    for minute in range(1, 121):
        before = fleet.state == ON_TRIP
        fleet.step(fleet.now + 60_000)
        ended += int((before & (fleet.state != ON_TRIP)).sum())
        if minute % 5 == 0:
            fullest = max(fullest, *occupancy(fleet).values())
        if minute == 90:
            riding = float((fleet.state == ON_TRIP).mean())
    return Morning(night, fleet, riding, fullest, ended / len(fleet))


def test_few_ride_at_night_and_many_in_the_morning(morning: Morning) -> None:
    assert (morning.night.state == ON_TRIP).mean() < 0.005
    assert 0.04 < morning.riding_at_half_past_eight < 0.12


def test_half_the_bikes_or_more_are_ridden_in_the_two_hours_of_the_morning_peak(morning: Morning) -> None:
    assert 0.6 < morning.trips_per_bike < 1.3


def test_bikes_gather_at_the_metro_and_the_offices_in_the_morning(morning: Morning) -> None:
    assert at_kind(morning.nine, METRO) > 1.4 * at_kind(morning.night, METRO)
    assert at_kind(morning.nine, OFFICE) > 1.08 * at_kind(morning.night, OFFICE)


def test_no_cell_comes_near_the_default_capacity_on_a_quiet_morning(morning: Morning) -> None:
    assert morning.fullest_cell < 45


def test_every_state_of_a_bike_in_service_occurs(morning: Morning) -> None:
    share = np.bincount(morning.nine.state, minlength=8) / len(morning.nine)
    assert 0.001 < share[RESERVED] < 0.02
    assert 0.005 < share[NON_OPERATIONAL] < 0.06
    assert 0.001 < share[NON_CONTACTABLE] < 0.01


@pytest.mark.parametrize("seed", [1, 7])
def test_the_flood_oversaturates_the_station_and_drains(seed: int) -> None:
    fleet = shipped("metro-flood").with_(seed=seed).fleet()
    station = fleet.city.place("Century Avenue")
    where = slice(station, station + 1)
    lat, lon = fleet.city.plane.latlon(fleet.city.x[where], fleet.city.y[where])
    cell = h3.latlng_to_cell(float(lat[0]), float(lon[0]), 9)
    by_minute, elsewhere = [occupancy(fleet)[cell]], 0
    for _ in range(30):
        fleet.step(fleet.now + 60_000)
        cells = occupancy(fleet)
        by_minute.append(cells[cell])
        elsewhere = max(elsewhere, *(n for other, n in cells.items() if h3.grid_distance(other, cell) > 2))
    assert by_minute[1] < CLEARS_BELOW
    assert by_minute[7] >= DEFAULT_CAPACITY
    assert max(by_minute) > 150
    assert all(n >= DEFAULT_CAPACITY for n in by_minute[7:16])
    assert all(n < CLEARS_BELOW for n in by_minute[23:])
    assert elsewhere < 45
