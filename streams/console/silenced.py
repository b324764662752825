"""Which open alerts are silenced, and until when: nobody is notified of them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from streams.alerts.labels import labels
from streams.alerts.matchers import Labels
from streams.alerts.silences import Silences, of_row
from streams.fold.outlines import District
from streams.store.alert_desk import SilenceRow
from streams.store.view_rows import OpenAlert

_PLACES = 10_000


class Silenced:
    """Says it of alerts, at each poll; silences that are the same as before are not read again."""

    def __init__(self, district: District) -> None:
        self._district = lru_cache(_PLACES)(district)
        self._rows: Sequence[SilenceRow] = ()
        self._silences = Silences()

    def __call__(self, alerts: Sequence[OpenAlert], holding: Sequence[SilenceRow]) -> Sequence[OpenAlert]:
        """Return the alerts with `silenced_until`; `holding` are the silences that hold now."""
        if not holding:
            return alerts
        if holding != self._rows:
            self._rows, self._silences = holding, Silences(map(of_row, holding))
        moment = max(row.starts_at for row in holding)  # all hold then: none ends before now
        silences = [(alert, self._silences.longest(self._labels(alert), moment)) for alert in alerts]
        return [
            alert if silence is None else replace(alert, silenced_until=silence.ends_at)
            for alert, silence in silences
        ]

    def _labels(self, alert: OpenAlert) -> Labels:
        return labels(
            severity=alert.severity,
            kind=alert.kind,
            cell=alert.cell,
            region=alert.region,
            zone=alert.zone,
            policy=alert.policy,
            district=self._district(alert.lat, alert.lon),
            operators=alert.operators,
            subject=alert.subject,
        )
