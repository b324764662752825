"""What the tables must hold, computed the slow way from the readings: shares no code with the streams.

Works on plain lists and dicts, one reading at a time, with h3 asked for every position.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import h3

STANDING = {"available", "non_operational", "reserved", "non_contactable"}
VISIBLE = STANDING | {"on_trip"}

Reading = Mapping[str, Any]
"""vehicle_id, operator, ts, lat, lon, vehicle_state."""


@dataclass
class Expected:
    """Tables keyed as in the database; cells are hex strings."""

    vehicle_state: dict[str, dict[str, Any]] = field(default_factory=dict)
    cell_now: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    cell_window: dict[tuple[int, str, str], dict[str, int]] = field(default_factory=dict)


def cell_of(reading: Reading, resolution: int = 9) -> str:
    """Return the H3 cell of a reading."""
    return str(h3.latlng_to_cell(reading["lat"], reading["lon"], resolution))


def batch(readings: Iterable[Reading], *, window_ms: int = 60_000, resolution: int = 9) -> Expected:
    """Compute the tables from readings in the order of the log, all of them within the allowed lateness.

    Of several readings with the same (vehicle, ts) the first counts.
    """
    by_vehicle: dict[str, dict[int, Reading]] = defaultdict(dict)
    for reading in readings:
        by_vehicle[reading["vehicle_id"]].setdefault(reading["ts"], reading)
    expected = Expected()
    zero = {"readings": 0, "arrivals": 0, "departures": 0, "occupancy": 0}
    windows: dict[tuple[int, str, str], dict[str, int]] = defaultdict(lambda: dict(zero))
    for vehicle_id, track in by_vehicle.items():
        stood: str | None = None
        for ts in sorted(track):
            reading = track[ts]
            start, operator = ts // window_ms * window_ms, reading["operator"]
            cell = cell_of(reading, resolution)
            windows[start, cell, operator]["readings"] += 1
            stands = cell if reading.get("vehicle_state", "available") in STANDING else None
            if stands != stood:
                if stood is not None:
                    windows[start, stood, operator]["departures"] += 1
                if stands is not None:
                    windows[start, stands, operator]["arrivals"] += 1
            stood = stands
        newest = track[max(track)]
        expected.vehicle_state[vehicle_id] = {
            "ts": newest["ts"],
            "operator": newest["operator"],
            "cell": cell_of(newest, resolution),
            "vehicle_state": newest.get("vehicle_state", "available"),
        }
        state = newest.get("vehicle_state", "available")
        if state in VISIBLE:
            key = (cell_of(newest, resolution), newest["operator"])
            counts = expected.cell_now.setdefault(key, dict.fromkeys(sorted(VISIBLE), 0))
            counts[state] += 1
    occupancy: dict[tuple[str, str], int] = defaultdict(int)
    for key in sorted(windows):
        _, cell, operator = key
        row = windows[key]
        occupancy[cell, operator] += row["arrivals"] - row["departures"]
        row["occupancy"] = occupancy[cell, operator]
    expected.cell_window = dict(windows)
    return expected


def differences(expected: Mapping[Any, Any], found: Mapping[Any, Any], limit: int = 10) -> Sequence[str]:
    """Return one line per key that differs, at most `limit`."""
    lines = []
    for key in sorted(expected.keys() | found.keys(), key=repr):
        if expected.get(key) != found.get(key):
            lines.append(f"{key}: expected {expected.get(key)}, found {found.get(key)}")
            if len(lines) == limit:
                break
    return lines
