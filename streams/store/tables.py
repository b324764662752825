"""The tables of schema ub that folds write, as data: columns, key, and whether rows are ever changed.

The same columns stand in migrations/*.sql; an integration test compares the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ColumnType = Literal[
    "text", "smallint", "integer", "bigint", "double precision", "boolean", "integer[]", "time", "json"
]
"""SQL types, and two of ours: "time" is milliseconds since the epoch, "json" is JSON text.

Values of "integer[]" are lists of int.
"""


@dataclass(frozen=True, slots=True)
class Table:
    """One table. Rows of an `insert_only` table are events: a key that is on file stays as it is."""

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, ColumnType]
    insert_only: bool = False


_TABLES = (
    Table(
        name="vehicle_state",
        key=("vehicle_id",),
        columns={
            "vehicle_id": "text",
            "operator": "text",
            "partition": "integer",
            "ts": "time",
            "lat": "double precision",
            "lon": "double precision",
            "cell": "bigint",
            "settled_cell": "bigint",
            "vehicle_state": "text",
            "vehicle_type": "text",
            "battery_percent": "smallint",
            "received_at": "time",
        },
    ),
    Table(
        name="vehicle_event",
        key=("vehicle_id", "event_type", "at"),
        columns={
            "at": "time",
            "vehicle_id": "text",
            "event_type": "text",
            "operator": "text",
            "vehicle_state": "text",
            "last_ts": "time",
            "lat": "double precision",
            "lon": "double precision",
            "cell": "bigint",
        },
        insert_only=True,
    ),
    Table(
        name="cell_now",
        key=("cell", "operator"),
        columns={
            "cell": "bigint",
            "operator": "text",
            "region": "text",
            "available": "integer",
            "non_operational": "integer",
            "reserved": "integer",
            "on_trip": "integer",
            "non_contactable": "integer",
            "occupancy": "integer",
            "as_of": "time",
        },
    ),
    Table(
        name="cell_window",
        key=("cell", "operator", "window_start", "window_s"),
        columns={
            "window_start": "time",
            "window_s": "integer",
            "cell": "bigint",
            "operator": "text",
            "region": "text",
            "readings": "integer",
            "arrivals": "integer",
            "departures": "integer",
            "occupancy": "integer",
            "revision": "integer",
        },
    ),
    Table(
        name="sensor_state",
        key=("sensor_id", "metric"),
        columns={
            "sensor_id": "text",
            "metric": "text",
            "kind": "text",
            "owner": "text",
            "partition": "integer",
            "ts": "time",
            "value": "double precision",
            "unit": "text",
            "status": "text",
            "lat": "double precision",
            "lon": "double precision",
            "cell": "bigint",
            "received_at": "time",
        },
    ),
    Table(
        name="sensor_window",
        key=("cell", "metric", "window_start", "window_s"),
        columns={
            "window_start": "time",
            "window_s": "integer",
            "cell": "bigint",
            "metric": "text",
            "unit": "text",
            "region": "text",
            "readings": "integer",
            "total": "double precision",
            "mean": "double precision",
            "least": "double precision",
            "most": "double precision",
            "stddev": "double precision",
            "median": "double precision",
            "p95": "double precision",
            "bins": "integer[]",
            "bin_counts": "integer[]",
            "revision": "integer",
        },
    ),
    Table(
        name="request",
        key=("service_request_id",),
        columns={
            "service_request_id": "text",
            "owner": "text",
            "partition": "integer",
            "status": "text",
            "service_code": "text",
            "agency_responsible": "text",
            "district": "text",
            "description": "text",
            "address": "text",
            "lat": "double precision",
            "lon": "double precision",
            "cell": "bigint",
            "opened_at": "time",
            "first_opened_at": "time",
            "updated_at": "time",
            "closed_at": "time",
            "expected_datetime": "time",
            "reopened": "integer",
            "satisfaction": "smallint",
            "resolved": "boolean",
            "rated_at": "time",
            "events": "text",
        },
    ),
    Table(
        name="request_window",
        key=("cell", "service_code", "window_start", "window_s"),
        columns={
            "window_start": "time",
            "window_s": "integer",
            "cell": "bigint",
            "service_code": "text",
            "region": "text",
            "opened": "integer",
            "closed": "integer",
            "reopened": "integer",
            "open_now": "integer",
            "overdue": "integer",
            "resolution_rate": "double precision",
            "median_s": "double precision",
            "rated": "integer",
            "resolved_rate": "double precision",
            "satisfaction": "double precision",
            "revision": "integer",
        },
    ),
    Table(
        name="cell_geometry",
        key=("cell",),
        columns={
            "cell": "bigint",
            "hex": "text",
            "resolution": "smallint",
            "lat": "double precision",
            "lon": "double precision",
            "boundary": "json",
        },
        insert_only=True,
    ),
    Table(
        name="alert",
        key=("alert_id",),
        columns={
            "alert_id": "text",
            "sequence": "integer",
            "kind": "text",
            "severity": "text",
            "status": "text",
            "acknowledged": "boolean",
            "cell": "bigint",
            "region": "text",
            "zone": "text",
            "lat": "double precision",
            "lon": "double precision",
            "starts_at": "time",
            "updated_at": "time",
            "ends_at": "time",
            "summary": "text",
            "policy": "text",
            "policy_version": "text",
            "evidence": "json",
            "subject": "text",
        },
    ),
    Table(
        name="alert_event",
        key=("alert_id", "sequence", "at"),
        columns={
            "at": "time",
            "alert_id": "text",
            "sequence": "integer",
            "action": "text",
            "severity": "text",
            "status": "text",
            "body": "json",
        },
        insert_only=True,
    ),
    Table(
        name="incident",
        key=("incident_id",),
        columns={
            "incident_id": "text",
            "sequence": "integer",
            "status": "text",
            "severity": "text",
            "kinds": "json",
            "region": "text",
            "zones": "json",
            "cells": "json",
            "rollup": "json",
            "outline": "json",
            "alerts": "json",
            "started_at": "time",
            "updated_at": "time",
            "ended_at": "time",
            "split_from": "text",
            "merged_into": "text",
            "summary": "text",
        },
    ),
    Table(
        name="incident_alert",
        key=("incident_id", "alert_id"),
        columns={"incident_id": "text", "alert_id": "text", "joined_at": "time"},
        insert_only=True,
    ),
    Table(
        name="rejected",
        key=("source", "sequence", "received_at"),
        columns={
            "source": "text",
            "sequence": "bigint",
            "received_at": "time",
            "reason": "text",
            "detail": "text",
            "topic": "text",
            "payload": "text",
            "count": "integer",
        },
        insert_only=True,
    ),
    Table(
        name="rejected_count",
        key=("partition", "topic", "reason"),
        columns={
            "partition": "integer",
            "topic": "text",
            "reason": "text",
            "count": "bigint",
            "newest_at": "time",
        },
    ),
)

TABLES: Mapping[str, Table] = {table.name: table for table in _TABLES}
