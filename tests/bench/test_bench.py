"""The benchmark itself: that it runs, that its load is what it says, and that it notices a wrong result."""

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from schemas import codec
from streams import topics
from streams.grid.locate import Locator
from streams.requests.districts import Districts
from streams.requests.state import RequestsState
from streams.sensing.state import SensingState
from tests.bench import (
    citizens,
    fleet,
    mqtt_load,
    requests_child,
    requests_results,
    run,
    sensing_child,
    sensing_results,
    sensors,
    tables,
)
from tests.bench.cells import beginning
from tests.bench.citizens import Hotline
from tests.bench.contestants import TINY, groups
from tests.bench.expected import Verdict, compare, expected
from tests.bench.folding import drive
from tests.bench.frames import Frame, closing_frames, frames_of, positions_of
from tests.bench.sensors import Network
from tests.bench.summary import Entry, change, entry
from tests.bench.targets import TARGETS
from tests.bench.workload import STEP_MS, WINDOW_MS, Workload

SMALL = Workload(readings=6_000, vehicles=600)


@pytest.mark.bench
def test_a_very_small_benchmark_runs_and_every_result_is_right(tmp_path: Path) -> None:
    said: list[str] = []
    keys = [
        "fleet",
        "sensing",
        "requests",
        "grid",
        "detection",
        "told",
        "store",
        "simulator",
        "simulator_large",
        "latency",
    ]
    results = run.run(TINY, keys, 1, said.append)
    assert list(results) == keys
    assert len(said) == len(keys)
    for one in results.values():
        assert one["readings_per_s"] > 0
        assert one["cpu_s_per_million"] > 0
        assert one.get("wrong", 0) == 0
    assert min(results[key]["compared"] for key in ("fleet", "sensing", "requests")) > 1_000
    assert results["simulator"]["compared"] > 200
    assert 0 < results["simulator_large"]["peak_rss_mb"] < 2_000
    assert results["grid"]["metric_rows_per_core_s"] > 0
    assert results["grid"]["metric_tick_ms"] > 0
    assert results["detection"]["alerts"] >= 0
    run.write(results, tmp_path, {"processor": "any"})
    tables.show(results, results)
    assert json.loads((tmp_path / "bench.json").read_text()).keys() == {"machine", *results}
    assert (tmp_path / "bench.png").stat().st_size > 5_000


def test_a_fleet_is_made_the_same_again() -> None:
    assert frames_of(SMALL) == frames_of(replace(SMALL))
    assert frames_of(SMALL) != frames_of(replace(SMALL, seed=2))


def test_one_vehicle_in_twenty_rides_and_all_others_stay_where_they_are() -> None:
    found = positions_of(SMALL)
    assert np.count_nonzero(found.rides) == SMALL.readings // 20
    parked = [v for v in range(SMALL.vehicles) if not found.rides[found.vehicle == v].any()]
    assert len(parked) > 0.8 * SMALL.vehicles
    spread = [np.ptp(found.lat[found.vehicle == v]) for v in parked]
    assert max(spread) < 0.001
    assert np.all(np.diff(found.arrival) >= 0)
    assert np.any(np.diff(found.ts) < 0)


def test_no_position_of_a_restless_fleet_lies_in_the_cell_of_the_one_before() -> None:
    workload = replace(SMALL, restless=True)
    moves = expected(workload).counts
    found = positions_of(workload)
    order = np.lexsort((found.ts, found.vehicle))
    west = found.lon[order].reshape(SMALL.vehicles, -1) < 121.6
    assert np.all(west[:, 1:] != west[:, :-1])
    assert sum(moves.values()) == SMALL.readings


@pytest.mark.parametrize("shape", ["columns", "rows"])
def test_frames_hold_every_reading_once_and_closing_ones_come_after_all_windows(shape: str) -> None:
    workload = replace(SMALL, shape=shape, frame=70)
    seen = set()
    for frame in frames_of(workload):
        if shape == "rows":
            readings = [(r.vehicle_id, r.ts) for r in codec.positions.decode(frame.value)]
        else:
            columns = codec.vehicle_frame.decode(frame.value)
            readings = list(zip(columns.vehicle_id, columns.ts, strict=True))
        assert len(readings) == frame.readings <= 70
        seen |= set(readings)
    assert len(seen) == SMALL.readings
    assert len(list(closing_frames(workload))) == workload.partitions
    assert max(ts for _, ts in seen) + 9 * WINDOW_MS - STEP_MS < workload.end_ms


