"""Rows of cell_window and vehicle_state for the store and for plain COPY: each written once, then once more."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from streams.fold.contract import Rows
from tests.bench.cells import city, pairs
from tests.bench.workload import OPERATORS, T0_MS, WINDOW_MS

Columns = dict[str, list[Any]]


def batches(rows: int, size: int) -> Iterator[tuple[Rows, Rows]]:
    """Yield batches of `size` rows of each table: `rows` of each that are new, then the same with new values."""
    rng = np.random.default_rng(1)
    windows, vehicles = _windows(rows, rng), _vehicles(rows, rng)
    for again in range(2):
        if again:
            windows = {**windows, "readings": [n + 1 for n in windows["readings"]], "revision": [1] * rows}
            vehicles = {**vehicles, "ts": [ts + 15_000 for ts in vehicles["ts"]]}
        for start in range(0, rows, size):
            part = slice(start, start + size)
            yield (
                Rows("cell_window", {name: column[part] for name, column in windows.items()}),
                Rows("vehicle_state", {name: column[part] for name, column in vehicles.items()}),
            )


def _windows(rows: int, rng: np.random.Generator) -> Columns:
    names = pairs(city(min(5_000, rows)))
    some = [names[number % len(names)] for number in range(rows)]
    counts = rng.integers(0, 200, (4, rows)).tolist()
    return {
        "window_start": [T0_MS + number // len(names) * WINDOW_MS for number in range(rows)],
        "window_s": [WINDOW_MS // 1000] * rows,
        "cell": [int(cell, 16) for cell, _ in some],
        "operator": [operator for _, operator in some],
        "region": ["822f57fffffffff"] * rows,
        "readings": counts[0],
        "arrivals": counts[1],
        "departures": counts[2],
        "occupancy": counts[3],
        "revision": [0] * rows,
    }


def _vehicles(rows: int, rng: np.random.Generator) -> Columns:
    cells = [int(cell, 16) for cell in city(5_000)]
    where = [cells[number] for number in rng.integers(0, len(cells), rows).tolist()]
    return {
        "vehicle_id": [f"bike-{number:06d}" for number in range(rows)],
        "operator": [OPERATORS[number % len(OPERATORS)] for number in range(rows)],
        "partition": [number % 4 for number in range(rows)],
        "ts": (T0_MS + rng.integers(0, 15_000, rows)).tolist(),
        "lat": rng.uniform(31.1, 31.35, rows).tolist(),
        "lon": rng.uniform(121.45, 121.75, rows).tolist(),
        "cell": where,
        "settled_cell": where,
        "vehicle_state": ["available"] * rows,
        "vehicle_type": ["bicycle"] * rows,
        "battery_percent": rng.integers(5, 101, rows).tolist(),
        "received_at": [T0_MS + 16_000] * rows,
    }
