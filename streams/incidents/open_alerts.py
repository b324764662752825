"""The open alerts of one partition, and how each of their events is told."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from schemas import codec
from schemas.alerts import Alert
from streams.fold import Output
from streams.incidents.telling import announce, topic_of


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

    def retained(self) -> dict[str, list[bytes]]:
        """Return what may stand retained on each topic: the open alerts that share it, the newest first."""
        by_topic: dict[str, list[Alert]] = defaultdict(list)
        for alert in self.all():
            by_topic[topic_of(alert)].append(alert)
        return {
            topic: [codec.encode(alert) for alert in sorted(alerts, key=_age, reverse=True)]
            for topic, alerts in by_topic.items()
        }

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


def _newest(alerts: Iterable[Alert]) -> Alert | None:
    return max(alerts, key=_age, default=None)


def _age(alert: Alert) -> tuple[int, str]:
    return alert.updated_at, alert.alert_id
