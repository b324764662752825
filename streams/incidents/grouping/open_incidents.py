"""The incidents of one partition, and how each of their events is told and stored."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from schemas.alerts import Alert
from schemas.incidents import Incident
from streams.fold.contract import Output, Rows
from streams.incidents.grouping.groups import Groups
from streams.incidents.grouping.incident import GroupConfig
from streams.incidents.grouping.telling import announce, message_of, rows, topic_of

_PREFIX = "incident/"
"""Of the parts of a checkpoint."""


class OpenIncidents:
    """Groups, with the topics on which they are retained and the rows that are to be stored."""

    def __init__(self, config: GroupConfig) -> None:
        self._groups = Groups(config)
        self._retained: dict[str, str] = {}
        self._events: list[Incident] = []

    def restore(self, parts: Mapping[str, bytes], open_alerts: Iterable[Alert]) -> None:
        """Take back what was saved."""
        for name, data in parts.items():
            if name.startswith(_PREFIX):
                incident = self._groups.restore(data)
                if incident.status == "active":
                    self._retained[incident.incident_id] = topic_of(incident)
        for alert in open_alerts:
            self._groups.adopt(alert)

    def apply(self, events: Sequence[Alert], clock: tuple[str, int] | None, offset: int) -> Iterator[Output]:
        """Take in the events of alerts that a record gave; yields what is to be told. See Groups.apply."""
        for incident in self._groups.apply(events, clock, offset):
            before = self._retained.pop(incident.incident_id, None)
            if incident.status == "active":
                self._retained[incident.incident_id] = topic_of(incident)
            self._events.append(incident)
            yield announce(incident, before)

    def retained(self) -> dict[str, list[bytes]]:
        """Return what ought to stand retained on each topic: the active incidents."""
        return {topic_of(incident): [message_of(incident)] for incident in self._groups.active()}

    def take_parts(self) -> dict[str, bytes | None]:
        """Return what changed of the state since the last call, by name."""
        return {f"{_PREFIX}{name}": part for name, part in self._groups.take_parts().items()}

    def take_rows(self) -> list[Rows]:
        """Return the rows that changed since the last call."""
        events, self._events = self._events, []
        return rows(events, self._groups.take_joined())
