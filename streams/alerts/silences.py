"""Silences as in Alertmanager: they suppress notifications, never the alert itself."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from streams.alerts.matchers import Labels, Matcher, from_json, match_all
from streams.store.alert_desk import SilenceRow


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that match every one of `matchers` are silent in [starts_at, ends_at), by the wall clock."""

    silence_id: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    comment: str

    def holds(self, labels: Labels, now: datetime) -> bool:
        """Return whether an alert with these labels is silent at `now`."""
        return self.starts_at <= now < self.ends_at and match_all(self.matchers, labels)


def of_row(row: SilenceRow) -> Silence:
    """Read a silence as it is stored."""
    return Silence(row.silence_id, from_json(row.matchers), row.starts_at, row.ends_at, row.comment)


def stored(matchers: Iterable[Matcher]) -> str:
    """Return matchers as they are stored."""
    return json.dumps([matcher.as_json() for matcher in matchers])


def silenced_by(labels: Labels, silences: Iterable[Silence], now: datetime) -> Silence | None:
    """Return the silence that holds longest for these labels, if any holds."""
    found = [silence for silence in silences if silence.holds(labels, now)]
    return max(found, key=lambda silence: (silence.ends_at, silence.silence_id), default=None)
