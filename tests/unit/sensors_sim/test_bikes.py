from datetime import datetime

import numpy as np

from sensors_sim.batch import AVAILABLE, NON_CONTACTABLE, NON_OPERATIONAL, ON_TRIP
from sensors_sim.bikes import LOW_BATTERY, OPERATORS, TICK_MS, Fleet
from sensors_sim.city import pudong_city
from sensors_sim.geo import inside
from sensors_sim.rhythm import SHANGHAI, demand
from sensors_sim.riders import Riders

EIGHT = int(datetime(2026, 3, 2, 8, tzinfo=SHANGHAI).timestamp()) * 1000
MINUTE = 60_000


def fleet_of(bikes: int, seed: int = 5) -> Fleet:
    return Fleet(pudong_city(), bikes, EIGHT, np.random.default_rng(seed))


def test_ids_name_the_operator_and_count_from_zero() -> None:
    fleet = fleet_of(1_000)
    assert fleet.vehicle_id[0] == "hello-000000"
    assert len(set(fleet.vehicle_id.tolist())) == 1_000
    for code, name in enumerate(OPERATORS):
        mine = fleet.vehicle_id[fleet.operator == code].tolist()
        assert mine
        assert all(vehicle.startswith(f"{name}-") for vehicle in mine)


def test_a_parked_bike_reports_about_once_a_minute_near_where_it_stands() -> None:
    fleet = fleet_of(500)
    fleet.step(EIGHT + 20 * MINUTE)
    parked = fleet.state == AVAILABLE
    readings = fleet.step(EIGHT + 30 * MINUTE)
    parked &= (fleet.state == AVAILABLE) & (fleet.due < EIGHT + 20 * MINUTE)
    for bike in np.flatnonzero(parked)[:20]:
        rows = readings.vehicle_id == fleet.vehicle_id[bike]
        assert rows.sum() == 10
        x, y = fleet.city.plane.xy(readings.lat[rows], readings.lon[rows])
        assert np.hypot(x - fleet.x[bike], y - fleet.y[bike]).max() < 22
        assert len(set(x.tolist())) > 1


def test_a_riding_bike_reports_every_fifteen_seconds_and_then_stands_where_it_was_ridden_to() -> None:
    fleet = fleet_of(300)
    bike = fleet.free_at(int(fleet.place[np.flatnonzero(fleet.state == AVAILABLE)[0]]))[:1]
    station = fleet.city.place("Longyang Road")
    fleet.ride_to(bike, np.array([station]), np.array([0.0]))
    due = int(fleet.due[bike[0]])
    readings = fleet.step(due + 10_000)
    rows = readings.vehicle_id == fleet.vehicle_id[bike[0]]
    riding = rows & (readings.state == ON_TRIP)
    assert set(np.diff(readings.ts[riding]).tolist()[1:]) == {15_000}
    assert readings.state[rows][-1] == AVAILABLE
    assert readings.ts[rows][-1] - due < 10_000
    assert (fleet.x[bike[0]], fleet.y[bike[0]]) == (fleet.city.x[station], fleet.city.y[station])


def test_a_ride_drains_the_battery_and_an_empty_bike_is_out_of_service_until_it_is_swapped() -> None:
    fleet = fleet_of(300)
    bike = fleet.free_around(0.0, 0.0, 0.0, 50_000.0)[:1]
    fleet.battery[bike] = LOW_BATTERY + 0.01
    fleet.ride_to(bike, np.array([fleet.city.place("Chuansha")]), np.array([0.0]))
    fleet.step(int(fleet.due[bike[0]]) + 2 * TICK_MS)
    assert fleet.state[bike[0]] == NON_OPERATIONAL
    assert fleet.battery[bike[0]] < LOW_BATTERY
    fleet.step(int(fleet.changes_at[bike[0]]) + 2 * TICK_MS)
    assert fleet.state[bike[0]] == AVAILABLE
    assert fleet.battery[bike[0]] == 100.0


def test_a_silent_bike_says_so_once_and_then_nothing() -> None:
    fleet = fleet_of(5_000)
    readings = fleet.step(EIGHT + 40 * MINUTE)
    said = readings.vehicle_id[readings.state == NON_CONTACTABLE].tolist()
    assert said
    now_silent = set(fleet.vehicle_id[fleet.state == NON_CONTACTABLE].tolist())
    later = fleet.step(EIGHT + 45 * MINUTE)
    still = now_silent & set(fleet.vehicle_id[fleet.state == NON_CONTACTABLE].tolist()) & set(said)
    heard = set(later.vehicle_id.tolist())
    assert len([vehicle for vehicle in still if vehicle not in heard]) > 0.8 * len(still) > 0


def test_no_bike_is_left_outside_the_outline() -> None:
    fleet = fleet_of(5_000)
    fleet.step(EIGHT + 30 * MINUTE)
    assert inside(fleet.city.outline, fleet.x, fleet.y).all()


def test_a_full_station_attracts_no_ordinary_rider() -> None:
    city = pudong_city()
    riders = Riders(city, 5_000, np.random.default_rng(1))
    station = city.place("Century Avenue")
    origin = np.repeat(np.flatnonzero(city.distance[station] < 2_000), 50)
    stock = np.zeros(len(city.kind), dtype=np.int64)
    assert station in riders.destinations(demand(EIGHT), origin, stock).tolist()
    stock[station] = 10_000
    assert station not in riders.destinations(demand(EIGHT), origin, stock).tolist()


def test_the_size_of_the_steps_does_not_matter() -> None:
    one, many = fleet_of(400), fleet_of(400)
    whole = one.step(EIGHT + 5 * MINUTE)
    parts = [many.step(EIGHT + end) for end in (7_000, 7_500, 60_000, 5 * MINUTE)]
    assert np.concatenate([part.ts for part in parts]).tolist() == whole.ts.tolist()
    assert np.concatenate([part.lat for part in parts]).tolist() == whole.lat.tolist()


def test_a_step_shorter_than_a_tick_reports_nothing() -> None:
    assert len(fleet_of(400).step(EIGHT + TICK_MS - 1)) == 0
