"""Latency of the whole road, with real gateway, worker and services: MQTT in to MQTT alert out, and to the row.

While bikes report at a steady rate, probes are sent: a new vehicle in a cell that holds none, each of which raises
an alert at once.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from deploy.native.process import ServiceProcess
from tests.bench.children import ROOT, BenchFailed, children_of
from tests.bench.latency_hops import hops
from tests.bench.latency_taps import PROBE_AREA, PROBE_SIDE, Background, Taps, probe_cells, publish_probes
from tests.bench.services import REGION_PARTITIONS, Database, Services, environment

PARTITIONS = 4
BUCKETS_MS = (5, 10, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 750, 1000, 1500, 2000, 5000)
"""Upper ends of a histogram's buckets; one more is open."""
_RESOLUTION = 9
_READY_S = 60.0
_ROUND_S = 3.0
_CLAIMS = 3 * PARTITIONS + 2 * REGION_PARTITIONS + 2  # fleet, sensing, requests; grid, incidents; rejects
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def run(
    services: Services, *, rate: int, probes: int, per_second: float, fetch_wait_ms: int = 20
) -> dict[str, Any]:
    """Return latencies at `rate` readings a second; Kafka may hold back an empty fetch for `fetch_wait_ms`."""
    vehicles = max(300, int(rate * _ROUND_S))
    with services.mqtt() as mqtt, services.kafka(PARTITIONS) as bootstrap, services.database() as database:
        settings = environment(
            bootstrap=bootstrap,
            database=database,
            mqtt=mqtt,
            partitions=PARTITIONS,
            directory=services.directory,
            kafka_fetch_wait_ms=fetch_wait_ms,
            default_capacity=1_000_000,
            policy_file=_policy(services.directory),
        )
        with (
            _road(services.directory, settings, database) as processes,
            Taps(mqtt, database.owner_url) as taps,
        ):
            background = Background(mqtt, rate, vehicles)
            background.start()
            time.sleep(2 * _ROUND_S)  # every bike has reported twice: none is new, and the worker is warm
            before, cpu, begin = background.published, _cpu_s(processes), time.monotonic()
            sent = publish_probes(mqtt, taps, probe_cells(probes, _RESOLUTION), per_second)
            readings, spent = background.published - before + probes, _cpu_s(processes) - cpu
            seconds = time.monotonic() - begin
            background.stop()
        alert = [(taps.alerts[cell] - at) * 1000 for cell, (_, at) in sent.items() if cell in taps.alerts]
        row = [(taps.rows[id_] - at) * 1000 for id_, at in sent.values() if id_ in taps.rows]
        parts = hops(bootstrap, PARTITIONS, sent, taps.alerts)
    return {
        "readings_per_s": readings / seconds,
        "cpu_s_per_million": spent / readings * 1e6,
        "fetch_wait_ms": fetch_wait_ms,
        "probes": probes,
        "compared": 2 * probes,
        "wrong": 2 * probes - len(alert) - len(row),
        "alert_ms": summary(alert),
        "row_ms": summary(row),
        "hops_ms": {name: summary(values, buckets=False) for name, values in parts.items()},
    }


def summary(values: list[float], *, buckets: bool = True) -> dict[str, Any]:
    """Return p50, p95, p99, the longest and the histogram of milliseconds."""
    if not values:
        return {"p50": None, "p95": None, "p99": None, "max": None}
    p50, p95, p99 = np.percentile(values, (50, 95, 99)).tolist()
    found: dict[str, Any] = {"p50": p50, "p95": p95, "p99": p99, "max": max(values)}
    if buckets:
        where = np.searchsorted(BUCKETS_MS, values)
        found["histogram"] = np.bincount(where, minlength=len(BUCKETS_MS) + 1).tolist()
    return found


def _policy(directory: Path) -> Path:
    """Write a policy by which one vehicle is too many in the probes' area, at once."""
    (south, west), side = PROBE_AREA, PROBE_SIDE
    corners = [(west, south), (west + side, south), (west + side, south + side), (west, south + side)]
    zone = {
        "type": "Feature",
        "properties": {"name": "probes", "capacity": 1, "min_duration_s": 0},
        "geometry": {"type": "Polygon", "coordinates": [[*corners, corners[0]]]},
    }
    path = directory / "probes.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [zone]}))
    return path


@contextmanager
def _road(directory: Path, settings: Mapping[str, str], database: Database) -> Iterator[list[int]]:
    """Run a gateway and a worker with all stages; gives their process ids once both are at work."""
    with ExitStack() as cleanup:
        gateway = _command(cleanup, directory, settings, "gateway")
        worker = _command(cleanup, directory, settings, "worker")
        with psycopg.connect(database.owner_url, autocommit=True) as connection:
            deadline = time.monotonic() + _READY_S
            while not ("at work" in gateway.log.read_text() and _claims(connection) == _CLAIMS):
                if time.monotonic() > deadline or not (gateway.running and worker.running):
                    logs = f"{gateway.log_tail()}\n{worker.log_tail()}"
                    raise BenchFailed(f"gateway and worker are not ready within {_READY_S:g} s:\n{logs}")
                time.sleep(0.05)
        yield [gateway.pid, worker.pid]


def _command(
    cleanup: ExitStack, directory: Path, settings: Mapping[str, str], *arguments: str
) -> ServiceProcess:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("UB_")}
    process = ServiceProcess(
        arguments[0],
        [sys.executable, "-m", "streams.cli", *arguments],
        directory / f"{arguments[0]}-{time.time_ns()}.log",
        environment={**ours, "PYTHONPATH": str(ROOT), **settings},
        stop_timeout_s=30.0,
    )
    cleanup.callback(process.stop)
    process.start(lambda: True, timeout_s=5.0)
    return process


def _claims(connection: psycopg.Connection[Any]) -> int:
    (count,) = connection.execute("SELECT count(*) FROM ub.checkpoint").fetchone() or (0,)
    return int(count)


def _cpu_s(pids: list[int]) -> float:
    """Return the CPU seconds that processes and their children have spent so far."""
    ticks = 0
    for pid in [*pids, *(child for parent in pids for child in children_of(parent))]:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS_PER_S
