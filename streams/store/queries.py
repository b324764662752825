"""Questions of the command line and of the demo's summary; each takes an open connection of ub_writer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Literal

import psycopg
from psycopg import Connection
from psycopg.rows import class_row

from schemas.alerts import SEVERITIES
from streams.fold.contract import Ledger
from streams.store.session import LACKING, PASSING, forbidden, lacking, unavailable


@dataclass(frozen=True, slots=True)
class RejectedCount:
    """Readings refused for one reason, from all topics."""

    reason: str
    count: int


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
    policy: str
    occupancy: int | None
    capacity: int | None
    by_operator: dict[str, int]
    sequence: int
    evidence: dict[str, Any]
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    assignee: str | None
    due_at: datetime | None
    comment: str | None
    closed_by: str | None
    closed_at: datetime | None
    subject: str | None


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event of an alert."""

    at: datetime
    action: str
    severity: str
    summary: str


@dataclass(frozen=True, slots=True)
class Filters:
    """Which alerts; None: any. `status` active: the condition holds, and nobody closed it by hand.

    `since`: something happened to them then or later, by event time.
    """

    status: Literal["active", "closed", "cleared"] | None = None
    kind: str | None = None
    severities: list[str] | None = None
    cell: str | None = None
    operator: str | None = None
    acknowledged: bool | None = None
    alert_id: str | None = None
    since: datetime | None = None


@contextmanager
def connect(url: str, *, read_only: bool = True) -> Iterator[Connection[tuple[Any, ...]]]:
    """Open a connection; raises ServiceUnavailable when the database is away or goes away.

    What may only read is one transaction, and nothing is SET for the session: of a pooler that shares sessions, the
    next one, such as a worker, would get what was set.
    """
    try:
        with psycopg.connect(
            url, autocommit=not read_only, connect_timeout=5, application_name="urbanbrain query"
        ) as connection:
            connection.read_only = read_only or None
            yield connection
    except LACKING as error:
        raise lacking() from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise forbidden(error) from error
    except PASSING as error:
        raise unavailable(url, error) from error


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
            "SELECT reason, sum(count)::bigint AS count "
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


def now(connection: Connection[Any]) -> datetime:
    """Return the time by the database's clock."""
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    found: datetime = row[0]
    return found


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
    return list(islice(alerts(connection, Filters(kind="oversaturation", status="active")), limit))


_AT_ONCE = 200
"""Rows of alerts that are fetched together."""

_ALERTS = """
SELECT a.alert_id, a.severity, a.kind, a.status, coalesce(h.acknowledged, false) AS acknowledged,
       ub.to_hex(a.cell) AS hex, a.region, a.zone, a.lat, a.lon, a.starts_at, a.updated_at, a.ends_at, a.summary,
       a.policy,
       (a.evidence ->> 'occupancy')::integer AS occupancy,
       (a.evidence ->> 'capacity')::integer AS capacity,
       coalesce(a.evidence -> 'by_operator', '{}') AS by_operator, a.sequence, a.evidence,
       h.acknowledged_by, h.acknowledged_at, h.assignee, h.due_at, h.comment, h.closed_by, h.closed_at,
       a.subject
FROM ub.alert a LEFT JOIN ub.alert_handling h USING (alert_id)
WHERE (%(alert_id)s::text IS NULL OR a.alert_id = %(alert_id)s)
  AND (%(kind)s::text IS NULL OR a.kind = %(kind)s)
  AND (%(severities)s::text[] IS NULL OR a.severity = ANY(%(severities)s))
  AND (%(cell)s::text IS NULL OR a.cell = api.from_hex(%(cell)s))
  AND (%(operator)s::text IS NULL OR coalesce(a.evidence -> 'by_operator' ? %(operator)s, false))
  AND (%(acknowledged)s::boolean IS NULL OR coalesce(h.acknowledged, false) = %(acknowledged)s)
  AND (%(since)s::timestamptz IS NULL OR a.updated_at >= %(since)s)
  AND CASE %(status)s::text
          WHEN 'active' THEN a.status = 'active' AND NOT coalesce(h.closed, false)
          WHEN 'closed' THEN a.status = 'active' AND coalesce(h.closed, false)
          WHEN 'cleared' THEN a.status = 'cleared'
          ELSE true
      END
"""
_NEWEST_FIRST = "ORDER BY a.starts_at DESC, a.alert_id"
_WORST_FIRST = (
    "ORDER BY array_position(%(ranks)s::text[], a.severity) DESC NULLS LAST, a.starts_at DESC, a.alert_id"
)


def alerts(connection: Connection[Any], filters: Filters, *, worst_first: bool = False) -> Iterator[AlertRow]:
    """Yield the alerts that match every filter (`cell` is a hex string), newest start first.

    `worst_first`: the most severe first, and of these the newest. For open alerts: all that match are sorted.

    Rows come as they are asked for, however many there are; the connection is free when the last one was taken,
    or the iterator closed.
    """
    with connection.transaction():
        # To compile takes longer than to find the newest fifty of a million.
        connection.execute("SET LOCAL jit = off")
        # Of a year of alerts few are taken, so they are not sorted before the first; those that are open are found by
        # their status, and not by going back through all.
        share = "0.1" if filters.status in ("cleared", None) else "1.0"
        connection.execute("SELECT set_config('cursor_tuple_fraction', %s, true)", (share,))
        with connection.cursor("alerts", row_factory=class_row(AlertRow)) as cursor:
            cursor.itersize = _AT_ONCE
            order = _WORST_FIRST if worst_first else _NEWEST_FIRST
            yield from cursor.execute(_ALERTS + order, {**asdict(filters), "ranks": list(SEVERITIES)})


def alert_bodies(connection: Connection[Any], alert_id: str) -> list[str]:
    """Return the alert after each of its events, as JSON, as far back as alert_event is kept."""
    rows = connection.execute(
        "SELECT body::text FROM ub.alert_event WHERE alert_id = %s ORDER BY sequence", (alert_id,)
    ).fetchall()
    return [str(row[0]) for row in rows]


def generation(connection: Connection[Any], stage: str, topic: str, partition: int) -> int:
    """Return how often the log of a partition was begun anew."""
    row = connection.execute(
        "SELECT generation FROM ub.checkpoint WHERE stage = %s AND topic = %s AND partition = %s",
        (stage, topic, partition),
    ).fetchone()
    return 0 if row is None else int(row[0])


def alert_events(connection: Connection[Any], alert_id: str) -> list[EventRow]:
    """Return the events of one alert, as far back as alert_event is kept."""
    with connection.cursor(row_factory=class_row(EventRow)) as cursor:
        return cursor.execute(
            "SELECT at, action, severity, body ->> 'summary' AS summary FROM ub.alert_event "
            "WHERE alert_id = %s ORDER BY sequence",
            (alert_id,),
        ).fetchall()
