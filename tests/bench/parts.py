"""The single parts of the road, each in a process of its own: the folds behind the fleet, store, memory, restore."""

import statistics
from dataclasses import asdict
from typing import Any

import psycopg

from tests.bench.cells import city
from tests.bench.children import run_child
from tests.bench.citizens import Hotline
from tests.bench.expected import Verdict
from tests.bench.marks import Mark, lap
from tests.bench.sensors import Network
from tests.bench.services import Services, environment

_FILL = """
INSERT INTO ub.vehicle_state (vehicle_id, operator, partition, ts, lat, lon, cell, settled_cell, vehicle_state,
                              vehicle_type, battery_percent, received_at)
SELECT 'bike-' || lpad(n::text, 11, '0'), 'alpha', n %% %(partitions)s, timestamptz '2026-01-01', 31.2, 121.6,
       (%(cells)s::bigint[])[1 + n %% %(count)s], (%(cells)s::bigint[])[1 + n %% %(count)s], 'available',
       'bicycle', 50, timestamptz '2026-01-01'
FROM generate_series(1, %(vehicles)s) AS n
"""


_GRID = ("tick_ms", "tick_with_fold_ms", "metric_rows_per_core_s", "metric_tick_ms")


def sensing(services: Services, network: Network) -> dict[str, Any]:
    """Measure the sensing fold (sensing_child.py), in readings."""
    found = run_child("tests.bench.sensing_child", {"network": asdict(network)}, services.directory)
    return {**_figures(found), "compared": found["compared"], "wrong": found["wrong"]}


def requests(services: Services, hotline: Hotline) -> dict[str, Any]:
    """Measure the requests fold (requests_child.py), in events."""
    found = run_child("tests.bench.requests_child", {"hotline": asdict(hotline)}, services.directory)
    return {**_figures(found), "compared": found["compared"], "wrong": found["wrong"]}


def grid(
    services: Services, *, partials: int, size: int, cells: int, dirty: int, resolution: int
) -> dict[str, Any]:
    """Measure the grid fold (grid_child.py), in partial cells; rows of metrics have figures of their own."""
    spec = {"partials": partials, "size": size, "cells": cells, "dirty": dirty, "resolution": resolution}
    found = run_child("tests.bench.grid_child", spec, services.directory)
    return {**_figures(found), **{name: found[name] for name in _GRID}}


def detection(services: Services, *, messages: int, size: int, cells: int, resolution: int) -> dict[str, Any]:
    """Measure the incidents fold (detection_child.py), in (cell, operator) updates."""
    spec = {"messages": messages, "size": size, "cells": cells, "resolution": resolution}
    found = run_child("tests.bench.detection_child", spec, services.directory)
    return {**_figures(found), "alerts": found["alerts"]}


def told(services: Services, *, alerts: int) -> dict[str, Any]:
    """Measure a storm of alerts going out over MQTT (told_child.py), in alerts."""
    with services.mqtt() as mqtt:
        settings = environment(
            bootstrap="nowhere:9092", mqtt=mqtt, partitions=1, directory=services.directory
        )
        found = run_child(
            "tests.bench.told_child", {"alerts": alerts}, services.directory, environment=settings
        )
    return {**_figures(found), "compared": found["sent"], "wrong": abs(found["sent"] - found["stand"])}


def store(services: Services, *, rows: int, size: int, plain: bool) -> dict[str, Any]:
    """Measure the store, or plain COPY (store_child.py), in rows."""
    with services.database() as database:
        settings = environment(
            bootstrap="nowhere:9092", database=database, partitions=1, directory=services.directory
        )
        spec = {"rows": rows, "size": size, "plain": plain}
        found = run_child("tests.bench.store_child", spec, services.directory, environment=settings)
        with psycopg.connect(database.owner_url) as connection:
            verdict = _written_twice(connection, rows)
    return {**_figures(found), "compared": verdict.compared, "wrong": verdict.wrong}


def _written_twice(connection: psycopg.Connection[Any], rows: int) -> Verdict:
    windows = "SELECT count(*) FROM ub.cell_window WHERE revision = 1"
    vehicles = "SELECT count(*) FROM ub.vehicle_state WHERE ts >= timestamptz '2026-01-01 00:00:15Z'"
    counts = [row[0] for query in (windows, vehicles) for row in connection.execute(query)]
    return Verdict(2 * rows, sum(abs(rows - count) for count in counts))


def memory(services: Services, *, vehicles: int) -> dict[str, Any]:
    """Measure bytes a vehicle (memory_child.py); the rate is that of folding, frames made on the way included."""
    found = run_child("tests.bench.memory_child", {"vehicles": vehicles}, services.directory)
    return {**_figures(found), "bytes_per_vehicle": found["bytes_per_vehicle"]}


def simulator(services: Services, *, bikes: int, seconds: int, array: int) -> dict[str, Any]:
    """Measure the simulator (simulator_child.py), in readings in JSON arrays; `peak_rss_mb` has the whole process."""
    spec = {"bikes": bikes, "seconds": seconds, "array": array}
    found = run_child("tests.bench.simulator_child", spec, services.directory)
    return {**_figures(found), "compared": found["compared"], "wrong": found["wrong"]}


def restore(services: Services, *, vehicles: int, runs: int, partitions: int = 4) -> dict[str, Any]:
    """Measure how fast a fleet comes back from the database (restore_child.py): the median of `runs`."""
    with services.database() as database:
        cells = [int(cell, 16) for cell in city(5_000)]
        with psycopg.connect(database.owner_url, autocommit=True) as connection:
            values = {"partitions": partitions, "vehicles": vehicles, "cells": cells, "count": len(cells)}
            connection.execute(_FILL, values)
            connection.execute("VACUUM (ANALYZE) ub.vehicle_state")
        settings = environment(
            bootstrap="nowhere:9092", database=database, partitions=partitions, directory=services.directory
        )
        spec = {"partitions": partitions, "vehicles": vehicles}
        every = [
            _figures(run_child("tests.bench.restore_child", spec, services.directory, environment=settings))
            for _ in range(runs)
        ]
    return {name: statistics.median(one[name] for one in every) for name in every[0]}


def _figures(found: dict[str, Any]) -> dict[str, Any]:
    whole = lap(Mark(**found["begin"]), Mark(**found["end"]))
    return {
        **whole.figures(),
        "readings_per_core_s": whole.done / whole.cpu_s,
        "peak_rss_mb": found["peak_rss_mb"],
    }
