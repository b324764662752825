"""Rows of the views of schema api, as the console reads them. Times are UTC; `cell` is a hex string."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CellNow:
    """api.cell_now: the vehicles of one operator whose newest position lies in a cell, by state.

    `as_of` is event time. `completeness` is 0 while nothing is heard of the operator, else 1.
    """

    cell: str
    operator: str
    region: str
    available: int
    non_operational: int
    reserved: int
    on_trip: int
    non_contactable: int
    occupancy: int
    as_of: datetime
    completeness: float


@dataclass(frozen=True, slots=True)
class Stored:
    """When a worker stored something last, or had nothing to store; by the database's clock, and seconds ago."""

    at: datetime
    ago_s: float


@dataclass(frozen=True, slots=True)
class Booked:
    """api.ledger of one stage: readings or events since the beginning, by what became of them."""

    stage: str
    applied: int
    superseded: int
    rejected: int


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """api.alerts_open: an alert after its newest event, without its evidence but for the operators in it.

    `cells` are those of a cluster of requests, None for other alerts. `area` is the outline of a rule's geographies or,
    in a view, of these cells (coordinates of a MultiPolygon in GeoJSON), None for alerts of one cell.
    `silenced_until` is when the silence ends that holds now; None where none does.
    """

    alert_id: str
    sequence: int
    severity: str
    kind: str
    subject: str | None
    cell: str
    lat: float
    lon: float
    region: str
    zone: str
    starts_at: datetime
    updated_at: datetime
    summary: str
    occupancy: int | None
    capacity: int | None
    policy: str
    acknowledged: bool
    acknowledged_by: str | None
    assignee: str | None
    due_at: datetime | None
    comment: str | None
    operators: list[str]
    area: list[list[list[list[float]]]] | None = None
    cells: list[str] | None = None
    silenced_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ClearedAlert:
    """api.alert_history: the event that cleared an alert."""

    alert_id: str
    sequence: int
    severity: str
    kind: str
    subject: str | None
    cell: str
    lat: float
    lon: float
    region: str
    zone: str
    starts_at: datetime
    ends_at: datetime
    summary: str


@dataclass(frozen=True, slots=True)
class CellMinute:
    """api.cell_minute: what one operator's vehicles did in a cell in one minute of event time."""

    minute: datetime
    operator: str
    readings: int
    arrivals: int
    departures: int
    occupancy: int
    revision: int
    completeness: float
