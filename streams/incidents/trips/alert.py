"""Alerts of rules on trips: what they say, and their ids. Their subject is a rule and an operator."""

from dataclasses import dataclass

from schemas.alerts import Alert, Evidence, Severity, TripRate
from streams.counted import counted
from streams.fold.contract import Record
from streams.incidents.lifecycle import Place, alert_id, first_event, next_event, resting_on
from streams.incidents.trips.judge import Found
from streams.incidents.trips.rules import TripPolicy, TripRule
from streams.incidents.trips.series import DAY_MS, Rate
from streams.printable import quoted


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a rule and an operator, at the end of an hour; `file` names the policies."""

    policy: TripPolicy
    rule: TripRule
    operator: str
    rate: Rate
    file: str
    record: Record

    @property
    def subject(self) -> str:
        """What its alert is about."""
        return f"{self.rule.rule_id}/{self.operator}"


def raised(look: Look, found: Found, starts_at: int) -> Alert:
    """Return a new alert; its id is made of the rule, the operator and of when it began."""
    rule = look.rule
    return first_event(
        alert_id(found.kind, f"{look.policy.policy_id}/{look.subject}", starts_at),
        found.kind,
        found.severity,
        cell=rule.cell,
        region=rule.region,
        place=Place(rule.lat, rule.lon, rule.zone),
        starts_at=starts_at,
        at=look.rate.end,
        summary=_summary(look),
        policy=look.file,
        policy_version=look.policy.version,
        evidence=_evidence(look, look.record.offset),
        subject=look.subject,
    )


def followed(alert: Alert, look: Look, severity: Severity | None) -> Alert:
    """Return the alert after its severity changed, or (None) after it was cleared."""
    return next_event(
        alert,
        "cleared" if severity is None else "updated",
        look.rate.end,
        severity=severity or alert.severity,
        summary=_summary(look),
        policy=look.file,
        policy_version=look.policy.version,
        evidence=_evidence(look, alert.evidence.first_offset),
    )


def _summary(look: Look) -> str:
    rule, rate = look.rule, look.rate
    least = "" if rule.minimum is None else f"at least {rule.minimum:g}"
    most = "" if rule.maximum is None else f"at most {rule.maximum:g}"
    return (
        f"{counted(rate.trips, 'trip')} of {look.operator} began in {rule.zone} in a day, {rate.per_vehicle:.2f} for "
        f"each of {rate.vehicles:.1f} vehicles there; {', '.join(filter(None, (least, most)))} are allowed by "
        f"{quoted(rule.name)}"
    )


def _evidence(look: Look, first_offset: int | None) -> Evidence:
    rule, rate = look.rule, look.rate
    found = TripRate(
        policy_id=look.policy.policy_id,
        rule_id=rule.rule_id,
        name=rule.name,
        geographies=list(rule.geographies),
        cells=len(rule.cells),
        states=list(rule.states),
        operator=look.operator,
        begin=rate.end - DAY_MS,
        end=rate.end,
        trips=rate.trips,
        vehicles=rate.vehicles,
        per_vehicle=rate.per_vehicle,
        minimum=rule.minimum,
        maximum=rule.maximum,
        outline=rule.outline,
    )
    return resting_on(look.record, first_offset, {look.operator: rate.trips}, trips=found)
