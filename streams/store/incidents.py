"""Questions about incidents; each takes an open connection."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg import Connection
from psycopg.rows import class_row

from streams.store.resolve import resolved


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """One incident after its newest event."""

    incident_id: str
    sequence: int
    status: str
    severity: str
    kinds: list[str]
    region: str
    zones: list[str]
    cells: list[str]
    rollup: list[str]
    outline: dict[str, Any]
    alerts: list[str]
    started_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    split_from: str | None
    merged_into: str | None
    summary: str


@dataclass(frozen=True, slots=True)
class PartRow:
    """An alert that is or was part of an incident."""

    joined_at: datetime
    alert_id: str
    kind: str
    severity: str
    status: str
    hex: str
    subject: str | None
    starts_at: datetime
    ends_at: datetime | None
    summary: str


_INCIDENTS = """
SELECT incident_id, sequence, status, severity, kinds, region, zones, cells, rollup, outline, alerts, started_at,
       updated_at, ended_at, split_from, merged_into, summary
FROM api.incidents
WHERE (%(incident_id)s::text IS NULL OR incident_id = %(incident_id)s)
  AND (%(status)s::text IS NULL OR status = %(status)s)
  AND (%(cell)s::text IS NULL OR cells ? %(cell)s)
ORDER BY started_at DESC, incident_id
LIMIT %(limit)s
"""

_PARTS = """
SELECT joined_at, alert_id, kind, severity, status, hex, subject, starts_at, ends_at, summary
FROM api.incident_alerts WHERE incident_id = %s ORDER BY starts_at, alert_id
"""


def resolve(connection: Connection[Any], prefix: str) -> str:
    """Return the id of the incident whose id begins with `prefix`; AlertError where there is none, or more than one."""
    return resolved(
        connection,
        "SELECT incident_id FROM api.incidents WHERE starts_with(incident_id, %s) ORDER BY started_at DESC LIMIT 3",
        prefix,
        "incident",
        "`urbanbrain incidents list` shows them",
    )


def incidents(
    connection: Connection[Any],
    *,
    incident_id: str | None = None,
    status: Literal["active", "ended", "merged"] | None = None,
    cell: str | None = None,
    limit: int = 50,
) -> list[IncidentRow]:
    """Return the incidents that match every filter, newest start first; `cell` is a hex string."""
    names = {"incident_id": incident_id, "status": status, "cell": cell, "limit": limit}
    with connection.cursor(row_factory=class_row(IncidentRow)) as cursor:
        return cursor.execute(_INCIDENTS, names).fetchall()


def of_alert(connection: Connection[Any], alert_id: str) -> list[str]:
    """Return the incidents that an alert is or was part of, in the order in which it joined them."""
    rows = connection.execute(
        "SELECT incident_id FROM api.incident_alerts WHERE alert_id = %s ORDER BY joined_at, incident_id",
        (alert_id,),
    ).fetchall()
    return [str(row[0]) for row in rows]


def parts(connection: Connection[Any], incident_id: str) -> list[PartRow]:
    """Return the alerts that are or were part of an incident, oldest first."""
    with connection.cursor(row_factory=class_row(PartRow)) as cursor:
        return cursor.execute(_PARTS, (incident_id,)).fetchall()
