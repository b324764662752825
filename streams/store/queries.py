"""Questions of the command line and of the demo's summary; each takes an open connection of ub_writer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import class_row

from streams.errors import MigrationError
from streams.fold import Ledger
from streams.store.session import unavailable


@dataclass(frozen=True, slots=True)
class Version:
    """What answers: versions of PostgreSQL and TimescaleDB (None where the extension is missing)."""

    postgresql: str
    timescaledb: str | None
    community: bool


@dataclass(frozen=True, slots=True)
class RejectedCount:
    """Readings refused for one reason, from all topics."""

    reason: str
    count: int
    newest_at: datetime


@dataclass(frozen=True, slots=True)
class AlertCounts:
    """Events of alerts since the beginning, as far back as alert_event is kept."""

    raised: int
    cleared: int


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert after its newest event; `hex` is the cell, counts are those of its evidence (an anomaly has none)."""

    alert_id: str
    severity: str
    kind: str
    status: str
    acknowledged: bool
    hex: str
    region: str
    zone: str
    lat: float
    lon: float
    starts_at: datetime
    updated_at: datetime
    ends_at: datetime | None
    summary: str
    occupancy: int | None
    capacity: int | None
    by_operator: dict[str, int]


@contextmanager
def connect(url: str) -> Iterator[Connection[tuple[Any, ...]]]:
    """Open a read-only connection; raises ServiceUnavailable when the database is away or goes away."""
    try:
        with psycopg.connect(
            url, autocommit=True, connect_timeout=5, application_name="urbanbrain query"
        ) as connection:
            connection.execute("SET default_transaction_read_only = on")
            yield connection
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
        raise MigrationError("the database has no tables of ours; run `urbanbrain migrate`") from error
    except psycopg.OperationalError as error:
        raise unavailable(url, error) from error


def ping(connection: Connection[Any]) -> Version:
    """Return what answers at the other end."""
    row = connection.execute(
        "SELECT current_setting('server_version'), "
        "(SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'), "
        "coalesce(current_setting('timescaledb.license', true) = 'timescale', false)"
    ).fetchone()
    assert row is not None
    return Version(*row)


def ledger_totals(connection: Connection[Any], stage: str) -> Ledger:
    """Return the ledger of one stage, summed over its source partitions."""
    row = connection.execute(
        "SELECT coalesce(sum(received), 0)::bigint, coalesce(sum(applied), 0)::bigint, "
        "coalesce(sum(superseded), 0)::bigint, coalesce(sum(rejected), 0)::bigint "
        "FROM ub.ledger WHERE stage = %s",
        (stage,),
    ).fetchone()
    assert row is not None
    return Ledger(*row)


def rejected_by_reason(connection: Connection[Any]) -> list[RejectedCount]:
    """Return how many readings were refused for each reason, most frequent first."""
    with connection.cursor(row_factory=class_row(RejectedCount)) as cursor:
        return cursor.execute(
            "SELECT reason, sum(count)::bigint AS count, max(newest_at) AS newest_at "
            "FROM ub.rejected_count GROUP BY reason ORDER BY count DESC, reason"
        ).fetchall()


def rejected_at_gateway(connection: Connection[Any]) -> dict[str, int]:
    """Return how many readings the gateways refused, by the level of the MQTT topic that says what they are about."""
    rows = connection.execute(
        "SELECT split_part(topic, '/', 4), sum(count)::bigint FROM ub.rejected_count "
        "WHERE topic LIKE 'ub/%' GROUP BY 1"
    ).fetchall()
    return {str(about): int(count) for about, count in rows}


def windows_written(connection: Connection[Any]) -> dict[str, int]:
    """Return the number of rows of each table of windows."""
    row = connection.execute(
        "SELECT (SELECT count(*) FROM ub.cell_window), (SELECT count(*) FROM ub.sensor_window), "
        "(SELECT count(*) FROM ub.request_window)"
    ).fetchone()
    assert row is not None
    return dict(zip(("cell_window", "sensor_window", "request_window"), row, strict=True))


def windows_complete(connection: Connection[Any]) -> bool:
    """Return whether the windows on file count all that was applied: readings of vehicles and sensors, openings."""
    row = connection.execute(
        """
        SELECT (SELECT coalesce(sum(readings), 0) FROM ub.cell_window)
               >= (SELECT coalesce(sum(applied), 0) FROM ub.ledger WHERE stage = 'fleet')
           AND (SELECT coalesce(sum(readings), 0) FROM ub.sensor_window)
               >= (SELECT coalesce(sum(applied), 0) FROM ub.ledger WHERE stage = 'sensing')
           AND (SELECT coalesce(sum(opened), 0) FROM ub.request_window)
               >= (SELECT count(opened_at) FROM ub.request)
        """
    ).fetchone()
    return row is not None and bool(row[0])


def alert_counts(connection: Connection[Any]) -> AlertCounts:
    """Return how many alerts were raised and how many were cleared."""
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE action = 'raised'), count(*) FILTER (WHERE action = 'cleared') "
        "FROM ub.alert_event"
    ).fetchone()
    assert row is not None
    return AlertCounts(*row)


def newest_oversaturated(connection: Connection[Any], limit: int = 5) -> list[AlertRow]:
    """Return the open alerts of oversaturated cells, newest first."""
    return alerts(connection, kind="oversaturation", status="active", limit=limit)


def alerts(
    connection: Connection[Any],
    *,
    kind: str | None = None,
    severity: str | None = None,
    status: str | None = None,
    cell: str | None = None,
    limit: int = 100,
) -> list[AlertRow]:
    """Return alerts that match every filter given (`cell` is a hex string), newest start first."""
    with connection.cursor(row_factory=class_row(AlertRow)) as cursor:
        return cursor.execute(
            """
            SELECT alert_id, severity, kind, status, acknowledged, ub.to_hex(cell) AS hex, region, zone,
                   lat, lon, starts_at, updated_at, ends_at, summary,
                   (evidence ->> 'occupancy')::integer AS occupancy,
                   (evidence ->> 'capacity')::integer AS capacity,
                   coalesce(evidence -> 'by_operator', '{}') AS by_operator
            FROM ub.alert
            WHERE (%(kind)s::text IS NULL OR kind = %(kind)s)
              AND (%(severity)s::text IS NULL OR severity = %(severity)s)
              AND (%(status)s::text IS NULL OR status = %(status)s)
              AND (%(cell)s::text IS NULL OR cell = api.from_hex(%(cell)s))
            ORDER BY starts_at DESC, alert_id
            LIMIT %(limit)s
            """,
            {"kind": kind, "severity": severity, "status": status, "cell": cell, "limit": limit},
        ).fetchall()
