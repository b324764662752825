"""What people do about alerts: facts of their own, beside the events of the alert itself."""

from typing import Literal

import msgspec

from schemas.alerts import AlertKind, Severity

ActionName = Literal[
    "acknowledged", "unacknowledged", "assigned", "unassigned", "commented", "closed", "reopened"
]


class AlertHandling(msgspec.Struct, frozen=True):
    """One thing that a person did about an alert, and how the alert is handled by the time it is told.

    Values are absolute: the message with the highest `sequence` of an alert says all. Times are of the wall
    clock, milliseconds since the epoch, where those of alerts are event time.
    """

    action_id: str
    alert_id: str
    sequence: int
    action: ActionName
    by: str
    at: int
    text: str | None
    acknowledged: bool
    acknowledged_by: str | None
    acknowledged_at: int | None
    assignee: str | None
    due_at: int | None
    comment: str | None
    closed: bool
    closed_by: str | None
    kind: AlertKind
    severity: Severity
    cell: str
    zone: str
