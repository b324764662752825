"""Alerts: one condition on one subject, from the moment it is raised until it is cleared.

Life cycle names follow ThingsBoard (active/cleared x acknowledged/unacknowledged, severities);
`starts_at`/`ends_at` and `labels` follow Alertmanager.
"""

from typing import Literal

import msgspec

Severity = Literal["warning", "minor", "major", "critical"]
SEVERITIES: tuple[Severity, ...] = ("warning", "minor", "major", "critical")
AlertKind = Literal["oversaturation"]
AlertStatus = Literal["active", "cleared"]
AlertAction = Literal["raised", "updated", "cleared"]


class Evidence(msgspec.Struct, frozen=True):
    """The values that the decision rests on, and where in the log they can be read again."""

    occupancy: int
    capacity: int
    raise_at: int
    clear_below: int
    by_operator: dict[str, int]
    topic: str
    partition: int
    offset: int


class Alert(msgspec.Struct, frozen=True):
    """The state of one alert after `action`. `alert_id` is the same for its whole life, and the
    same when the log is replayed; `sequence` numbers its events from 0.
    """

    alert_id: str
    sequence: int
    action: AlertAction
    kind: AlertKind
    severity: Severity
    status: AlertStatus
    acknowledged: bool
    cell: str
    region: str
    zone: str
    lat: float
    lon: float
    starts_at: int
    updated_at: int
    ends_at: int | None
    summary: str
    policy: str
    policy_version: str
    evidence: Evidence
