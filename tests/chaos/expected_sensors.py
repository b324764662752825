"""What the tables of sensors must hold, from the log of what was published: batch, one reading at a time.

Shares no code with the streams: values are converted in decimals, by the table of what was sent (sensors.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h3

from tests.chaos.plan import long_ago
from tests.chaos.published import items
from tests.chaos.sensors import BAD_UNIT, SERIES_OF

Reading = dict[str, Any]
"""A SensorReading as JSON has it."""


@dataclass(slots=True)
class SensorTables:
    """Tables keyed as in the database; cells are hex strings, values and sums millionths of the canonical unit."""

    sensor_state: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    sensor_window: dict[tuple[int, str, str], dict[str, Any]] = field(default_factory=dict)


def fault(metric: str, unit: str | None, value: float) -> str | None:
    """Return the reason for which the stage must refuse a reading, whatever its time, or None."""
    if unit == BAD_UNIT:
        return "bad_unit"
    return "value_out_of_range" if value == SERIES_OF[metric].impossible else None


def expected_sensors(published: Sequence[Path], window_ms: int, resolution: int = 9) -> SensorTables:
    """Return the tables that follow from the messages in `published`, one JSON array a line."""
    newest = max((reading["ts"] for reading in items(published)), default=0)
    return tables((r for r in items(published) if not long_ago(r["ts"], newest)), window_ms, resolution)


def tables(readings: Iterable[Reading], window_ms: int, resolution: int = 9) -> SensorTables:
    """Compute the tables from readings, none of them late: each counts once, those with a fault not at all."""
    found = SensorTables()
    seen = set()
    for r in readings:
        metric, owner = r["metric"], r["owner"]
        if fault(metric, r["unit"], r["value"]):
            continue
        series = SERIES_OF[metric]
        value = series.micros(r["value"])
        cell = h3.latlng_to_cell(r["lat"], r["lon"], resolution)
        reading = (r["sensor_id"], metric, r["ts"], value, cell)
        if reading in seen:
            continue
        seen.add(reading)
        state = {"ts": r["ts"], "value": value, "unit": series.canonical, "cell": cell, "owner": owner}
        known = found.sensor_state.setdefault((r["sensor_id"], metric), state)
        if (state["ts"], value) > (known["ts"], known["value"]):
            found.sensor_state[r["sensor_id"], metric] = state
        row = found.sensor_window.setdefault(
            (r["ts"] // window_ms * window_ms, cell, metric),
            {"unit": series.canonical, "readings": 0, "total": 0, "least": value, "most": value},
        )
        row["readings"] += 1
        row["total"] += value
        row["least"], row["most"] = min(row["least"], value), max(row["most"], value)
    return found
