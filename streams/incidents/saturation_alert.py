"""Alerts of oversaturation: what they say, and their ids."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.alerts import Alert, AlertAction, Evidence, Severity
from streams.counted import counted
from streams.fold.contract import Record
from streams.incidents.lifecycle import Place, alert_id, first_event, next_event, shares
from streams.incidents.policy import Policy, Rule
from streams.incidents.saturation import Watch


@dataclass(frozen=True, slots=True)
class Sighting:
    """One look at a cell: what it holds, when, and which record of ub.cells said so.

    `first_offset` is of the record with which it held too many first.
    """

    cell: str
    region: str
    lat: float
    lon: float
    as_of: int
    by_operator: Mapping[str, int]
    record: Record
    first_offset: int | None

    @property
    def occupancy(self) -> int:
        """Vehicles standing in the cell."""
        return sum(self.by_operator.values())


def transition(
    open_alert: Alert | None,
    watch: Watch,
    sighting: Sighting,
    rule: Rule,
    policy: Policy,
    not_before: int,
) -> Alert | None:
    """Return the alert's next state, or None where nothing is to be told.

    A new alert begins at `not_before` at the earliest, however event time stands still.
    """
    if watch.severity is None:
        if open_alert is None:
            return None
        return _next(open_alert, "cleared", sighting, rule, policy, open_alert.severity)
    if open_alert is None:
        assert watch.since is not None
        return _raised(max(watch.since, not_before), watch.severity, sighting, rule, policy)
    if watch.severity != open_alert.severity:
        return _next(open_alert, "updated", sighting, rule, policy, watch.severity)
    return None


def _raised(starts_at: int, severity: Severity, s: Sighting, rule: Rule, policy: Policy) -> Alert:
    return first_event(
        alert_id("oversaturation", s.cell, starts_at),
        "oversaturation",
        severity,
        cell=s.cell,
        region=s.region,
        place=Place(s.lat, s.lon, rule.zone),
        starts_at=starts_at,
        at=s.as_of,
        summary=_summary(s, rule),
        policy=policy.name,
        policy_version=policy.version,
        evidence=_evidence(s, rule),
    )


def _next(
    alert: Alert, action: AlertAction, s: Sighting, rule: Rule, policy: Policy, severity: Severity
) -> Alert:
    return next_event(
        alert,
        action,
        s.as_of,
        severity=severity,
        summary=_summary(s, rule),
        policy=policy.name,
        policy_version=policy.version,
        evidence=_evidence(s, rule),
    )


def _summary(s: Sighting, rule: Rule) -> str:
    excess = s.occupancy - rule.capacity
    relation = f"{excess} over" if excess > 0 else f"{-excess} under" if excess else "at"
    bikes, whose = counted(s.occupancy, "bike"), shares(s.by_operator)
    return f"{bikes} in a cell for {rule.capacity}, {relation} capacity ({whose})"


def _evidence(s: Sighting, rule: Rule) -> Evidence:
    return Evidence(
        occupancy=s.occupancy,
        capacity=rule.capacity,
        raise_at=rule.raise_at,
        clear_below=rule.clear_below,
        by_operator={name: n for name, n in sorted(s.by_operator.items()) if n},
        topic=s.record.topic,
        partition=s.record.partition,
        offset=s.record.offset,
        first_offset=s.first_offset,
    )
