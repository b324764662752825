"""Which open alerts are silenced, and until when: nobody is notified of them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

from streams.alerts.labels import labels
from streams.alerts.matchers import Labels
from streams.alerts.silences import Heeded, Silence, Silences, longer
from streams.fold.outlines import District, no_district
from streams.store.alert_desk import SilenceRow
from streams.store.view_rows import OpenAlert

_PLACES = 10_000
_LONGEST_S = 1.0
"""Two polls and the pause between them must take less than the time after which the view is stale."""


class Silenced:
    """Says it of alerts, at each poll.

    What was said of an alert is remembered, and only silences that are new are held against it: hundreds that are
    written as regular expressions take seconds for 5,000 alerts. What is not done within a second is done at the
    next poll: until then it is not known that an alert is silenced, but nobody waits for all others.
    """

    def __init__(self, district: District | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._district = lru_cache(_PLACES)(district or no_district)
        self._heeded = Heeded(districts=district is not None)
        self._rows: dict[str, SilenceRow] = {}
        self._silences = Silences()
        self._said: dict[str, tuple[Labels, Silence | None, bool]] = {}
        """Of each alert: its labels then, the silence that holds longest, and whether all were tried."""

    def __call__(self, alerts: Sequence[OpenAlert], holding: Sequence[SilenceRow]) -> Sequence[OpenAlert]:
        """Return the alerts with `silenced_until`; `holding` are the silences that hold now."""
        rows = {row.silence_id: row for row in holding}
        same = {name for name, row in rows.items() if self._rows.get(name) == row}
        new = Silences()
        if rows != self._rows:
            heeded = self._heeded(holding)
            self._rows, self._silences = rows, Silences(heeded)
            new = Silences(silence for silence in heeded if silence.silence_id not in same)
        before, self._said = self._said, {}
        if not holding:
            return alerts
        moment = max(row.starts_at for row in holding)  # all hold then: none ends before now
        until = self._clock() + _LONGEST_S
        told: list[OpenAlert] = []
        for alert in alerts:
            labels_now = labels(alert, self._district, cell=alert.cell, operators=alert.operators)
            labels_then, silence, all_tried = before.get(alert.alert_id, ({}, None, False))
            if labels_now != labels_then or (silence is not None and silence.silence_id not in same):
                silence, all_tried = None, False
            if new or not all_tried:
                untried, all_tried = new if all_tried else self._silences, self._clock() < until
                if all_tried:
                    silence = longer(silence, untried.longest(labels_now, moment))
            self._said[alert.alert_id] = labels_now, silence, all_tried
            told.append(alert if silence is None else replace(alert, silenced_until=silence.ends_at))
        return told
