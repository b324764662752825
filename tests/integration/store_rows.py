"""Rows for the tests of the store: complete, and with one or two values that the test is about."""

import json
from collections.abc import Mapping
from typing import Any

import h3.api.basic_int as h3

from streams.fold import Rows

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
        **changes,
    }
    event = {name: row[name] for name in ("alert_id", "sequence", "severity", "status")}
    body = json.dumps({**row, "evidence": json.loads(row["evidence"])})
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
