"""The open alerts that may keep others back, read from the database now and then, for all receivers."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from streams.alerts.inhibition import Inhibition, Source, Sources
from streams.alerts.labels import District, labels_of
from streams.alerts.matchers import match_all
from streams.notify.open_now import decoded
from streams.store import notifications
from streams.store.notifications import Connection

_FRESH_S = 1.0


class Inhibitors:
    """What matches the sources of some rules. Without rules nothing is asked."""

    def __init__(
        self,
        rules: tuple[Inhibition, ...],
        district: District,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rules = rules
        self._district = district
        self._clock = clock
        self._sources = Sources(rules, [])
        self._known: dict[bytes, Source | None] = {}
        """What each open alert was as it was read last: most are as they were."""
        self._fresh_until = -1.0
        self._read_at = datetime.min.replace(tzinfo=UTC)

    async def sources(self, connection: Connection, due_at: datetime) -> Sources:
        """Return them as they are now, or were a second ago, but not before what they are asked for was due."""
        if self.rules and (self._clock() >= self._fresh_until or due_at > self._read_at):
            read_at = datetime.now(UTC)
            bodies = await notifications.open_alerts(connection)
            if read_at > self._read_at:  # else another delivery has asked later, and was answered before
                self._take(bodies)
                self._read_at, self._fresh_until = read_at, self._clock() + _FRESH_S
        return self._sources

    def _take(self, bodies: Sequence[bytes]) -> None:
        known = {body: self._known[body] for body in bodies if body in self._known}
        for alert, body in decoded(body for body in bodies if body not in known):
            labels = labels_of(alert, self._district)
            matches = any(match_all(rule.source, labels) for rule in self.rules)
            known[body] = Source(alert.alert_id, labels, alert.summary) if matches else None
        if known.keys() != self._known.keys():
            self._sources = Sources(self.rules, filter(None, known.values()))
        self._known = known
