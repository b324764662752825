"""Messages for the tests of formats."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from schemas.alerts import Alert, AlertAction, Severity
from streams.notify.message import Message, Told
from streams.notify.receivers import Format, Receiver
from tests.unit.alerts.events import alert

NOW = datetime(2026, 1, 1, 1, 0, tzinfo=UTC)
ALERT_ID = "04443a28-d1a0-5cb8-8fe7-de821722d59f"
RING = [[121.0, 31.0], [121.1, 31.0], [121.1, 31.1], [121.0, 31.0]]


def of(
    action: AlertAction = "raised", severity: Severity = "major", sequence: int = 0, **changes: Any
) -> Alert:
    return msgspec.structs.replace(alert(action, severity), alert_id=ALERT_ID, sequence=sequence, **changes)


def message(alert: Alert, format_: Format = "cloudevents", **changes: Any) -> Message:
    receiver = Receiver(
        name="desk", url="https://desk.example/hook", format=format_, sender="brain@city.example"
    )
    values: dict[str, Any] = {
        "alert": alert,
        "sequence": alert.sequence,
        "reason": "event",
        "due_at": NOW,
        "receiver": receiver,
        "now": NOW,
    }
    return Message(**(values | changes))


def told(*events: tuple[int, str, int]) -> tuple[Told, ...]:
    return tuple(Told(*event) for event in events)
