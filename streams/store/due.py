"""A notification whose time has come."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Reason = Literal["event", "escalation", "overdue", "repeat"]
State = Literal["pending", "silenced", "delivered", "dropped"]


@dataclass(frozen=True, slots=True)
class Due:
    """A notification whose time has come, and how its alert stands now.

    body       the alert as JSON after the event; of escalations and overdue alerts, after the newest known event
    told       [sequence, reason, updated_at in ms] of each notification of the alert that its receiver got before, in
               order, or may have got: the sender was killed, or heard no answer
    begun      the receiver may have got this one already, for the same reasons
    overdue    the alert is not over by the time until which somebody was to see to it
    overtaken  a later event of the alert was queued for the receiver, whatever became of it
    later_held a later event of the alert is kept back from the receiver now
    early      of an escalation: the receiver that escalates was not told yet, or was told later than planned, as after
               a silence or while we were away, and still has time; or no receiver that was told escalates to this one
               any more
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
    later_held: bool = False
    early: bool = False
    assignee: str | None = None
