"""Alerts of hot spots: what they say, and their ids. Their subject is the category, shown at the middle cell."""

import hashlib

from schemas.alerts import Alert, AlertKind, Evidence, HotSpot, Severity
from streams.counted import counted
from streams.fold.contract import Record
from streams.incidents.hotspot.rule import HotSpotRule
from streams.incidents.hotspot.scan import Cylinder
from streams.incidents.lifecycle import Place, alert_id, first_event, next_event, resting_on
from streams.printable import quoted

KIND: AlertKind = "hot_spot"
DETECTOR = "scan"
VERSION = 3
"""Version of the arithmetic of baseline.py, scan.py and rule.py."""


def rules_version(rule: HotSpotRule) -> str:
    """Return a hash of all that decides; by UTC it is what it was before there were time zones."""
    zone = "" if rule.zone == "UTC" else f" {rule.zone}"
    return hashlib.sha256(f"{DETECTOR} {VERSION} {rule}{zone}".encode()).hexdigest()[:12]


def raised(
    found: Cylinder,
    region: str,
    code: str,
    place: Place,
    severity: Severity,
    rule: HotSpotRule,
    recurs: float | None,
    record: Record,
) -> Alert:
    """Return a new alert. Its id is made of the scan that found it: a region is scanned once at a time.

    On a border two regions may find one centre, each with its own requests.
    `recurs`: such a hot spot comes by itself once in so many days; None while that is not known.
    """
    return first_event(
        alert_id(KIND, f"{region}/{code}/{found.centre}", found.end),
        KIND,
        severity,
        cell=found.centre,
        region=region,
        place=place,
        starts_at=found.begin,
        at=found.end,
        summary=_summary(found, code, recurs),
        policy=DETECTOR,
        policy_version=rules_version(rule),
        evidence=_evidence(found, code, recurs, record, record.offset),
        subject=code,
    )


def worse(alert: Alert, found: Cylinder, severity: Severity, recurs: float | None, record: Record) -> Alert:
    """Return the alert after its severity rose."""
    code = alert.subject or ""
    return next_event(
        alert,
        "updated",
        found.end,
        severity=severity,
        summary=_summary(found, code, recurs),
        evidence=_evidence(found, code, recurs, record, alert.evidence.first_offset),
    )


def _summary(found: Cylinder, code: str, recurs: float | None) -> str:
    hours = (found.end - found.begin) / 3_600_000
    often = "" if recurs is None else f", once in {recurs:.0f} days"
    return (
        f"{counted(found.count, 'request')} of {quoted(code)} in {counted(len(found.cells), 'cell')} within "
        f"{hours:g} h, {found.expected:.2g} expected (score {found.score:.0f}{often})"
    )


def _evidence(
    found: Cylinder, code: str, recurs: float | None, record: Record, first_offset: int | None
) -> Evidence:
    spot = HotSpot(
        service_code=code,
        cells=sorted(found.cells),
        begin=found.begin,
        end=found.end,
        count=found.count,
        expected=found.expected,
        score=found.score,
        detector=DETECTOR,
        detector_version=VERSION,
        recurrence_days=None if recurs is None else round(recurs, 1),
    )
    return resting_on(record, first_offset, hot_spot=spot)
