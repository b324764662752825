r"""Oversaturation of one cell: occupancy against capacity, with hysteresis and a minimum duration.

occupancy               ________
raise_at    - - - - - -/- - - - \ - - - - - -
                      /|   |     \
clear_below - - - - -/ | - | - - -\ - - - - -
                    /  |   |=alert=\
                  since^   ^raised ^cleared
                       |-->| min_duration
"""

from dataclasses import dataclass, replace

from schemas.alerts import SEVERITIES, Severity
from streams.incidents.policy import Rule

STICKS = 0.9
"""A severity that was reached from a ratio on stays until the ratio is below this share of it."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What is remembered of a cell: since when it is at or over the threshold, and the open alert's severity.

    `since` and `severity` are None where nothing is the matter.
    """

    since: int | None = None
    severity: Severity | None = None

    @property
    def quiet(self) -> bool:
        """Nothing is the matter."""
        return self.since is None and self.severity is None

    @property
    def as_text(self) -> str:
        """For people."""
        return "quiet" if self.quiet else "waiting" if self.severity is None else f"active {self.severity}"


QUIET = Watch()


def step(watch: Watch, occupancy: int, as_of: int, rule: Rule) -> Watch:
    """Return the watch after the cell was seen with `occupancy` at event time `as_of` (milliseconds).

    An alert is open while `severity` is set. It rises at once, and falls where a ninth more would be less severe too.
    """
    if watch.severity is not None:
        if occupancy < rule.clear_below:
            return QUIET
        found, kept = severity(occupancy, rule), severity(occupancy / STICKS, rule)
        return replace(watch, severity=settle(watch.severity, found, kept))
    if occupancy < rule.raise_at:
        return QUIET
    since = as_of if watch.since is None else watch.since
    if as_of - since >= rule.min_duration_ms:
        return Watch(since, severity(occupancy, rule))
    return Watch(since)


def settle(before: Severity, found: Severity, kept: Severity) -> Severity:
    """Return the severity of an open alert after a look that finds `found`, and may keep `kept` (as bad, or worse)."""
    return max(found, min(before, kept, key=SEVERITIES.index), key=SEVERITIES.index)


def severity(occupancy: float, rule: Rule) -> Severity:
    """Return how bad it is: minor from the threshold on, major from 1.5 times, critical from twice the threshold."""
    ratio = occupancy / rule.raise_at
    if ratio >= 2:
        return "critical"
    return "major" if ratio >= 1.5 else "minor"
