"""Alerts of single vehicles: what they say, and their ids. Their subject is the vehicle's id."""

from schemas.alerts import Alert, AlertKind, Battery, Evidence, Jump, Severity
from streams.fold.contract import Record
from streams.incidents.lifecycle import Place, alert_id, first_event, next_event, resting_on
from streams.incidents.vehicles.config import POLICY

Found = Jump | Battery


def raised(
    kind: AlertKind,
    found: Found,
    severity: Severity,
    where: tuple[str, str, Place],
    version: str,
    record: Record,
) -> Alert:
    """Return a new alert, shown in `where`: cell, region and place. It begins with the reading that says so."""
    cell, region, place = where
    return first_event(
        alert_id(kind, found.vehicle_id, found.ts),
        kind,
        severity,
        cell=cell,
        region=region,
        place=place,
        starts_at=found.ts,
        at=found.ts,
        summary=_summary(found),
        policy=POLICY,
        policy_version=version,
        evidence=_evidence(found, record, record.offset),
        subject=found.vehicle_id,
    )


def worse(alert: Alert, found: Found, severity: Severity, record: Record) -> Alert:
    """Return the alert after its severity rose."""
    return next_event(
        alert,
        "updated",
        found.ts,
        severity=severity,
        summary=_summary(found),
        evidence=_evidence(found, record, alert.evidence.first_offset),
    )


def cleared(alert: Alert, found: Found, at: int, reason: str, record: Record) -> Alert:
    """Return the alert after it was cleared; its evidence says what was seen last."""
    evidence = _evidence(found, record, alert.evidence.first_offset)
    return next_event(alert, "cleared", at, summary=f"{reason}; {_summary(found)}", evidence=evidence)


def _summary(found: Found) -> str:
    name = f"{found.vehicle_type} {found.vehicle_id} ({found.operator})"
    if isinstance(found, Jump):
        seconds = (found.ts - found.from_ts) / 1000
        return (
            f"{name} moved {found.metres / 1000:.1f} km in {seconds:.0f} s: {found.kmh:.0f} km/h, and "
            f"{found.limit_kmh:g} are possible (jump {found.jumps})"
        )
    charge = "unknown" if found.battery_percent is None else f"{found.battery_percent} %"
    return (
        f"battery of {name}: {charge}, low below {found.low_below} % (the vehicle is {found.vehicle_state})"
    )


def _evidence(found: Found, record: Record, first_offset: int | None) -> Evidence:
    jump, battery = (found, None) if isinstance(found, Jump) else (None, found)
    return resting_on(record, first_offset, {found.operator: 1}, jump=jump, battery=battery)
