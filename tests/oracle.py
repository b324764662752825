"""What the tables must hold, computed the slow way from the readings: shares no code with the streams.

Works on plain lists and dicts, one reading at a time, with h3 asked for every position. `batch` is for
readings that all count; `judge` decides which do, as event time goes on in one partition of the log.
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


@dataclass
class Judged:
    """What one partition's log comes to.

    `counted` are the readings that windows count, `noticed` the moments from which a silent vehicle is
    missing (readings that no one sent), `on_file` the newest of both per vehicle that is not forgotten.
    """

    counted: list[Reading] = field(default_factory=list)
    noticed: list[Reading] = field(default_factory=list)
    on_file: dict[str, Reading] = field(default_factory=dict)
    applied: int = 0
    superseded: int = 0
    refused: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def cell_of(reading: Reading, resolution: int = 9) -> str:
    """Return the H3 cell of a reading."""
    return str(h3.latlng_to_cell(reading["lat"], reading["lon"], resolution))


def judge(
    log: Iterable[tuple[Reading, int]], *, lateness_ms: int, horizon_ms: int, stale_after_ms: int
) -> Judged:
    """Go through (reading, received_at) in the order of the log, with the watermark that each one meets."""
    judged, newest = Judged(), 0
    for reading, received_at in log:
        watermark = max(0, newest - lateness_ms)
        _silence(judged, watermark, stale_after_ms, horizon_ms)
        ts, vehicle_id = reading["ts"], reading["vehicle_id"]
        newest = max(newest, min(ts, received_at))
        known = judged.on_file.get(vehicle_id)
        if ts < watermark - horizon_ms:
            judged.refused["too_late"] += 1
        elif known is not None and known["operator"] != reading["operator"]:
            judged.refused["operator_conflict"] += 1
        elif known is None or ts > known["ts"]:
            judged.applied += 1
            judged.on_file[vehicle_id] = reading
            judged.counted.append(reading)
        else:
            judged.superseded += 1
            if ts >= watermark:
                judged.counted.append(reading)
    _silence(judged, max(0, newest - lateness_ms), stale_after_ms, horizon_ms)
    return judged


def _silence(judged: Judged, watermark: int, stale_after_ms: int, horizon_ms: int) -> None:
    for vehicle_id, last in list(judged.on_file.items()):
        known = last
        if known["vehicle_state"] != "missing" and known["ts"] + stale_after_ms <= watermark:
            known = {**known, "vehicle_state": "missing", "ts": known["ts"] + stale_after_ms}
            judged.on_file[vehicle_id] = known
            judged.noticed.append(known)
        if known["vehicle_state"] == "missing" and known["ts"] + horizon_ms <= watermark:
            del judged.on_file[vehicle_id]


def batch(readings: Iterable[Reading], *, window_ms: int = 60_000, resolution: int = 9) -> Expected:
    """Compute the tables from readings in the order of the log, all of which count.

    Of several readings with the same (vehicle, ts) the first counts.
    """
    counted = list(readings)
    on_file: dict[str, Reading] = {}
    for reading in counted:
        known = on_file.get(reading["vehicle_id"])
        if known is None or reading["ts"] > known["ts"]:
            on_file[reading["vehicle_id"]] = reading
    return tables([Judged(counted=counted, on_file=on_file)], window_ms=window_ms, resolution=resolution)


def tables(partitions: Iterable[Judged], *, window_ms: int = 60_000, resolution: int = 9) -> Expected:
    """Compute the tables from what each partition's log came to."""
    expected = Expected()
    zero = {"readings": 0, "arrivals": 0, "departures": 0, "occupancy": 0}
    windows: dict[tuple[int, str, str], dict[str, int]] = defaultdict(lambda: dict(zero))
    for judged in partitions:
        _count_flows(judged, windows, window_ms, resolution)
        for vehicle_id, newest in judged.on_file.items():
            cell, state = cell_of(newest, resolution), newest.get("vehicle_state", "available")
            expected.vehicle_state[vehicle_id] = {
                "ts": newest["ts"],
                "operator": newest["operator"],
                "cell": cell,
                "vehicle_state": state,
            }
            if state in VISIBLE:
                counts = expected.cell_now.setdefault(
                    (cell, newest["operator"]), dict.fromkeys(sorted(VISIBLE), 0)
                )
                counts[state] += 1
    occupancy: dict[tuple[str, str], int] = defaultdict(int)
    for key in sorted(windows):
        _, cell, operator = key
        row = windows[key]
        occupancy[cell, operator] += row["arrivals"] - row["departures"]
        row["occupancy"] = occupancy[cell, operator]
    expected.cell_window = dict(windows)
    return expected


def _count_flows(
    judged: Judged, windows: dict[tuple[int, str, str], dict[str, int]], window_ms: int, resolution: int
) -> None:
    tracks: dict[str, dict[int, tuple[Reading, bool]]] = defaultdict(dict)
    for readings, heard in ((judged.counted, True), (judged.noticed, False)):
        for reading in readings:
            tracks[reading["vehicle_id"]].setdefault(reading["ts"], (reading, heard))
    for track in tracks.values():
        stood: tuple[str, str] | None = None
        for ts in sorted(track):
            reading, heard = track[ts]
            start, operator = ts // window_ms * window_ms, reading["operator"]
            cell = cell_of(reading, resolution)
            if heard:
                windows[start, cell, operator]["readings"] += 1
            standing = reading.get("vehicle_state", "available") in STANDING
            stands = (cell, operator) if standing else None
            if stands != stood:
                if stood is not None:
                    windows[start, *stood]["departures"] += 1
                if stands is not None:
                    windows[start, *stands]["arrivals"] += 1
            stood = stands


def differences(expected: Mapping[Any, Any], found: Mapping[Any, Any], limit: int = 10) -> Sequence[str]:
    """Return one line per key that differs, at most `limit`."""
    lines = []
    for key in sorted(expected.keys() | found.keys(), key=repr):
        if expected.get(key) != found.get(key):
            lines.append(f"{key}: expected {expected.get(key)}, found {found.get(key)}")
            if len(lines) == limit:
                break
    return lines
