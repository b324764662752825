"""Alerts of anomalies: what they say, and their ids."""

import hashlib
from dataclasses import dataclass
from typing import Any

from schemas.alerts import Alert, Anomaly, Evidence, Severity
from streams.fold.contract import Record
from streams.incidents.anomaly.contract import Detector, Score
from streams.incidents.anomaly.watch import Rule
from streams.incidents.lifecycle import Place, alert_id, decided_by, first_event, next_event, resting_on


@dataclass(frozen=True, slots=True)
class Window:
    """One closed window of a metric of a cell, or of something that is made of several.

    subject   what an alert would be about: one is open for a cell and a subject
    metric    what was measured
    value     its mean; None where there is no single one, and the figure that is judged says it all
    began     offset of the first record with the window; None: of the one that decides
    """

    cell: str
    region: str
    subject: str
    metric: str
    unit: str
    start: int
    length_ms: int
    value: float | None
    began: int | None = None


def rules_version(detector: Detector[Any, Any], rule: Rule) -> str:
    """Return a hash of all that decides."""
    return hashlib.sha256(f"{detector.version}{detector}{rule}".encode()).hexdigest()[:12]


def raised(
    window: Window,
    place: Place,
    severity: Severity,
    score: Score,
    detector: Detector[Any, Any],
    rule: Rule,
    record: Record,
) -> Alert:
    """Return a new alert: it begins with the window, so that a replay gives it the same id."""
    began = record.offset if window.began is None else window.began
    return first_event(
        alert_id("anomaly", f"{window.cell}/{window.subject}", window.start),
        "anomaly",
        severity,
        cell=window.cell,
        region=window.region,
        place=place,
        starts_at=window.start,
        at=window.start,
        summary=_summary(window, score),
        policy=detector.name,
        policy_version=rules_version(detector, rule),
        evidence=_evidence(window, score, detector, record, began),
        subject=window.subject,
    )


def worse(
    alert: Alert,
    window: Window,
    severity: Severity,
    score: Score,
    detector: Detector[Any, Any],
    record: Record,
) -> Alert:
    """Return the alert after its severity rose."""
    return next_event(
        alert,
        "updated",
        window.start,
        severity=severity,
        summary=_summary(window, score),
        evidence=_evidence(window, score, detector, record, alert.evidence.first_offset),
    )


def better(alert: Alert, at: int, severity: Severity, record: Record) -> Alert:
    """Return the alert after its severity fell; its evidence still says what was unusual."""
    evidence = decided_by(record, alert.evidence)
    return next_event(alert, "updated", at, severity=severity, evidence=evidence)


def _summary(window: Window, score: Score) -> str:
    value, low, high = (f"{number:.4g}" for number in (score.observed, score.low, score.high))
    what = window.metric if score.aspect == "value" else f"{score.aspect} of {window.metric}"
    return f"{what} {value} {window.unit}, expected {low} to {high} (score {score.score:.2f})"


def _evidence(
    window: Window, score: Score, detector: Detector[Any, Any], record: Record, first_offset: int | None
) -> Evidence:
    found = Anomaly(
        metric=window.metric,
        unit=window.unit,
        window_start=window.start,
        window_ms=window.length_ms,
        value=score.observed if window.value is None else window.value,
        aspect=score.aspect,
        observed=score.observed,
        low=score.low,
        high=score.high,
        score=score.score,
        detector=detector.name,
        detector_version=detector.version,
    )
    return resting_on(record, first_offset, anomaly=found)
