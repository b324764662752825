"""The silences that hold now, for `alerts tail`: read from the database again every few seconds."""

import logging
import time
from datetime import UTC, datetime, timedelta

from streams.alerts.matchers import Labels
from streams.alerts.silences import Heeded, Silences
from streams.errors import UrbanBrainError
from streams.store import alert_desk, queries

log = logging.getLogger(__name__)

_FRESH_S = 5.0
_AWAY_S = 60.0


class KnownSilences:
    """Silences for somebody who follows alerts. A database that is away silences nothing: better heard twice."""

    def __init__(self, database_url: str, *, districts: bool) -> None:
        self._heeded = Heeded(districts=districts)
        self._url = database_url
        self._silences = Silences()
        self._good_until = -1.0
        self._known = False
        self._ahead = timedelta()
        """How far the database's clock, by which silences hold, is ahead of this machine's."""

    def knows(self) -> bool:
        """Return whether the silences of now are known: it takes a database that answers."""
        if time.monotonic() >= self._good_until:
            self._read()
        return self._known

    def silences(self, labels: Labels) -> bool:
        """Return whether an alert with these labels is silent now."""
        self.knows()
        return self._silences.longest(labels, datetime.now(UTC) + self._ahead) is not None

    def _read(self) -> None:
        try:
            with queries.connect(self._url) as connection:
                self._silences = Silences(self._heeded(alert_desk.silences(connection)))
                self._ahead = queries.now(connection) - datetime.now(UTC)
            self._good_until, self._known = time.monotonic() + _FRESH_S, True
        except UrbanBrainError as error:
            log.warning("silences cannot be read, so all alerts are shown: %s", error)
            self._silences = Silences()
            self._good_until, self._known = time.monotonic() + _AWAY_S, False
