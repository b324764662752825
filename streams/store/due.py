"""A notification whose time has come."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Reason = Literal["event", "escalation", "overdue", "repeat"]
State = Literal["pending", "silenced", "delivered", "dropped"]


@dataclass(frozen=True, slots=True)
class Due:
    """A notification whose time has come, and how its alert stands now.

    `body` is the alert as JSON: after the event; of an escalation, and of what is overdue, after the newest event that
    is known. `overdue`: the time is over until which somebody was to see to it.
    `overtaken`: a later event of its alert was queued for its receiver, whatever became of it.
    `early`: whoever escalates it was not told yet, or later than when it was queued, as after a silence, and has time;
    or nobody who was told escalates it any more.
    `told` are [sequence, reason, updated_at in ms] of what its receiver was told of the alert before, in order, or may
    have been told: whoever sent it was killed, or heard no answer. `begun`: so it may be with this one.
    """

    number: int
    alert_id: str
    sequence: int
    reason: Reason
    state: State
    due_at: datetime
    attempts: int
    body: str
    status: str
    acknowledged_by: str | None
    closed_by: str | None
    boundary: dict[str, Any] | None
    told: list[list[Any]]
    begun: bool = False
    overdue: bool = False
    overtaken: bool = False
    early: bool = False
    assignee: str | None = None
