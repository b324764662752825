r"""One vehicle that stands somewhere: which rules hold it, since when, and which of them it breaks.

|---- in the area, in a state of the rule ----|
since            since + limit
  [=== rule in effect ===============================
start = the later of both; broken from start + limit on
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from streams.incidents.stays.rules import StayKind, StayPolicy, StayRule, StayRules


class Stay(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """What is known of a vehicle as of `ts`. `since` is by rule: from when on it has been in its areas and states.

    `first_offset`: the record of ub.cells that told first of its being in an area. `former` is as `since`, of rules
    that spoke of it before policies or areas were others: nothing was told of it since. `not_before`: by rule, when its
    next alert may begin, as ids are made of beginnings; one time for all, by a version that did not tell them apart.
    """

    source: int
    ground: str
    operator: str
    vehicle_type: str
    vehicle_state: str
    cell: str
    ts: int
    areas: list[str]
    first_offset: int
    since: dict[str, int] = {}
    not_before: dict[str, int] | int = {}
    former: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that a vehicle breaks, and since when it has been counted against it."""

    policy: StayPolicy
    rule: StayRule
    start: int

    @property
    def begin(self) -> int:
        """When the limit was reached."""
        return self.start + (self.rule.limit_ms or 0)


def holds(policy: StayPolicy, rule: StayRule, stay: Stay) -> bool:
    """Return whether a rule about the ground under a vehicle speaks of it, whatever the hour."""
    return (
        policy.counts(stay.operator)
        and stay.vehicle_state in rule.states
        and (not rule.vehicle_types or stay.vehicle_type in rule.vehicle_types)
    )


def stands_alike(stay: Stay, before: Stay) -> bool:
    """Return whether news of a vehicle are of something else than where it stands: of its battery, or its state."""
    return all(
        getattr(stay, name) == getattr(before, name)
        for name in ("ground", "areas", "operator", "vehicle_type")
    )


def follow(rules: StayRules, stay: Stay, before: Stay | None) -> None:
    """Note since when each rule speaks of the vehicle after news of it: as before where it did already."""
    _count(rules, stay, {} if before is None else before.since)


def rejudge(rules: StayRules, stay: Stay, before: Stay) -> None:
    """Note the same where not the vehicle is another one, but policies or areas are: it counts for a rule as it did.

    New areas are told of sooner or later than the policy that speaks of them is taken. In between a rule knows none of
    the areas in which the vehicle is said to be. In a state that a rule does not speak of nothing is counted for it.
    """
    known = before.former | before.since
    _count(rules, stay, known)
    stay.former = {
        rule_id: since
        for rule_id, since in known.items()
        if (found := rules.find(rule_id)) is not None and holds(*found, stay)
    }


def _count(rules: StayRules, stay: Stay, known: Mapping[str, int]) -> None:
    stay.since = {
        rule.rule_id: known.get(rule.rule_id, stay.ts)
        for policy, rule in rules.about(stay.areas)
        if holds(policy, rule, stay)
    }


Effect = Callable[[StayRule], int | None]
"""Return since when a rule is in effect, None where it is not."""


def judge(
    rules: StayRules, stay: Stay, as_of: int, effect: Effect
) -> tuple[dict[StayKind, Broken], int | None]:
    """Return which rules are broken at an event time, by kind, and when to look again (None: at nothing's hour).

    Of a policy the first rule in effect that speaks of the vehicle decides; of policies the first one that is broken.
    """
    broken: dict[StayKind, Broken] = {}
    due: int | None = None
    for policy, rule, start in _deciding(rules, stay, effect):
        if rule.limit_ms is None:
            continue
        if as_of - start >= rule.limit_ms:
            broken.setdefault(rule.kind, Broken(policy, rule, start))
        else:
            due = start + rule.limit_ms if due is None else min(due, start + rule.limit_ms)
    return broken, due


def _deciding(rules: StayRules, stay: Stay, effect: Effect) -> Iterator[tuple[StayPolicy, StayRule, int]]:
    decided: StayPolicy | None = None
    for policy, rule in rules.named(stay.since):
        in_effect = None if policy is decided else effect(rule)
        if in_effect is not None:
            decided = policy
            yield policy, rule, max(stay.since[rule.rule_id], in_effect)
