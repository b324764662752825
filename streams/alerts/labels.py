"""The labels of an alert: what silences, filters and receivers match."""

from collections.abc import Iterable
from typing import Protocol

from schemas.alerts import Alert
from streams.alerts.matchers import Labels
from streams.fold.outlines import District


class _Labelled(Protocol):
    """What an event of an alert and the rows of alerts have in common; cells and operators differ in form."""

    @property
    def severity(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def zone(self) -> str: ...
    @property
    def policy(self) -> str: ...
    @property
    def lat(self) -> float: ...
    @property
    def lon(self) -> float: ...
    @property
    def subject(self) -> str | None: ...


def labels(alert: _Labelled, district: District, *, cell: str, operators: Iterable[str]) -> Labels:
    """Return the labels of an alert. A label is written down here, and nowhere else."""
    its_district = district(alert.lat, alert.lon)
    return {
        "severity": (alert.severity,),
        "kind": (alert.kind,),
        "cell": (cell,),
        "region": (alert.region,),
        "zone": (alert.zone,),
        "policy": (alert.policy,),
        "district": () if its_district is None else (its_district,),
        "operator": tuple(sorted(operators)),
        "subject": () if alert.subject is None else (alert.subject,),
    }


def labels_of(alert: Alert, district: District) -> Labels:
    """Return the labels of an alert as of its newest event."""
    return labels(alert, district, cell=alert.cell, operators=alert.evidence.by_operator)
