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


_JUDGED = SEVERITIES[:3]
NEVER = -(1 << 62)


@dataclass(frozen=True, slots=True)
class Watch:
    """An open alert's severity (None: there is none), and when the newest score came that was as bad, by severity.

    `louds` are event times for warning, minor and major: a score counts for all that it reaches.
    """

    severity: Severity | None = None
    louds: tuple[int, ...] = (NEVER,) * len(_JUDGED)


def restored(severity: Severity | None, loud_at: int, louds: tuple[int, ...] | None) -> Watch:
    """Return a watch as it was saved; earlier versions saved the newest score alone."""
    if severity is None:
        return Watch()
    reached = SEVERITIES.index(severity)
    known = tuple(loud_at if number <= reached else NEVER for number in range(len(_JUDGED)))
    return Watch(severity, louds or known)


def step(watch: Watch, score: Score, at_ms: int, rule: Rule) -> Watch:
    """Return the watch after a score at event time `at_ms`: its severity is that of the worst score of `quiet_ms`."""
    found = rule.severity(score.score)
    if found is None:
        return over(watch, at_ms, rule)
    reached = SEVERITIES.index(found)
    louds = tuple(at_ms if number <= reached else loud for number, loud in enumerate(watch.louds))
    return _settled(louds, at_ms, rule)


def over(watch: Watch, at_ms: int, rule: Rule) -> Watch:
    """Return the watch at an event time at which nothing new was seen: its severity falls, or stays.

    It may be an earlier time than the watch has seen: what a region's clock ends is judged as of a day ago.
    """
    if watch.severity is None:
        return watch
    then = _settled(watch.louds, at_ms, rule)
    rose = then.severity and SEVERITIES.index(then.severity) > SEVERITIES.index(watch.severity)
    return watch if rose else then


def _settled(louds: tuple[int, ...], at_ms: int, rule: Rule) -> Watch:
    lasting = [name for name, loud in zip(_JUDGED, louds, strict=True) if at_ms - loud < rule.quiet_ms]
    return Watch(lasting[-1], louds) if lasting else Watch()
