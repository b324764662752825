from itertools import pairwise

import numpy as np
import pytest

from sensors_sim.batch import Floats
from sensors_sim.sensors.flow import JAM_DENSITY, LANE_CAPACITY, LEAVES, Flow
from sensors_sim.sensors.moment import MINUTE_MS
from sensors_sim.sensors.roads import SEGMENT_M, network
from sensors_sim.sensors.traffic import LOOP_KM
from sensors_sim.sensors.world import World
from tests.unit.sensors_sim.lived import city, lived, monday, when

ROADS = network(city())
JAMMED_KMH = 22.0


def flowing(share: float, minutes: int = 90) -> tuple[Flow, Floats]:
    """Roads without weak spots on which `share` of the capacity wants to drive, in a steady state."""
    flow = Flow(ROADS, np.zeros(len(ROADS)))
    wanted = share * LANE_CAPACITY * ROADS.lanes
    for minute in range(minutes):
        flow.step(minute * MINUTE_MS, wanted, 0.0)
    return flow, wanted


def middle_of(name: str) -> int:
    """The segment in the middle of the first chain of a road."""
    return int(np.median(np.flatnonzero(ROADS.chain == ROADS.names.index(name))))


def onsets(minutes: int = 60, lasts: int = 30) -> dict[int, list[int]]:
    """Minutes in which the segments around a blocked one are jammed, by their distance down the road."""
    flow, wanted = flowing(0.75)
    at, jammed = middle_of("Yanggao Road"), {}
    begins = 90 * MINUTE_MS
    flow.block(at, begins + lasts * MINUTE_MS, 0.3)
    for minute in range(minutes):
        flow.step(begins + minute * MINUTE_MS, wanted, 0.0)
        for away in range(-8, 9):
            jammed.setdefault(away, [])
            if flow.speed[at + away] < JAMMED_KMH:
                jammed[away].append(minute)
    return jammed


def test_a_network_is_chains_of_segments_that_nobody_crosses_within_a_substep() -> None:
    assert (ROADS.length_km * 1000 >= SEGMENT_M).all()
    assert (ROADS.free_kmh / 180 <= ROADS.length_km).all()
    assert ROADS.first.sum() == ROADS.last.sum() == len(ROADS.names)
    inner = ~ROADS.last
    gap_m = np.hypot(np.diff(ROADS.x), np.diff(ROADS.y))[inner[:-1]]
    assert (gap_m <= ROADS.length_km[:-1][inner[:-1]] * 1000 + 1).all()


def test_a_chain_and_the_way_back_lead_in_opposite_directions() -> None:
    starts = ROADS.inward[ROADS.first]
    assert np.allclose(starts[::2] + starts[1::2], 1.0)
    assert (starts >= 0).all()
    assert starts.max() > 0.8


def test_with_room_for_all_as_many_drive_as_want_to() -> None:
    flow, wanted = flowing(0.6)
    assert np.allclose(flow.flow, wanted, rtol=0.01)
    assert (flow.speed > 0.8 * ROADS.free_kmh).all()


def test_vehicles_are_conserved() -> None:
    flow, _ = flowing(0.75)
    nobody = np.zeros(len(ROADS))
    while flow.flow.sum() > 1:  # the queues at the entrances and the road itself empty
        before = flow.present @ ROADS.length_km
        flow.step(10**12, nobody, 0.0)
        left = flow.flow @ np.where(ROADS.last, 1.0, LEAVES) / 60
        assert before - flow.present @ ROADS.length_km == pytest.approx(left, abs=1e-6)


def test_density_stays_between_none_and_bumper_to_bumper() -> None:
    flow, wanted = flowing(1.5)
    flow.block(middle_of("Luoshan Road"), 10**12, 0.0)
    for minute in range(120):
        flow.step(minute, wanted, 1.0)
        assert (flow.density >= 0).all()
        assert (flow.density <= JAM_DENSITY * ROADS.lanes + 1e-6).all()
        assert (flow.speed <= ROADS.free_kmh + 1e-6).all()


def test_a_jam_travels_against_the_flow_reaches_each_neighbour_later_and_never_the_road_ahead() -> None:
    jammed = onsets()
    reached = [jammed[-away][0] for away in range(7)]
    assert all(later >= earlier for earlier, later in pairwise(reached))
    assert reached[6] >= reached[0] + 6
    kmh = 6 * ROADS.length_km[middle_of("Yanggao Road")] / ((reached[6] - reached[0]) / 60)
    assert 3 < kmh < 20
    assert all(jammed[away] == [] for away in range(1, 9))


