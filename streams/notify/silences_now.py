"""The silences in the database, for all receivers: read again only when one was added or ended."""

from dataclasses import dataclass
from datetime import datetime

from streams.alerts.matchers import Labels
from streams.alerts.silences import Heeded, Silence, Silences
from streams.store import silences as stored
from streams.store.notifications import Connection


@dataclass(frozen=True, slots=True)
class Silent:
    """Silences, and the time by the database's clock, by which they hold; this machine's may be an hour off."""

    silences: Silences
    now: datetime

    def by(self, labels: Labels) -> Silence | None:
        """Return the silence that holds longest for these labels, if any holds now."""
        return self.silences.longest(labels, self.now)


class SilencesNow:
    """Keeps the silences, as reading hundreds of them takes longer than everything else for a notification."""

    def __init__(self, *, districts: bool) -> None:
        self._heeded = Heeded(districts=districts)
        self._mark: tuple[int, int] | None = None
        self._silences = Silences()

    async def read(self, connection: Connection) -> Silent:
        """Return the silences as of now. Once somebody was told that a silence holds, it keeps back its alerts."""
        mark, now = await stored.mark_of_silences(connection)
        if mark == self._mark:
            return Silent(self._silences, now)
        # what changes in between has another mark: it is read again the next time
        silences = Silences(self._heeded(await stored.silences(connection)))
        self._mark, self._silences = mark, silences
        _, now = await stored.mark_of_silences(connection)  # one of them may have begun since
        return Silent(silences, now)
