"""One bound of a rule under watch: out of bounds for a while, an alert; within bounds again, it is cleared.

Unlike a cell's capacity a bound has no second threshold to clear at: what is within bounds is no violation.
"""

from dataclasses import dataclass, replace
from typing import Literal

from schemas.alerts import Severity
from streams.incidents.counts.rules import CountRule
from streams.incidents.saturation import STICKS, Watch, settle

Bound = Literal["too_many", "too_few"]


@dataclass(frozen=True, slots=True)
class Found:
    """How bad a count is, and how bad an alert may stay that was worse before."""

    severity: Severity
    kept: Severity


def bound_of(name: str) -> Bound:
    """Return the bound of this name: alerts have it as their kind, and a checkpoint in the names of its parts."""
    return "too_many" if name == "too_many" else "too_few"


def bounds(rule: CountRule) -> tuple[Bound, ...]:
    """Return which bounds a rule has."""
    found: list[Bound] = []
    if rule.maximum is not None:
        found.append("too_many")
    if rule.minimum is not None:
        found.append("too_few")
    return tuple(found)


def excess(bound: Bound, count: int, rule: CountRule) -> int:
    """Return by how many vehicles a count is out of bounds; 0 or less: it is within."""
    if bound == "too_many":
        assert rule.maximum is not None
        return count - rule.maximum
    assert rule.minimum is not None
    return rule.minimum - count


def severity(bound: Bound, count: int, rule: CountRule) -> Found | None:
    """Return how bad a count is, None within bounds.

    By their ratio to the first number that is too many; of too few, by that of the number wanted to the one there is.
    """
    if excess(bound, count, rule) <= 0:
        return None
    if bound == "too_many":
        more, less = count, (rule.maximum or 0) + 1
    else:
        more, less = (rule.minimum or 0), count
    return Found(severity_of(more, less), severity_of(more, STICKS * less))


def severity_of(more: float, less: float) -> Severity:
    """Return how bad it is to be off a bound by this ratio: major from 1.5 times on, critical from twice."""
    if more >= 2 * less:
        return "critical"
    return "major" if more >= 1.5 * less else "minor"


def step(watch: Watch, found: Found | None, as_of: int, min_duration_ms: int) -> Watch:
    """Return the watch after a look at event time `as_of`. Severity rises at once, and falls as saturation's does."""
    if found is None:
        return Watch()
    if watch.severity is not None:
        return replace(watch, severity=settle(watch.severity, found.severity, found.kept))
    since = as_of if watch.since is None else watch.since
    return Watch(since, found.severity if as_of - since >= min_duration_ms else None)