def test_laps_are_of_equal_size_and_lose_no_frame() -> None:
    frames = frames_of(SMALL)
    first, *laps = fleet.split(frames, SMALL.vehicles, 3)
    assert (*first, *(frame for lap in laps for frame in lap)) == frames
    most = max(frame.readings for frame in frames)
    assert 0 <= sum(frame.readings for frame in first) - SMALL.vehicles < most
    share = (SMALL.readings - SMALL.vehicles) / 3
    assert all(abs(sum(frame.readings for frame in lap) - share) < most for lap in laps)


def test_the_batch_computation_counts_every_reading_and_every_vehicle() -> None:
    found = expected(SMALL)
    assert sum(found.counts.values()) == SMALL.readings
    assert sum(found.present.values()) == SMALL.vehicles
    assert sum(found.standing.values()) == SMALL.vehicles - SMALL.vehicles // 20


def folded_sensors(network: Network, skip: int) -> Verdict:
    fold = SensingState(sensing_child.CONFIG, Locator(network.resolution, 2), beginning())
    frames = [frame for at, frame in enumerate(sensors.frames_of(network)) if at != skip]
    return sensing_results.verdict(network, drive(fold, topics.SENSORS, frames, 3))


def test_what_the_sensing_fold_tells_is_that_of_the_batch_computation_and_a_lost_frame_is_noticed() -> None:
    network = Network(readings=2_000, sensors=20, frame=70, resolution=8)
    right, lacking = folded_sensors(network, -1), folded_sensors(network, 5)
    assert right.compared > 400
    assert right.wrong == 0
    assert lacking.wrong > 10


def folded_requests(hotline: Hotline, skip: int) -> Verdict:
    fold = RequestsState(requests_child.CONFIG, Locator(hotline.resolution, 2), Districts(), beginning())
    frames = [frame for at, frame in enumerate(citizens.frames_of(hotline)) if at != skip]
    told = drive(fold, topics.REQUESTS, frames, 3)
    return requests_results.verdict(hotline, told, requests_child.CONFIG.allowed_lateness_ms)


def test_what_the_requests_fold_tells_is_that_of_the_batch_computation_and_a_lost_frame_is_noticed() -> None:
    hotline = Hotline(events=20_000, frame=300, resolution=8)
    right, lacking = folded_requests(hotline, -1), folded_requests(hotline, 9)
    assert right.compared > 10_000
    assert right.wrong == 0
    assert lacking.wrong > 100


@pytest.mark.parametrize(
    "frames", [sensors.frames_of(Network(2_000, 20)), citizens.frames_of(Hotline(2_000))]
)
def test_some_readings_and_events_come_twice_and_late(frames: Iterator[Frame]) -> None:
    seen, times = [], []
    for frame in frames:
        value = json.loads(frame.value)
        if "events" in value:
            seen += [json.dumps(event) for event in value["events"]]
            times += [event["ts"] for event in value["events"]]
        else:
            seen += list(zip(value["sensor_id"], value["metric"], value["ts"], strict=True))
            times += value["ts"]
    assert len(set(seen)) < len(seen) < 1.05 * len(set(seen))
    assert times != sorted(times)


@pytest.mark.parametrize(
    ("asked", "readings"),
    [("--vehicles 50000 --resolution 8 --frame 100", 1_000_000), ("--vehicles 30000", 990_000)],
)
def test_other_fleets_frames_and_cells_can_be_asked_for(asked: str, readings: int) -> None:
    sizes = run.sizes_of(run.parsed(asked.split()))
    assert sizes.base.readings == readings
    assert groups(sizes)
    alike = {(one.frame, one.resolution) for one in (sizes.base, sizes.network, sizes.hotline)}
    assert alike == {(sizes.base.frame, sizes.base.resolution)}


def test_a_figure_that_is_missing_one_too_many_or_different_is_wrong() -> None:
    right = {"a": 1, "b": 2}
    assert compare({"a": 1, "b": 2, "c": 0}, right) == Verdict(2, 0)
    assert compare({"a": 1}, right) == Verdict(2, 1)
    assert compare({"a": 1, "b": 3, "c": 4}, right) == Verdict(2, 2)


