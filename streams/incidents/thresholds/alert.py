"""Alerts of thresholds: what they say, and their ids."""

from dataclasses import dataclass

from schemas.alerts import Alert, Evidence, Severity
from schemas.alerts import Threshold as Told
from streams.fold.contract import Record
from streams.incidents.lifecycle import Place, alert_id, first_event, next_event, resting_on
from streams.incidents.thresholds.rules import Threshold


@dataclass(frozen=True, slots=True)
class Window:
    """The figure of a closed window that a threshold is about; `began`: offset of the first record with the window."""

    cell: str
    region: str
    unit: str
    start: int
    length_ms: int
    value: float
    began: int

    @property
    def end(self) -> int:
        """When it was over."""
        return self.start + self.length_ms


def raised(
    threshold: Threshold,
    window: Window,
    severity: Severity,
    since: int,
    place: Place,
    record: Record,
    first: int,
) -> Alert:
    """Return a new alert: it begins with the first window beyond the bound, so that a replay gives it the same id."""
    return first_event(
        alert_id("threshold", f"{window.cell}/{threshold.name}", since),
        "threshold",
        severity,
        cell=window.cell,
        region=window.region,
        place=place,
        starts_at=since,
        at=window.end,
        summary=_summary(threshold, window, severity),
        policy=threshold.name,
        policy_version=threshold.version,
        evidence=_evidence(threshold, window, severity, record, first),
        subject=threshold.name,
    )


def changed(alert: Alert, threshold: Threshold, window: Window, severity: Severity, record: Record) -> Alert:
    """Return the alert after its severity rose or fell."""
    first = alert.evidence.first_offset
    return next_event(
        alert,
        "updated",
        window.end,
        severity=severity,
        summary=_summary(threshold, window, severity),
        policy_version=threshold.version,
        evidence=_evidence(threshold, window, severity, record, first),
    )


def measured(threshold: Threshold, window: Window) -> str:
    """Return what was measured, for people."""
    what = "" if threshold.figure == "mean" else f"{threshold.figure} "
    unit = "" if window.unit == "1" else f" {window.unit}"
    return f"{what}{threshold.metric} {window.value:.6g}{unit}"


def bound(threshold: Threshold, severity: Severity) -> str:
    """Return the bound of a severity, for people."""
    relation = "at most" if threshold.at_most else "at least"
    return f"{relation} {dict(threshold.bounds)[severity]:g}"


def _summary(threshold: Threshold, window: Window, severity: Severity) -> str:
    text = f"{threshold.name}: {measured(threshold, window)}, {bound(threshold, severity)} is {severity}"
    limit, margin = dict(threshold.bounds)[severity], threshold.hysteresis
    if threshold.reaches(window.value, limit):
        return text
    until = f"above {limit + margin:g}" if threshold.at_most else f"below {limit - margin:g}"
    return f"{text} until it is {until}"


def _evidence(
    threshold: Threshold, window: Window, severity: Severity, record: Record, first: int | None
) -> Evidence:
    limit = dict(threshold.bounds)[severity]
    told = Told(
        name=threshold.name,
        metric=threshold.metric,
        unit=window.unit,
        figure=threshold.figure,
        window_start=window.start,
        window_ms=window.length_ms,
        value=window.value,
        at_least=None if threshold.at_most else limit,
        at_most=limit if threshold.at_most else None,
        hysteresis=threshold.hysteresis,
        min_duration_ms=threshold.min_duration_ms,
    )
    return resting_on(record, first, threshold=told)
