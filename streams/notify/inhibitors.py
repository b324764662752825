"""The open alerts that may keep others back, read from the database now and then, for all receivers."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from streams.alerts.inhibition import Inhibition, Source
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
        self._sources: list[Source] = []
        self._fresh_until = -1.0
        self._read_at = datetime.min.replace(tzinfo=UTC)

    async def sources(self, connection: Connection, due_at: datetime) -> list[Source]:
        """Return them as they are now, or were a second ago, but not before what they are asked for was due."""
        if not self.rules:
            return []
        if self._clock() >= self._fresh_until or due_at > self._read_at:
            self._read_at = datetime.now(UTC)
            found = decoded(await notifications.open_alerts(connection))
            sources = [Source(one.alert_id, labels_of(one, self._district), one.summary) for one, _ in found]
            self._sources = [
                one for one in sources if any(match_all(rule.source, one.labels) for rule in self.rules)
            ]
            self._fresh_until = self._clock() + _FRESH_S
        return self._sources
