"""Alerts of rules: what they say, and their ids. Their subject is a rule's geography, shown at its middle cell."""

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from schemas.alerts import Alert, Evidence, PolicyRule, Severity
from streams.counted import counted
from streams.fold.contract import Record
from streams.incidents.counts.rules import CountPolicy, CountRule
from streams.incidents.counts.shares import Share
from streams.incidents.counts.watch import Bound, excess
from streams.incidents.lifecycle import Place, alert_id, ended, first_event, next_event, resting_on, shares
from streams.printable import quoted


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a rule: what it counts, when, and which record of ub.cells said so. `file` names the policies.

    `limits` is the rule with bounds in vehicles; of a rule in per cent it is about one operator, whose is the `share`.
    `first_offset` is of the record with which it was out of bounds first; `doubtful` vehicles may count besides.
    Of the operators in `silent` nothing is heard in the region. Vehicles of the rules `before` do not count here.
    """

    bound: Bound
    policy: CountPolicy
    rule: CountRule
    limits: CountRule
    by_operator: Mapping[str, int]
    in_effect: bool
    as_of: int
    file: str
    record: Record
    share: Share | None
    first_offset: int | None
    doubtful: int
    silent: frozenset[str]
    before: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Vehicles that the rule counts."""
        return sum(self.by_operator.values())

    @property
    def unheard(self) -> list[str]:
        """Operators whose vehicles count where they were last, as nothing is heard of them."""
        return sorted(name for name in self.silent if self.by_operator.get(name))

    @property
    def subject(self) -> str:
        """What its alert is about: the rule, and the operator where each is judged by itself."""
        return self.rule.rule_id if self.share is None else f"{self.rule.rule_id}/{self.share.operator}"


def raised(look: Look, severity: Severity, starts_at: int) -> Alert:
    """Return a new alert; its id is made of the rule and of when it began."""
    rule = look.rule
    return first_event(
        alert_id(look.bound, f"{look.policy.policy_id}/{look.subject}", starts_at),
        look.bound,
        severity,
        cell=rule.cell,
        region=rule.region,
        place=Place(rule.lat, rule.lon, rule.zone),
        starts_at=starts_at,
        at=look.as_of,
        summary=_summary(look),
        policy=look.file,
        policy_version=look.policy.version,
        evidence=_evidence(look),
        subject=look.subject,
    )


def followed(alert: Alert, look: Look, severity: Severity | None) -> Alert:
    """Return the alert after its severity changed, or (None) after it was cleared."""
    if not look.in_effect:  # then it counts nothing, which is not to be told as a count
        reason = "the rule is not in effect any more"
        over = ended(alert, look.as_of, reason, look.record, look.policy.version)
        rule = alert.evidence.rule and replace(alert.evidence.rule, in_effect=False)
        return replace(over, evidence=replace(over.evidence, rule=rule))
    return next_event(
        alert,
        "cleared" if severity is None else "updated",
        look.as_of,
        severity=severity or alert.severity,
        summary=_summary(look),
        policy=look.file,
        policy_version=look.policy.version,
        evidence=_evidence(look),
    )


def vehicles(count: int, rule: CountRule) -> str:
    """Return so many of what a rule counts, for people."""
    of_type = f" of type {' or '.join(sorted(rule.vehicle_types))}" if rule.vehicle_types else ""
    return counted(count, "vehicle") + of_type


def not_told(doubtful: int) -> str:
    """Return, for people, how many vehicles may count besides; empty: none."""
    return f", the type of {doubtful} more is not known yet" if doubtful else ""


def _summary(look: Look) -> str:
    beyond = excess(look.bound, look.count, look.limits)
    if look.share is not None:
        return _summary_of_share(look, look.share, beyond)
    if look.bound == "too_many":
        limit, relation = f"at most {look.rule.maximum}", f"{beyond} over" if beyond > 0 else "within bounds"
    else:
        limit, relation = (
            f"at least {look.rule.minimum}",
            f"{beyond} short" if beyond > 0 else "within bounds",
        )
    return (
        f"{vehicles(look.count, look.rule)} in {look.rule.zone}{_besides(look)}, {limit} allowed by "
        f"{quoted(look.rule.name)}, {relation} ({shares(look.by_operator)}){not_told(look.doubtful)}{_not_heard(look)}"
    )


def _summary_of_share(look: Look, share: Share, beyond: int) -> str:
    rule = look.rule
    limit = f"at most {rule.maximum}" if look.bound == "too_many" else f"at least {rule.minimum}"
    side = "over" if look.bound == "too_many" else "short"
    what = "on a trip" if rule.units == "utilization" else "are"
    return (
        f"{share.count} of {vehicles(share.of, rule)} of {share.operator} ({_percent(share):g} %) {what} in "
        f"{rule.zone}{_besides(look)}, {limit} % allowed by {quoted(rule.name)}, "
        f"{f'{beyond} {side}' if beyond > 0 else 'within bounds'}{not_told(look.doubtful)}{_not_heard(look)}"
    )


def _besides(look: Look) -> str:
    return f" besides those of {' and '.join(map(quoted, look.before))}" if look.before else ""


def _not_heard(look: Look) -> str:
    names = " and ".join(look.unheard)
    return f", nothing is heard of {names}: counted where they were last" if names else ""


def _percent(share: Share) -> float:
    return round(100 * share.count / share.of, 2) if share.of else 0.0


def _evidence(look: Look) -> Evidence:
    rule = look.rule
    found = PolicyRule(
        policy_id=look.policy.policy_id,
        rule_id=rule.rule_id,
        name=rule.name,
        geographies=list(rule.geographies),
        cells=len(rule.cells | rule.edge),
        states=list(rule.states),
        operators=sorted(look.policy.operators),
        minimum=rule.minimum,
        maximum=rule.maximum,
        count=look.count,
        excess=excess(look.bound, look.count, look.limits),
        in_effect=look.in_effect,
        units=rule.units,
        of=None if look.share is None else look.share.of,
        percent=None if look.share is None else _percent(look.share),
        vehicle_types=sorted(rule.vehicle_types),
        in_doubt=look.doubtful,
        unheard=look.unheard,
        outline=rule.outline,
    )
    return resting_on(look.record, look.first_offset, _by_operator(look), rule=found)


def _by_operator(look: Look) -> dict[str, int]:
    """Return the vehicles of all operators that an alert is about; of too few also of those that have none there."""
    about = {name for name, n in look.by_operator.items() if n}
    if look.share is not None:
        about.add(look.share.operator)
    elif look.bound == "too_few":
        about |= look.policy.operators
    return {name: look.by_operator.get(name, 0) for name in sorted(about)}
