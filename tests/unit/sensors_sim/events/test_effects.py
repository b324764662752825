"""What each event does to the city: seen in the bikes and in what sensors read."""

from datetime import datetime, timedelta
from functools import cache
from itertools import permutations

import numpy as np

from sensors_sim.batch import AVAILABLE, ON_TRIP, Positions
from sensors_sim.cells import cells_at
from sensors_sim.encode import arrays
from sensors_sim.events.accident import Accident
from sensors_sim.events.ailing import SensorBroken, SensorDrifting, SensorSilent, SensorStuck
from sensors_sim.events.burst import BurstPipe
from sensors_sim.events.closure import MetroClosure, nearest_stations
from sensors_sim.events.contract import Event
from sensors_sim.events.dump import BikeDump
from sensors_sim.events.fake_gps import FakeGps
from sensors_sim.events.flood import Flood
from sensors_sim.events.free_rides import FreeRides
from sensors_sim.events.heat import Heat
from sensors_sim.events.hotline_away import RequestsSilent
from sensors_sim.events.outage import AppOutage
from sensors_sim.events.rain import Rain
from sensors_sim.requests.events import Events
from sensors_sim.scenario import Scenario
from sensors_sim.sensors.contract import Readings
from sensors_sim.sources.simulated import SimulatedCity
from tests.unit.sensors_sim.lived import HOUR_MS, Series, series

HOUR_S = 3_600.0


def scenario(*events: Event, hours: int = 4, bikes: int = 100, sensors: int = 600) -> Scenario:
    start = datetime(2026, 3, 3, 7, 0)
    return Scenario("drawn", "", start, timedelta(hours=hours), bikes=bikes, sensors=sensors, events=events)


@cache
def heard(*events: Event, only: str) -> tuple[Readings, ...]:
    """What the sensors of one kind say."""
    batches = SimulatedCity(scenario(*events), [only]).batches()
    return tuple(part for mixed in batches for part in mixed.parts if len(part))  # type: ignore[attr-defined]


def of(metric: str, kind: str, *events: Event) -> Series:
    return series(heard(*events, only=kind), metric)


def test_rain_falls_in_its_time_and_keeps_riders_at_home() -> None:
    cloudburst = Rain(HOUR_S, 2 * HOUR_S, mm_h=30)
    start = scenario().start_ms
    more = of("rain", "weather", cloudburst).by_hour(start) - of("rain", "weather").by_hour(start)
    assert more[0] == 0
    assert more[1:3].min() > 1.5  # mm in five minutes
    fleets = [scenario(*events, bikes=2_000).fleet() for events in ((Rain(600, HOUR_S, mm_h=30),), ())]
    riding = []
    for fleet in fleets:
        fleet.step(fleet.now + int(0.6 * HOUR_MS))
        riding.append((fleet.state == ON_TRIP).sum())
    assert riding[0] < 0.6 * riding[1]


def test_heat_warms_the_air_by_what_it_says() -> None:
    hot, usual = of("temperature", "weather", Heat(0, 4 * HOUR_S, degrees=10)), of("temperature", "weather")
    more = hot.by_hour(scenario().start_ms) - usual.by_hour(scenario().start_ms)
    assert 1.5 < more[0] < 3.5
    assert more[1:3].min() > 6.5


def test_an_accident_slows_the_loops_behind_it_in_the_cells_that_its_truth_names() -> None:
    event = Accident("Yanggao Road", "Yanggao South Road", HOUR_S, HOUR_S, passes=0.15)
    slow, usual = of("speed", "traffic", event), of("speed", "traffic")
    (due,) = (entry for entry in event.truth(scenario().scene()) if entry.verdict == "due")
    table = scenario().scene().table("traffic")
    cells = cells_at(table.lat, table.lon)
    lost = [
        _within(usual, row, due.from_ms, due.to_ms) - _within(slow, row, due.from_ms, due.to_ms)
        for row in range(len(table))
    ]
    assert all(max(lost[row] for row in range(len(table)) if cells[row] == cell) > 20 for cell in due.cells)
    assert np.median(np.abs(lost)) < 0.5


