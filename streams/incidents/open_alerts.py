"""The open alerts of one partition, and how each of their events is told."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator

from schemas import codec
from schemas.alerts import Alert, AlertKind, Severity
from streams.fold.contract import Output
from streams.fold.outlines import District, no_district
from streams.incidents.telling import announce, own_topics_of, topic_of

_Place = tuple[AlertKind, str]
"""Kind and cell."""
_Age = tuple[int, str]
"""When it was told last, and its id."""


class OpenAlerts:
    """All alerts that are open, whoever watches their subjects: several of one kind may share a cell, and its topic."""

    def __init__(self, district: District = no_district) -> None:
        self._district = district
        self._by_place: dict[_Place, dict[str, Alert]] = defaultdict(dict)
        self._ages: dict[tuple[_Place, Severity], list[_Age]] = defaultdict(list)
        """In order: thousands may share a topic, and as they are cleared each leaves it to the newest of the others."""

    def keep(self, alert: Alert) -> None:
        """Remember an alert that is open."""
        place = _place(alert)
        self._by_place[place][alert.alert_id] = alert
        insort(self._ages[place, alert.severity], _age(alert))

    def all(self) -> Iterator[Alert]:
        """Yield the alerts that are open."""
        for there in self._by_place.values():
            yield from there.values()

    def retained(self) -> dict[str, list[bytes]]:
        """Return the payloads that may be retained on each topic; alerts that share one come newest first."""
        wanted: dict[str, list[bytes]] = {}
        for (place, _), ages in self._ages.items():
            sharing = [self._by_place[place][alert_id] for _, alert_id in reversed(ages)]
            payloads = [codec.encode(alert) for alert in sharing]
            wanted[topic_of(sharing[0])] = payloads
            for alert, payload in zip(sharing, payloads, strict=True):
                wanted |= {topic: [payload] for topic in own_topics_of(alert, self._district)}
        return wanted

    def tell(self, event: Alert) -> Output:
        """Return the record of an event; the alert is open from then on, or no more."""
        place = _place(event)
        before = self._take(place, event.alert_id)
        left = before if event.status == "active" else event
        ages = self._ages.get((place, left.severity)) if left is not None else None
        standing = self._by_place[place][ages[-1][1]] if ages else None
        told = announce(event, before, standing, self._district)
        if event.status == "active":
            self.keep(event)
        return told

    def _take(self, place: _Place, alert_id: str) -> Alert | None:
        """Forget an alert, and return it as it was."""
        alert = self._by_place.get(place, {}).pop(alert_id, None)
        if alert is None:
            return None
        if not self._by_place[place]:
            del self._by_place[place]
        ages = self._ages[place, alert.severity]
        del ages[bisect_left(ages, _age(alert))]
        if not ages:
            del self._ages[place, alert.severity]
        return alert


def _place(alert: Alert) -> _Place:
    return alert.kind, alert.cell


def _age(alert: Alert) -> _Age:
    return alert.updated_at, alert.alert_id
