"""The life of an alert of any kind: raised, updated, cleared, with ids that a replay gives again."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from schemas.alerts import Alert, AlertAction, AlertKind, Evidence, Severity
from streams.fold.contract import Record

_NAMESPACE = uuid.UUID("6f1d2c8e-52a3-5b0e-9f57-6b1e4a9d7c31")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a cell is: its centre, and the zone of the policy."""

    lat: float
    lon: float
    zone: str


PlaceOf = Callable[[str], Place]
"""Return where a cell (hex) is; ValueError where the name is none."""


def alert_id(kind: str, cell: str, starts_at: int) -> str:
    """Return the id of the alert of this kind, on this cell, whose condition began at `starts_at`."""
    return str(uuid.uuid5(_NAMESPACE, f"{kind}/{cell}/{starts_at}"))


def first_event(
    id_: str,
    kind: AlertKind,
    severity: Severity,
    *,
    cell: str,
    region: str,
    place: Place,
    starts_at: int,
    at: int,
    summary: str,
    policy: str,
    policy_version: str,
    evidence: Evidence,
    subject: str | None = None,
) -> Alert:
    """Return a new alert, told of at event time `at`; never before it starts."""
    return Alert(
        alert_id=id_,
        sequence=0,
        action="raised",
        kind=kind,
        severity=severity,
        status="active",
        acknowledged=False,
        cell=cell,
        region=region,
        zone=place.zone,
        lat=place.lat,
        lon=place.lon,
        starts_at=starts_at,
        updated_at=max(at, starts_at),
        ends_at=None,
        summary=summary,
        policy=policy,
        policy_version=policy_version,
        evidence=evidence,
        subject=subject,
    )


def next_event(alert: Alert, action: AlertAction, at: int, **changes: object) -> Alert:
    """Return the alert after its next event, at event time `at`; never before its last one, as clocks may go back."""
    cleared, at = action == "cleared", max(at, alert.updated_at)
    return msgspec.structs.replace(
        alert,
        sequence=alert.sequence + 1,
        action=action,
        status="cleared" if cleared else "active",
        updated_at=at,
        ends_at=at if cleared else None,
        **changes,
    )


def ended(alert: Alert, at: int, reason: str, record: Record, version: str | None = None) -> Alert:
    """Return the alert after it was cleared for a reason; its evidence still says what was the matter.

    `version` is that of the policy which decided so, where it may be another one than raised it.
    """
    return next_event(
        alert,
        "cleared",
        at,
        summary=f"{reason}; {alert.summary}",
        policy_version=version or alert.policy_version,
        evidence=decided_by(record, alert.evidence),
    )


RULE_GONE = "the policy has no such rule any more"
"""Why an alert ended whose rule is in the file no more; it keeps the version that raised it."""
COUNTS_OTHERS = "the rule counts elsewhere, or others"
"""Why an alert ended whose rule is in the file still, but is not about what was told any more."""

SILENT_MS = 86_400_000
"""After so long a silence of a stream, the alerts that came from it are cleared by the clock of its region; not sooner,
as the stream may merely be late."""


def resting_on(
    record: Record, first_offset: int | None, by_operator: dict[str, int] | None = None, **found: Any
) -> Evidence:
    """Return the evidence of an alert of any kind but those on the capacity of a cell.

    It names the record that decided; `found` are fields of Evidence.
    """
    return Evidence(
        occupancy=None,
        capacity=None,
        raise_at=None,
        clear_below=None,
        by_operator=by_operator or {},
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        first_offset=first_offset,
        **found,
    )


def decided_by(record: Record, evidence: Evidence) -> Evidence:
    """Return the evidence with the record that decided last."""
    return msgspec.structs.replace(
        evidence, topic=record.topic, partition=record.partition, offset=record.offset
    )


def shares(by_operator: Mapping[str, int]) -> str:
    """Return the vehicles of each operator as text, the largest share first."""
    named = (f"{name} {n}" for name, n in sorted(by_operator.items(), key=_largest_first) if n)
    return ", ".join(named) or "none"


def _largest_first(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]
