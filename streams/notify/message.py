"""A notification that is to be sent, and what is sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from schemas.alerts import Alert
from streams.notify.receivers import Receiver
from streams.store.due import Reason


@dataclass(frozen=True, slots=True)
class Told:
    """What the receiver was told of the alert before: an event, why, and its event time in milliseconds."""

    sequence: int
    reason: str
    updated_at: int


@dataclass(frozen=True, slots=True)
class Message:
    """One notification. `sequence` is that of the event that it is about, of an escalation that of the first.

    `due_at` tells repeats apart, and due times; `boundary` is the outline of the cell (GeoJSON), `assignee` who
    is to see to the alert now.
    """

    alert: Alert
    sequence: int
    reason: Reason
    due_at: datetime
    receiver: Receiver
    now: datetime
    district: str | None = None
    boundary: dict[str, Any] | None = None
    told: Sequence[Told] = ()
    assignee: str | None = None

    @property
    def id_(self) -> str:
        """The same in every attempt, and another for each notification of one receiver."""
        base = f"{self.alert.alert_id}/{self.sequence}"
        if self.reason in ("repeat", "overdue"):
            return f"{base}/{self.reason}/{int(self.due_at.timestamp())}"
        return base if self.reason == "event" else f"{base}/{self.reason}"


@dataclass(frozen=True, slots=True)
class Payload:
    """A body and its media type."""

    body: bytes
    content_type: str


def rfc3339(milliseconds: int) -> str:
    """Return a time in UTC, with milliseconds and Z."""
    text = datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
