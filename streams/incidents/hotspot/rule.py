"""When a hot spot is raised, how bad it is, and when it is over."""

from dataclasses import dataclass, field

from schemas.alerts import Severity


@dataclass(frozen=True, slots=True)
class HotSpotRule:
    """When to raise and to clear.

    raise_at   least score (natural logarithm of a likelihood ratio) at which an alert is raised; twice as much while
               little is known of a category (streams/incidents/extremes.py)
    days       an alert of a whole region may come by chance once in so many days, as far as that can be learnt
    least      cells and quarters of an hour with requests that a hot spot has at least
    quiet_ms   event time without new requests that make it one after which it is cleared
    most       categories of a region that are remembered; beyond it those longest silent are forgotten
    zone       time zone (IANA) whose clocks show the hours of the day
    """

    raise_at: float = 20.0
    days: float = 60.0
    least: int = 5
    quiet_ms: int = 7_200_000
    most: int = 1_000
    zone: str = field(default="UTC", repr=False)


def severity_of(score: float, threshold: float) -> Severity:
    """Return how bad a score from the threshold on is: minor from twice, major from four times as much on."""
    if score >= 4 * threshold:
        return "major"
    return "minor" if score >= 2 * threshold else "warning"