def test_an_entry_has_medians_and_ranges_and_the_worst_verdict() -> None:
    runs = [{"readings_per_s": n, "cpu_s_per_million": 9 - n, "wrong": n // 3} for n in (1, 5, 3)]
    assert entry("rows", runs) == {
        "readings_per_s": 3,
        "cpu_s_per_million": 6,
        "wrong": 1,
        "unit": "rows",
        "runs": 3,
        "min": {"readings_per_s": 1, "cpu_s_per_million": 4},
        "max": {"readings_per_s": 5, "cpu_s_per_million": 8},
    }


def test_a_change_that_costs_more_than_a_fifth_is_marked() -> None:
    one = entry("rows", [{"readings_per_s": 1.0, "cpu_s_per_million": 1.25}])
    before = {"grid": {"cpu_s_per_million": 1.0}, "fleet": {"cpu_s_per_million": 1.2}}
    assert change({"grid": one}, before, "grid") == 1.25
    shown = {
        column.header: list(column.cells)
        for column in tables.contestants({"grid": one, "fleet": one}, before).columns
    }
    assert [str(cell) for cell in shown["since baseline"]] == ["+25% DEARER", "+4%"]


def test_a_slower_machine_makes_no_change_dearer_and_a_faster_one_hides_none() -> None:
    def costs(**figures: float) -> dict[str, Entry]:
        return {
            key: entry("rows", [{"readings_per_s": 1.0, "cpu_s_per_million": n}])
            for key, n in figures.items()
        }

    before = {**costs(floor=1.0, fleet=0.7, grid=3.0), "memory": {"bytes_per_vehicle": 100.0}}
    for machine, told in ((1.5, "machine +50%"), (0.8, "machine -20%")):
        now = costs(floor=machine, fleet=0.7 * machine, grid=3.9 * machine)
        now["memory"] = {**costs(memory=1.0)["memory"], "bytes_per_vehicle": 110.0}
        shown = {column.header: list(column.cells) for column in tables.contestants(now, before).columns}
        assert [str(cell) for cell in shown["since baseline"]] == [told, "+0%", "+30% DEARER", "+10%"]


def test_a_promise_is_judged_only_where_it_was_measured() -> None:
    results = {"grid": {"cpu_s_per_million": 4.0, "tick_with_fold_ms": 30.0}}
    judged = {target.text: target.check(results) for target in TARGETS}
    assert [found for found in judged.values() if found] == [(250_000, True), (30.0, False)]


def test_two_gateways_are_compared_with_one_only_where_each_got_as_much() -> None:
    [target] = [target for target in TARGETS if "messages/s each" in target.text]
    one, two = ({"readings_per_s": rate, "cpu_s_per_million": 10.0} for rate in (25_600, 50_100))
    assert target.check({"gateway_paced": one, "gateway_two_paced": two}) == (2.0, True)
    two["readings_per_s"] = 33_000
    assert target.check({"gateway_paced": one, "gateway_two_paced": two}) is None


def test_an_unknown_contestant_is_named() -> None:
    with pytest.raises(SystemExit, match="no contestant flet; there are bare_paho, "):
        run.chosen(TINY, ["flet"])


def test_the_load_generator_sends_what_it_was_given_and_waits_for_every_confirmation() -> None:
    ready = mqtt_load.packets([("a/b", b"x" * 300), ("c", b"{}")])
    assert ready[0] == b"\x32\xb3\x02" + b"\x00\x03a/b" + b"\x00\x01" + b"x" * 300
    assert ready[1] == b"\x32\x07" + b"\x00\x01c" + b"\x00\x02" + b"{}"
    with socket.create_server(("127.0.0.1", 0)) as server:
        received = bytearray()

        def broker() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1_000)
                connection.sendall(b"\x20\x02\x00\x00")
                while len(received) < sum(map(len, ready)):
                    received.extend(connection.recv(1_000))
                connection.sendall(b"\x40\x02\x00\x01\x40\x02\x00\x02")
                connection.recv(1_000)

        thread = threading.Thread(target=broker)
        thread.start()
        mqtt_load.publish("127.0.0.1", server.getsockname()[1], ready)
        thread.join(10)
    assert bytes(received) == b"".join(ready)
