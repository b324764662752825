"""The open alerts of one partition, and how each of their events is told."""

from collections import defaultdict
from collections.abc import Iterator

from schemas.alerts import Alert
from streams.fold import Output
from streams.incidents.telling import announce


class OpenAlerts:
    """All alerts that are open, whoever watches their subjects: several of one kind may share a cell, and its topic."""

    def __init__(self) -> None:
        self._by_place: dict[tuple[str, str], dict[str, Alert]] = defaultdict(dict)

    def keep(self, alert: Alert) -> None:
        """Remember an alert that is open."""
        self._by_place[alert.kind, alert.cell][alert.alert_id] = alert

    def all(self) -> Iterator[Alert]:
        """Yield the alerts that are open."""
        for there in self._by_place.values():
            yield from there.values()

    def tell(self, event: Alert) -> Output:
        """Return the record of an event; the alert is open from then on, or no more."""
        place = event.kind, event.cell
        before = self._by_place[place].pop(event.alert_id, None)
        others = self._by_place[place].values()
        left = before if event.status == "active" else event
        standing = (
            None if left is None else _newest(other for other in others if other.severity == left.severity)
        )
        told = announce(event, before, standing, alone=not others)
        if event.status == "active":
            self.keep(event)
        elif not others:
            del self._by_place[place]
        return told


def _newest(alerts: Iterator[Alert]) -> Alert | None:
    return max(alerts, key=lambda alert: (alert.updated_at, alert.alert_id), default=None)
