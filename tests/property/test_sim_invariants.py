"""Invariants of the simulated fleet, whatever the seed, the size and the hour."""

from datetime import datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors_sim.batch import AVAILABLE, NON_CONTACTABLE, NON_OPERATIONAL, ON_TRIP, RESERVED, Positions
from sensors_sim.bikes import LEAST_GAP_MS
from sensors_sim.encode import arrays
from sensors_sim.events.flood import Flood
from sensors_sim.geo import METRES_PER_DEGREE
from sensors_sim.scenario import Scenario

FASTEST_KMH = 60.0

scenarios = st.builds(
    Scenario,
    name=st.just("drawn"),
    summary=st.just(""),
    start=st.datetimes(datetime(2026, 2, 1), datetime(2026, 3, 31)).map(lambda t: t.replace(microsecond=0)),
    duration=st.just(timedelta(minutes=5)),
    bikes=st.integers(1, 1_500),
    seed=st.integers(0, 2**32),
    settle=st.just(timedelta(minutes=1)),
    events=st.sampled_from(
        [(), (Flood("Century Avenue", begins_s=10, fill_s=60, hold_s=100, drain_s=100, bikes=200),)]
    ),
)
few = settings(max_examples=8, deadline=None)


def lived(scenario: Scenario) -> Positions:
    return scenario.fleet().step(scenario.end_ms)


def encoded(scenario: Scenario, step_ms: int) -> bytes:
    fleet, out = scenario.fleet(), []
    while fleet.now < scenario.end_ms:
        out += [m.topic.encode() + m.payload for m in arrays(fleet.step(fleet.now + step_ms), 500)]
    return b"\n".join(out)


@few
@given(scenarios)
def test_bikes_are_conserved(scenario: Scenario) -> None:
    fleet = scenario.fleet()
    while fleet.now < scenario.end_ms:
        fleet.step(fleet.now + 120_000)
        assert len(fleet) == scenario.bikes
        assert fleet.stock.sum() == scenario.bikes
        assert fleet.stock.tolist() == np.bincount(fleet.place, minlength=len(fleet.stock)).tolist()
        states = {AVAILABLE, NON_OPERATIONAL, RESERVED, ON_TRIP, NON_CONTACTABLE}
        assert set(fleet.state.tolist()) <= states


@few
@given(scenarios)
def test_same_seed_same_bytes(scenario: Scenario) -> None:
    assert encoded(scenario, 5_000) == encoded(scenario, 5_000)


@few
@given(scenarios.filter(lambda s: s.bikes > 10))
def test_another_seed_gives_other_bytes(scenario: Scenario) -> None:
    assert encoded(scenario, 60_000) != encoded(scenario.with_(seed=scenario.seed + 1), 60_000)


@few
@given(scenarios)
def test_no_reading_out_of_order(scenario: Scenario) -> None:
    readings = lived(scenario)
    assert (np.diff(readings.ts) >= 0).all()
    assert len(readings) == 0 or scenario.start_ms <= readings.ts[0] <= readings.ts[-1] < scenario.end_ms
    fleet, last = scenario.fleet(), 0
    while fleet.now < scenario.end_ms:
        part = fleet.step(fleet.now + 7_000)
        if len(part):
            assert part.ts[0] >= last
            last = int(part.ts[-1])


@few
@given(scenarios)
def test_no_bike_jumps_and_none_reports_twice_at_once(scenario: Scenario) -> None:
    readings = lived(scenario)
    order = np.lexsort((readings.ts, readings.vehicle_id.astype(str)))
    ids = readings.vehicle_id[order]
    same = ids[1:] == ids[:-1]
    seconds = np.diff(readings.ts[order])[same] / 1000
    north = np.diff(readings.lat[order])[same] * METRES_PER_DEGREE
    east = np.diff(readings.lon[order])[same] * METRES_PER_DEGREE * np.cos(np.radians(31.2))
    assert (seconds * 1000 >= LEAST_GAP_MS).all()
    assert (np.hypot(north, east) / seconds * 3.6 <= FASTEST_KMH).all()


@few
@given(scenarios)
def test_values_are_those_of_the_contract(scenario: Scenario) -> None:
    readings = lived(scenario)
    assert ((readings.battery >= 0) & (readings.battery <= 100)).all()
    assert np.array_equal(np.round(readings.lat, 6), readings.lat)
    assert np.array_equal(np.round(readings.lon, 6), readings.lon)
    assert ((readings.lat > 31.04) & (readings.lat < 31.37)).all()
    assert ((readings.lon > 121.46) & (readings.lon < 121.82)).all()