def test_a_jam_dissolves_from_its_head_when_the_cause_is_gone() -> None:
    jammed = onsets(minutes=120)
    assert 30 <= jammed[0][-1] < jammed[-3][-1] < jammed[-6][-1] < 110


def test_a_segment_is_blocked_until_the_last_of_its_accidents_is_over() -> None:
    """One in 10 minutes of another one, as long as itself; what passes is what the worst of them lets pass."""
    flow, wanted = flowing(0.75)
    at, begins = middle_of("Yanggao Road"), 90 * MINUTE_MS
    most = (flow.capacity[at] * np.array([0.2, 0.8, 1.0])).tolist()
    passed = []
    for minute in range(50):
        now = begins + minute * MINUTE_MS
        if minute == 0:
            flow.block(at, begins + 40 * MINUTE_MS, 0.8)
        elif minute == 10:
            flow.block(at, begins + 20 * MINUTE_MS, 0.2)
        flow.step(now, wanted, 0.0)
        passed.append(float(flow.flow[at]))
        assert flow.blocked(now)[at] == (minute < 40)
    assert max(passed[10:20]) == pytest.approx(most[0])
    assert max(passed[20:40]) == pytest.approx(most[1])
    assert passed[45] > most[1]


def test_rain_makes_traffic_slower() -> None:
    dry, wanted = flowing(0.6)
    wet, _ = flowing(0.6)
    for minute in range(30):
        dry.step(minute, wanted, 0.0)
        wet.step(minute, wanted, 1.0)
    assert wet.speed.mean() < 0.92 * dry.speed.mean()


def test_flow_peaks_at_the_rush_hours_and_is_least_in_the_night() -> None:
    flow = monday().by_hour("flow")
    assert flow.argmin() in (2, 3, 4)
    assert 7 <= flow[:12].argmax() <= 9
    assert 12 + flow[12:].argmax() in (16, 17, 18)
    assert flow[8] > 8 * flow[3]
    assert flow[8] > 1.1 * flow[12]


def test_a_saturday_has_no_morning_peak() -> None:
    saturday, working = lived(when(2026, 3, 7), 24).by_hour("flow"), monday().by_hour("flow")
    assert saturday[8] < 0.6 * working[8]
    assert 14 <= saturday.argmax() <= 18


def test_flow_is_density_times_speed_in_every_reading() -> None:
    day = monday()
    flow, speed, occupancy = (day.series(name) for name in ("flow", "speed", "occupancy"))
    assert np.array_equal(flow.ts, speed.ts)
    lanes = ROADS.lanes[day.world.traffic.segment][flow.sensor]
    density = occupancy.value / 100 / LOOP_KM * lanes
    rounding = 0.5 + 0.06 * density + 0.006 / 100 / LOOP_KM * lanes * speed.value
    assert (np.abs(flow.value - density * speed.value) <= rounding).all()


def test_jams_come_in_the_rush_hours_and_are_gone_at_night() -> None:
    speed = monday().series("speed")
    hour = (speed.ts - monday().start) // 3_600_000
    slow = np.bincount(hour, speed.value < 25, minlength=24)
    assert slow[7:10].sum() + slow[16:20].sum() > 50
    assert slow[2:5].sum() == 0


@pytest.mark.parametrize("seed", [2, 5])
def test_no_loop_says_the_same_for_an_hour_though_the_jam_at_a_weak_spot_does_not_move(seed: int) -> None:
    """A sensor that does is stuck; in a road that is full a vehicle more or less passes in each minute."""
    world = World(city(), {"traffic": 120}, when(2026, 3, 10, 6), seed)
    before, row, longest = np.empty((120, 3)), np.zeros(120, np.int64), 0
    for _ in range(300):
        (part,) = (readings for readings in world.step() if readings.sensors.kind == "traffic")
        said = part.value[np.lexsort((part.metric, part.sensor))].reshape(120, 3)
        row = np.where((said == before).all(axis=1), row + 1, 0)
        before, longest = said, max(longest, int(row.max()))
    assert longest < 10
