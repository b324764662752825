"""One series of values of a cell under watch: raised when a score is high, cleared when it was quiet for a while."""

from dataclasses import dataclass

from schemas.alerts import SEVERITIES, Severity
from streams.incidents.anomaly.contract import Score


@dataclass(frozen=True, slots=True)
class Rule:
    """When to raise and to clear.

    raise_at    score from which on an alert is raised (warning)
    quiet_ms    event time without such a score after which it is cleared
    """

    raise_at: float = 0.5
    quiet_ms: int = 1_800_000

    def severity(self, score: float) -> Severity | None:
        """Return how bad a score is; no statistic makes an alert critical."""
        if score < self.raise_at:
            return None
        half_way = (self.raise_at + 1) / 2
        return "major" if score >= 1 else "minor" if score >= half_way else "warning"


@dataclass(frozen=True, slots=True)
class Watch:
    """An open alert's severity (None: there is none), and when the newest score came that would raise one."""

    severity: Severity | None = None
    loud_at: int = 0


def step(watch: Watch, score: Score, at_ms: int, rule: Rule) -> Watch:
    """Return the watch after a score at event time `at_ms`. Severity may rise while open, and does not fall."""
    found = rule.severity(score.score)
    if found is not None:
        worst = found if watch.severity is None else max(found, watch.severity, key=SEVERITIES.index)
        return Watch(worst, at_ms)
    return over(watch, at_ms, rule)


def over(watch: Watch, at_ms: int, rule: Rule) -> Watch:
    """Return the watch at an event time at which nothing new was seen."""
    return watch if watch.severity is None or at_ms - watch.loud_at < rule.quiet_ms else Watch()