def test_burst_pipes_have_no_pressure_until_they_are_mended() -> None:
    event = BurstPipe("Century Avenue", HOUR_S, 2 * HOUR_S, pipes=2)
    due = [
        entry
        for entry in event.truth(scenario().scene())
        if (entry.verdict, entry.kind) == ("due", "anomaly")
    ]
    kpa = of("pipe_pressure", "heating", event)
    for entry in due:
        pipe = int(entry.why.partition(" ")[0].rsplit("-", 1)[1])
        assert _within(kpa, pipe, entry.from_ms - HOUR_MS, entry.from_ms) > 400
        assert _within(kpa, pipe, entry.from_ms + HOUR_MS, entry.to_ms) < 110
        assert _within(kpa, pipe, entry.to_ms + HOUR_MS // 2, entry.to_ms + HOUR_MS) > 400
    assert len(due) == 2


def test_a_closed_station_loses_its_bikes_to_the_next_ones_and_gathers_people() -> None:
    event = MetroClosure("Jinke Road", 0.25 * HOUR_S, HOUR_S, riders_h=200, people=3_000)
    closed, usual = (scenario(*events, bikes=5_000).fleet() for events in ((event,), ()))
    for fleet in (closed, usual):
        fleet.step(fleet.now + 65 * 60_000)
    station = closed.city.place("Jinke Road")
    near = nearest_stations(closed.city, station, 2)
    assert closed.stock[station] < 0.5 * usual.stock[station]
    assert closed.stock[near].sum() > usual.stock[near].sum() + 25
    counted, before = of("people_count", "crowd", event), of("people_count", "crowd")
    assert max(_within(counted, row, *_hour(1)) - _within(before, row, *_hour(1)) for row in range(33)) > 800


def test_a_closed_station_opens_again() -> None:
    fleet = scenario(MetroClosure("Jinke Road", 60, 600), bikes=500).fleet()
    fleet.step(fleet.now + 300_000)
    assert fleet.closed.sum() == 1
    fleet.step(fleet.now + 600_000)
    assert not fleet.closed.any()


def test_two_closures_of_a_station_close_it_until_both_are_over() -> None:
    """
    minute   | 1 | 2 | 3 | ... 11 |
    first    [=======]
    second       [================]
    """
    for events in permutations((MetroClosure("Jinke Road", 60, 120), MetroClosure("Jinke Road", 120, 600))):
        fleet = scenario(*events, bikes=500).fleet()
        closed = [bool(fleet.step(fleet.now + 60_000) and fleet.closed.any()) for _ in range(14)]
        assert closed == [False, *[True] * 11, False, False]


def test_bikes_of_an_operator_are_locked_while_any_of_its_outages_lasts() -> None:
    """
    minute   | 1 | 2 | 3 | 4 | 5 | 6 | 7 |
    first    [===========]       :
    second       [===]           :
    third                        [===]
    """
    outages = [
        AppOutage("hello", begins, lasts, 3.3, "r1") for begins, lasts in ((60, 180), (120, 60), (360, 60))
    ]
    for events in permutations(outages):
        fleet, locked = scenario(*events).fleet(), []
        for _ in range(9):
            fleet.step(fleet.now + 60_000)
            locked.append(fleet.operator[fleet.locked > 0].tolist())
        hello = [0] * int((fleet.operator == 0).sum())
        assert locked == [[], hello, hello, hello, [], [], hello, [], []]


def test_lorries_bring_the_bikes_of_one_operator_no_faster_than_a_lorry_drives() -> None:
    event = BikeDump("meituan", "Longyang Road", HOUR_S, bikes=300, within_s=600)
    fleet = scenario(event, bikes=5_000).fleet()
    station = fleet.city.place("Longyang Road")
    said = [fleet.step(fleet.now + 5_000) for _ in range(75 * 12)]
    here = np.hypot(fleet.x - fleet.city.x[station], fleet.y - fleet.city.y[station]) < 500
    by_operator = np.bincount(fleet.operator[here & (fleet.place == station)], minlength=3)
    assert by_operator[1] > 240
    assert by_operator[[0, 2]].sum() < 60
    assert _fastest_kmh(said) < 60


def test_free_rides_are_taken_in_their_time_on_the_bikes_of_their_operator() -> None:
    def setting_out(*events: Event) -> list[list[int]]:
        """Rides of each operator that began in each hour."""
        fleet = scenario(*events, bikes=2_000).fleet()
        rides = []
        for _ in range(3):
            began = np.zeros(len(fleet.operators), np.int64)
            for _ in range(60):
                fleet.step(fleet.now + 60_000)
                new = fleet.left > fleet.now - 60_000
                began += np.bincount(fleet.operator[new], minlength=len(began))
            rides.append(began.tolist())
        return rides

    free = setting_out(FreeRides("meituan", HOUR_S, HOUR_S, maximum=6, rule="r1", riders=3))
    usual = setting_out()
    assert free[0] == usual[0]
    assert free[1][1] > 1.8 * usual[1][1]
    assert all(0.8 < free[1][other] / usual[1][other] < 1.2 for other in (0, 2))
    assert 0.8 < free[2][1] / usual[2][1] < 1.2


def test_a_fake_gps_jumps_and_is_the_only_one() -> None:
    event = FakeGps("hello-000003", "Shanghai Disney Resort", 300, HOUR_S / 2)
    lied, true = (
        [part for b in SimulatedCity(scenario(*e, hours=1), ["bikes"]).batches() for part in b.parts]  # type: ignore[attr-defined]
        for e in ((event,), ())
    )
    differ = {
        name
        for a, b in zip(lied, true, strict=True)
        for name in a.vehicle_id[(a.lat != b.lat) | (a.lon != b.lon)].tolist()
    }
    assert differ == {"hello-000003"}
    assert _fastest_kmh(lied) > 200
    assert _fastest_kmh(true) < 60


def test_a_silent_sensor_says_nothing_in_its_time_and_the_others_what_they_always_say() -> None:
    silent, usual = of("laeq", "noise", SensorSilent(("noise-00004",), HOUR_S, HOUR_S)), of("laeq", "noise")
    first, last = _hour(1)
    there = (usual.sensor == 4) & (usual.ts >= first) & (usual.ts < last)
    assert there.sum() == 60
    assert silent.value.tolist() == usual.value[~there].tolist()


def test_a_stuck_sensor_repeats_itself_and_recovers() -> None:
    stuck = of("laeq", "noise", SensorStuck(("noise-00004",), HOUR_S, HOUR_S))
    ts, value = stuck.of(4)
    first, last = _hour(1)
    assert len(set(value[(ts >= first) & (ts < last)].tolist())) == 1
    assert len(set(value[ts >= last].tolist())) > 20


def test_a_drifting_sensor_goes_away_steadily_within_its_range() -> None:
    usual = of("laeq", "noise")
    drifts = of("laeq", "noise", SensorDrifting(("noise-00004",), HOUR_S, 2 * HOUR_S, by_h=10))
    more = (drifts.value - usual.value)[usual.sensor == 4]
    assert more[:60].tolist() == [0.0] * 60
    assert np.allclose(more[60:180], np.arange(120) / 6, atol=0.2)
    far = of("laeq", "noise", SensorDrifting(("noise-00004",), HOUR_S, 2 * HOUR_S, by_h=-500))
    assert far.value.min() == 0.0


def test_a_broken_sensor_says_what_cannot_be() -> None:
    broken = of("laeq", "noise", SensorBroken(("noise-00004",), HOUR_S, HOUR_S))
    assert (broken.value == -9_999.0).sum() == 60
    payloads = [
        m.payload
        for r in heard(SensorBroken(("noise-00004",), HOUR_S, HOUR_S), only="noise")
        for m in arrays(r, 500)
    ]
    assert sum(payload.count(b"-9999.0") for payload in payloads) == 60


def _hour(number: int) -> tuple[int, int]:
    start = scenario().start_ms + number * HOUR_MS
    return start, start + HOUR_MS


def _within(of_metric: Series, sensor: int, first: int, last: int) -> float:
    rows = (of_metric.sensor == sensor) & (of_metric.ts >= first) & (of_metric.ts < last)
    return float(of_metric.value[rows].mean())


def _fastest_kmh(parts: list[Positions]) -> float:
    ids = np.concatenate([part.vehicle_id for part in parts]).astype(str)
    ts, lat, lon = (np.concatenate([getattr(part, name) for part in parts]) for name in ("ts", "lat", "lon"))
    order = np.lexsort((ts, ids))
    same = ids[order][1:] == ids[order][:-1]
    metres = np.hypot(np.diff(lat[order]), np.diff(lon[order]) * np.cos(np.radians(31.2))) * 111_195
    return float((metres[same] / (np.diff(ts[order])[same] / 1000) * 3.6).max())


def test_a_feed_of_requests_that_is_silent_says_nothing_in_its_time_and_all_else_as_ever() -> None:
    away = RequestsSilent(HOUR_S, HOUR_S / 2)
    told = {}
    for events in ((away,), ()):
        city = SimulatedCity(scenario(*events, hours=2, sensors=200), ["requests"])
        parts = [part for mixed in city.batches() for part in mixed.parts if isinstance(part, Events)]  # type: ignore[attr-defined]
        told[events] = [event for part in parts for event in part.event.tolist()]
    first = scenario().start_ms + HOUR_MS
    left = [event for event in told[()] if not first <= event.ts < first + HOUR_MS // 2]
    assert told[away,] == left
    assert len(left) < len(told[()])
    (entry,) = away.truth(scenario(away).scene())
    assert (entry.kind, entry.subject, entry.from_ms, entry.to_ms) == (
        "feed_silent", "requests", first, first + HOUR_MS // 2,
    )  # fmt: skip


def standing_by_minute(*events: Event, minutes: int) -> list[int]:
    """How many bikes stand at Century Avenue at the end of each minute."""
    fleet = scenario(*events, bikes=12_000).fleet()
    station, standing = fleet.city.place("Century Avenue"), [0]
    for _ in range(minutes):
        fleet.step(fleet.now + 60_000)
        standing.append(int(((fleet.place == station) & (fleet.state == AVAILABLE)).sum()))
    return standing


def test_floods_of_one_station_at_once_are_there_together() -> None:
    """
    minute  1        12        36        47
    first   [=====================]
    second            [=====================]
    """
    first = Flood("Century Avenue", 60, 180, 1_800, 120, bikes=250)
    second = Flood("Century Avenue", 720, 180, 1_800, 120, bikes=150)
    both = standing_by_minute(first, second, minutes=50)
    alone = standing_by_minute(first, minutes=50)
    assert alone[12] == both[12] > 200
    assert min(both[12:34]) > 0.9 * alone[12]  # nobody leaves because others come
    assert min(both[25:34]) > min(alone[25:34]) + 100
    assert 100 < both[40] < 0.8 * alone[12]  # the second alone
    assert abs(both[49] - alone[49]) < 40


def test_a_flood_sends_nobody_away_whom_lorries_or_a_closure_bring() -> None:
    flood = Flood("Century Avenue", 60, 180, 5_400, 120, bikes=100)
    dump = BikeDump("hello", "Century Avenue", 3_000, bikes=300, within_s=300)
    alone, dumped = (standing_by_minute(*events, minutes=60) for events in ((flood,), (flood, dump)))
    assert min(dumped[12:50]) > 0.8 * min(alone[12:50])  # collected in minute 10
    assert dumped[58] > alone[58] + 150
    closed = MetroClosure("Century Avenue", 600, 3_000, riders_h=1_200, stations=1)
    station = scenario().city
    (next_,) = nearest_stations(station, station.place("Century Avenue"), 1)
    flood = Flood(station.names[next_], 60, 180, 5_400, 120, bikes=100)
    fleets = [scenario(*events, bikes=6_000).fleet() for events in ((flood,), (flood, closed))]
    for fleet in fleets:
        fleet.step(fleet.now + HOUR_MS)
    assert fleets[1].stock[next_] > fleets[0].stock[next_] + 100


def test_nobody_complains_about_bikes_that_a_lorry_is_yet_to_set_down() -> None:
    """They are collected at 9:40 and set down from 10:20 on."""
    dump = BikeDump("hello", "Longyang Road", 12_000, bikes=600, within_s=300)
    day = scenario(dump, hours=5, bikes=3_000)
    cells = day.scene().cells(day.city.place("Longyang Road"), 2)
    parts = [part for mixed in SimulatedCity(day, ["requests"]).batches() for part in mixed.parts]  # type: ignore[attr-defined]
    calls = [
        (event.ts - day.start_ms) // 1000
        for part in parts
        for event in part.event.tolist()
        if (event.event, event.service_code) == ("opened", "illegal_bike_parking")
        and cells_at(np.array([event.lat]), np.array([event.lon]))[0] in cells
    ]
    assert sum(12_000 <= at < 14_400 for at in calls) > 3
    assert sum(9_600 <= at < 12_000 for at in calls) == 0
