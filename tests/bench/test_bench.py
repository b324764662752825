"""The benchmark itself: that it runs, that its load is what it says, and that it notices a wrong result."""

import json
import socket
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from schemas import codec
from tests.bench import mqtt_load, run, tables
from tests.bench.contestants import TINY
from tests.bench.expected import Verdict, compare, expected
from tests.bench.frames import closing_frames, frames_of, positions_of
from tests.bench.summary import change, entry
from tests.bench.targets import TARGETS
from tests.bench.workload import STEP_MS, WINDOW_MS, Workload

SMALL = Workload(readings=6_000, vehicles=600)


@pytest.mark.bench
def test_a_very_small_benchmark_runs_and_every_result_is_right(tmp_path: Path) -> None:
    said: list[str] = []
    results = run.run(TINY, ["fleet", "grid", "detection", "store"], 1, said.append)
    assert results.keys() == {"fleet", "grid", "detection", "store"}
    assert len(said) == 4
    for one in results.values():
        assert one["readings_per_s"] > 0
        assert one["cpu_s_per_million"] > 0
        assert one.get("wrong", 0) == 0
    assert results["fleet"]["compared"] > 1_000
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


def test_the_batch_computation_counts_every_reading_and_every_vehicle() -> None:
    found = expected(SMALL)
    assert sum(found.counts.values()) == SMALL.readings
    assert sum(found.present.values()) == SMALL.vehicles
    assert sum(found.standing.values()) == SMALL.vehicles - SMALL.vehicles // 20


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


def test_a_promise_is_judged_only_where_it_was_measured() -> None:
    results = {"grid": {"cpu_s_per_million": 4.0, "tick_with_fold_ms": 30.0}}
    judged = {target.text: target.check(results) for target in TARGETS}
    assert [found for found in judged.values() if found] == [(250_000, True), (30.0, False)]


def test_an_unknown_contestant_is_named() -> None:
    with pytest.raises(SystemExit, match="no contestant flet; there are bare_paho, "):
        run.run(TINY, ["flet"], 1, print)


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
