"""Alerts as scoring sees them: the events of each alert put together, in whatever order they came."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import msgspec

LATEST_MS = 253_402_300_799_999
"""The last moment that has a date, at the end of the year 9999; what lies beyond is in microseconds, or nonsense."""

_Moment = Annotated[int, msgspec.Meta(ge=0, le=LATEST_MS)]
_Cell = Annotated[str, msgspec.Meta(pattern=r"^(8[0-9a-f]{14})?\Z")]


class AlertEvent(msgspec.Struct, frozen=True):
    """What scoring reads of a schemas.alerts.Alert.

    Fields and kinds that are not known here are let through, so that alerts of newer systems can be judged, too.
    """

    alert_id: str
    sequence: int
    action: str
    kind: str
    updated_at: _Moment
    cell: _Cell = ""
    subject: str | None = None
    severity: str = ""
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Life:
    """One alert. Times are event times in milliseconds; `cleared_at` is None while it is open.

    raised_at  when it was decided, which is `updated_at` of its first event: the condition began earlier
    severity   the first one, like the summary: both say what was raised
    """

    alert_id: str
    kind: str
    cell: str
    subject: str | None
    severity: str
    summary: str
    raised_at: int
    cleared_at: int | None

    def open_at(self, ts: int) -> bool:
        """Say whether it had been raised by `ts` and was cleared later, or not at all."""
        return self.raised_at <= ts and (self.cleared_at is None or self.cleared_at > ts)


def lives(events: Iterable[AlertEvent]) -> tuple[Life, ...]:
    """Return the alerts by the time they were raised. Order of the events and repeats do not matter.

    Of an alert whose first events were missed, the first event seen stands for its beginning.
    """
    of_alert: dict[str, dict[int, AlertEvent]] = {}
    for event in events:
        of_alert.setdefault(event.alert_id, {})[event.sequence] = event
    found = []
    for by_sequence in of_alert.values():
        first, last = by_sequence[min(by_sequence)], by_sequence[max(by_sequence)]
        found.append(
            Life(
                alert_id=first.alert_id,
                kind=first.kind,
                cell=first.cell,
                subject=first.subject,
                severity=first.severity,
                summary=first.summary,
                raised_at=first.updated_at,
                cleared_at=last.updated_at if last.action == "cleared" else None,
            )
        )
    return tuple(sorted(found, key=lambda life: (life.raised_at, life.alert_id)))
