"""Rows for the tests of the store: complete, and with one or two values that the test is about."""

import json
from collections.abc import Mapping
from typing import Any

import h3.api.basic_int as h3
import numpy as np

from streams.columnar.rows import Numbers, Texts
from streams.fold.contract import Rows

T0 = 1_700_000_040_000  # 2023-11-14 22:14:00 UTC
CELL = h3.latlng_to_cell(31.2304, 121.4737, 9)


def columns(*rows: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def vehicles(*rows: Mapping[str, Any]) -> Rows:
    base = {
        "vehicle_id": "b1",
        "operator": "hello",
        "partition": 0,
        "ts": T0,
        "lat": 31.2304,
        "lon": 121.4737,
        "cell": CELL,
        "settled_cell": None,
        "vehicle_state": "available",
        "vehicle_type": "bicycle",
        "battery_percent": None,
        "received_at": T0 + 5,
    }
    return Rows("vehicle_state", columns(*({**base, **row} for row in rows)))


def packed(rows: Rows) -> Rows:
    """Return rows of vehicle_state as the numpy columns that a fold hands over."""
    return Rows(rows.table, {name: _packed(list(column)) for name, column in rows.columns.items()})


def _packed(column: list[Any]) -> Texts | Numbers:
    if isinstance(column[0], str):
        return Texts(np.array(column, "S"))
    known = np.array([value is not None for value in column])
    return Numbers(np.array([0 if value is None else value for value in column]), known)


def cells_now(*rows: Mapping[str, Any]) -> Rows:
    base = {
        "cell": CELL,
        "operator": "hello",
        "region": "r",
        "available": 3,
        "non_operational": 1,
        "reserved": 0,
        "on_trip": 7,
        "non_contactable": 0,
        "occupancy": 4,
        "as_of": T0,
    }
    return Rows("cell_now", columns(*({**base, **row} for row in rows)))


def windows(*rows: Mapping[str, Any]) -> Rows:
    base = {
        "window_start": T0,
        "window_s": 60,
        "cell": CELL,
        "operator": "hello",
        "region": "r",
        "readings": 10,
        "arrivals": 2,
        "departures": 1,
        "occupancy": 5,
        "revision": 0,
    }
    return Rows("cell_window", columns(*({**base, **row} for row in rows)))


def sensors(*rows: Mapping[str, Any]) -> Rows:
    base = {
        "sensor_id": "s1",
        "metric": "pm25",
        "kind": "air",
        "owner": "city",
        "partition": 0,
        "ts": T0,
        "value": 12.5,
        "unit": "ug/m3",
        "status": "ok",
        "lat": 31.2304,
        "lon": 121.4737,
        "cell": CELL,
        "received_at": T0 + 5,
        "health": b"\x01\x00\xff",
    }
    return Rows("sensor_state", columns(*({**base, **row} for row in rows)))


def sensor_windows(*rows: Mapping[str, Any]) -> Rows:
    base = {
        "window_start": T0,
        "window_s": 60,
        "cell": CELL,
        "metric": "pm25",
        "unit": "ug/m3",
        "region": "r",
        "readings": 1,
        "total": 10.0,
        "mean": 10.0,
        "least": 10.0,
        "most": 10.0,
        "stddev": None,
        "median": 10.0,
        "p95": 10.0,
        "bins": [1153],
        "bin_counts": [1],
        "revision": 0,
    }
    return Rows("sensor_window", columns(*({**base, **row} for row in rows)))


def requests(*rows: Mapping[str, Any]) -> Rows:
    base = {
        "service_request_id": "q1",
        "owner": "city",
        "partition": 0,
        "status": "open",
        "service_code": "noise",
        "agency_responsible": None,
        "district": None,
        "description": None,
        "address": None,
        "lat": 31.2304,
        "lon": 121.4737,
        "cell": CELL,
        "opened_at": T0,
        "first_opened_at": T0,
        "updated_at": T0,
        "closed_at": None,
        "expected_datetime": None,
        "reopened": 0,
        "satisfaction": None,
        "resolved": None,
        "rated_at": None,
        "events": "[]",
    }
    return Rows("request", columns(*({**base, **row} for row in rows)))


def request_windows(*rows: Mapping[str, Any]) -> Rows:
    base = {
        "window_start": T0,
        "window_s": 60,
        "cell": CELL,
        "service_code": "noise",
        "region": "r",
        "opened": 3,
        "closed": 1,
        "reopened": 0,
        "open_now": 2,
        "overdue": 1,
        "resolution_rate": 1 / 3,
        "median_s": 600.0,
        "rated": 0,
        "resolved_rate": None,
        "satisfaction": None,
        "revision": 0,
    }
    return Rows("request_window", columns(*({**base, **row} for row in rows)))


def geometry(cell: int = CELL) -> Rows:
    lat, lon = h3.cell_to_latlng(cell)
    ring = [[lng, lat] for lat, lng in h3.cell_to_boundary(cell)]
    boundary = json.dumps({"type": "Polygon", "coordinates": [[*ring, ring[0]]]})
    row = {
        "cell": cell,
        "hex": h3.int_to_str(cell),
        "resolution": h3.get_resolution(cell),
        "lat": lat,
        "lon": lon,
        "boundary": boundary,
    }
    return Rows("cell_geometry", columns(row))


def alert(action: str, sequence: int, at: int, **changes: Any) -> list[Rows]:
    """The rows of `alert` and `alert_event` after one event."""
    row = {
        "alert_id": "a1",
        "sequence": sequence,
        "kind": "oversaturation",
        "severity": "major",
        "status": "cleared" if action == "cleared" else "active",
        "acknowledged": False,
        "cell": CELL,
        "region": "r",
        "zone": "default",
        "lat": 31.23,
        "lon": 121.47,
        "starts_at": T0,
        "updated_at": at,
        "ends_at": at if action == "cleared" else None,
        "summary": f"{action} at {at}",
        "policy": "default",
        "policy_version": "1",
        "evidence": json.dumps({"occupancy": 80, "capacity": 60, "by_operator": {"hello": 80}}),
        "subject": None,
        **changes,
    }
    event = {name: row[name] for name in ("alert_id", "sequence", "severity", "status")}
    body = row.pop("body", None) or json.dumps({**row, "evidence": json.loads(row["evidence"])})
    return [
        Rows("alert", columns(row)),
        Rows("alert_event", columns({**event, "at": at, "action": action, "body": body})),
    ]


def rejected(*rows: Mapping[str, Any]) -> Rows:
    base = {
        "source": "gateway-0",
        "sequence": 1,
        "received_at": T0,
        "reason": "not_json",
        "detail": "byte 0",
        "topic": "ub/v1/hello/vehicles",
        "payload": "{",
        "count": 1,
    }
    return Rows("rejected", columns(*({**base, **row} for row in rows)))


def rejected_count(*rows: Mapping[str, Any]) -> Rows:
    base = {
        "partition": 0,
        "topic": "ub/v1/hello/vehicles",
        "reason": "not_json",
        "count": 3,
        "newest_at": T0,
    }
    return Rows("rejected_count", columns(*({**base, **row} for row in rows)))
