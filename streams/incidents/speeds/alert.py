"""Alerts of vehicles that are too fast: what they say, and their ids. Their subject is the vehicle's id."""

from schemas.alerts import Alert, Evidence, Severity, Speeding
from streams.fold.contract import Record
from streams.incidents.lifecycle import Place, alert_id, first_event, next_event, resting_on
from streams.incidents.speeds.judge import Broken
from streams.printable import quoted


def raised(
    found: Speeding,
    broken: Broken,
    severity: Severity,
    where: tuple[str, str, Place],
    file: str,
    record: Record,
) -> Alert:
    """Return a new alert, shown in `where`: cell, region and place. It begins with the reading that says so."""
    cell, region, place = where
    return first_event(
        alert_id("speeding", found.vehicle_id, found.ts),
        "speeding",
        severity,
        cell=cell,
        region=region,
        place=Place(place.lat, place.lon, broken.rule.zone),
        starts_at=found.ts,
        at=found.ts,
        summary=_summary(found),
        policy=file,
        policy_version=broken.policy.version,
        evidence=_evidence(found, record, record.offset),
        subject=found.vehicle_id,
    )


def worse(
    alert: Alert, found: Speeding, broken: Broken, severity: Severity, file: str, record: Record
) -> Alert:
    """Return the alert after its severity rose."""
    return next_event(
        alert,
        "updated",
        found.ts,
        severity=severity,
        summary=_summary(found),
        policy=file,
        policy_version=broken.policy.version,
        evidence=_evidence(found, record, alert.evidence.first_offset),
    )


def cleared(
    alert: Alert, found: Speeding, at: int, reason: str, record: Record, version: str | None
) -> Alert:
    """Return the alert after it was cleared by a version; its evidence says what was seen last."""
    evidence = _evidence(found, record, alert.evidence.first_offset)
    return next_event(
        alert,
        "cleared",
        at,
        summary=f"{reason}; {_summary(found)}",
        policy_version=version or alert.policy_version,
        evidence=evidence,
    )


def _summary(found: Speeding) -> str:
    seconds = (found.ts - found.from_ts) / 1000
    return (
        f"{found.vehicle_type} {found.vehicle_id} ({found.operator}) moved {found.metres:.0f} m in {seconds:.0f} s: "
        f"{found.kmh:.0f} km/h or more, and {found.limit_kmh:.3g} are allowed by {quoted(found.name)} "
        f"(move {found.moves})"
    )


def _evidence(found: Speeding, record: Record, first_offset: int | None) -> Evidence:
    return resting_on(record, first_offset, {found.operator: 1}, speeding=found)
