from datetime import timedelta
from functools import cache

import h3
import numpy as np
import pytest

from schemas.vehicles import STANDING_STATES, VEHICLE_STATES
from sensors_sim.plot.day import MINUTE_MS, Day, live
from sensors_sim.scenario import shipped
from tests.unit.sensors_sim.lived import series

BIKES = 1_500
SCENARIO = shipped("commuter").with_(bikes=BIKES, sensors=100, duration=timedelta(minutes=40))


@cache
def day() -> Day:
    return live(SCENARIO, lambda _share: None)


def test_every_bike_is_in_one_state_and_every_standing_one_at_one_kind_of_place() -> None:
    standing = [VEHICLE_STATES.index(state) for state in STANDING_STATES]
    assert day().states.sum(axis=1).tolist() == [BIKES] * 40
    assert (day().states[:, standing].sum(axis=1) == day().standing.sum(axis=1)).all()


def test_the_cells_at_the_peak_hold_the_bikes_that_stand_then_where_they_stand() -> None:
    fleet = SCENARIO.fleet()
    fleet.step(int(day().ts[day().peak]))
    stands = np.isin(fleet.state, [VEHICLE_STATES.index(state) for state in STANDING_STATES])
    lat, lon = fleet.city.plane.latlon(fleet.x[stands], fleet.y[stands])
    expected: dict[str, int] = {}
    for point in zip(lat.tolist(), lon.tolist(), strict=True):
        cell = h3.latlng_to_cell(*point, 9)
        expected[cell] = expected.get(cell, 0) + 1
    assert day().cells == expected
    assert day().fullest[day().peak] == day().fullest.max() == max(expected.values())


def test_trips_are_counted_in_the_minute_in_which_they_start() -> None:
    fleet = SCENARIO.fleet()
    before, starts = fleet.left.copy(), []
    for _ in range(40):
        fleet.step(fleet.now + MINUTE_MS)
        starts.append(int((fleet.left != before).sum()))  # no trip is shorter than a minute
        before = fleet.left.copy()
    assert day().starts.tolist() == starts
    assert sum(starts) > 100


def test_means_are_those_of_the_readings_of_each_slot() -> None:
    world = SCENARIO.world()
    readings = [part for _ in range(40) for part in world.step()]
    flow = series(readings, "flow")
    first = flow.ts < SCENARIO.start_ms + day().slot_ms
    assert day().slot_ms == 15 * MINUTE_MS
    assert day().metrics["flow"][0] == pytest.approx(np.mean(flow.value[first]))
    assert len(day().metrics["flow"]) == 3
    assert day().kinds["flow"] == "traffic"


def test_a_long_scenario_is_told_how_far_it_is() -> None:
    told: list[float] = []
    live(SCENARIO.with_(duration=timedelta(minutes=4)), told.append)
    assert told == sorted(told)
    assert set(told) == {0.0, 0.25, 0.5, 0.75, 1.0}


def test_a_flood_makes_alerts_due_and_a_quiet_hour_none() -> None:
    flood = shipped("metro-flood").with_(duration=timedelta(minutes=12))
    peak = live(flood, lambda _share: None)
    ((first, last),) = peak.due
    assert flood.start_ms < first < last == flood.end_ms
    assert peak.fullest.max() > 66
    assert day().due == ()
