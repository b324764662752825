"""The silences as the database holds them, for all receivers: read again when one was made or ended, not each time."""

from streams.alerts.silences import Silences, of_row
from streams.store import silences as stored
from streams.store.notifications import Connection


class SilencesNow:
    """Reading hundreds of silences takes longer than all else that is asked for a notification."""

    def __init__(self) -> None:
        self._mark: tuple[int, int] | None = None
        self._silences = Silences()

    async def read(self, connection: Connection) -> Silences:
        """Return the silences as they are now: whoever has been told that one holds is not told of its alerts."""
        mark = await stored.mark_of_silences(connection)
        if mark == self._mark:
            return self._silences
        # what changes in between has another mark: it is read again the next time
        silences = Silences(map(of_row, await stored.silences(connection)))
        self._mark, self._silences = mark, silences
        return silences
