"""One bound of a rule under watch: out of bounds for a while, an alert; within bounds again, it is cleared.

Unlike a cell's capacity a bound has no second threshold to clear at: what is within bounds is no violation.
"""

from dataclasses import replace
from typing import Literal

from schemas.alerts import SEVERITIES, Severity
from streams.incidents.counts.rules import CountRule
from streams.incidents.saturation import Watch

Bound = Literal["too_many", "too_few"]


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


def severity(bound: Bound, count: int, rule: CountRule) -> Severity | None:
    """Return how bad a count is, None within bounds: major from 1.5 times off on, critical from twice.

    Of too many, times the first number that is too many; of too few, the number that was wanted by the one there is.
    """
    if excess(bound, count, rule) <= 0:
        return None
    if bound == "too_many":
        more, less = count, (rule.maximum or 0) + 1
    else:
        more, less = (rule.minimum or 0), count
    if more >= 2 * less:
        return "critical"
    return "major" if more >= 1.5 * less else "minor"


def step(watch: Watch, found: Severity | None, as_of: int, min_duration_ms: int) -> Watch:
    """Return the watch after a look at event time `as_of`. Severity may rise while open, and does not fall."""
    if found is None:
        return Watch()
    if watch.severity is not None:
        return replace(watch, severity=max(found, watch.severity, key=SEVERITIES.index))
    since = as_of if watch.since is None else watch.since
    return Watch(since, found if as_of - since >= min_duration_ms else None)
