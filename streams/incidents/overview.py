"""A policy at a glance: its zones or rules, the cells that each decides about, and which of them overlap."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import shapely

from streams.incidents.counts.hours import DAYS, Hours
from streams.incidents.counts.rules import COUNTED, CountPolicy, CountRule
from streams.incidents.policy import Policy

CellsOf = Callable[[Mapping[str, Any]], frozenset[str]]
"""Return the cells whose centre lies in a GeoJSON geometry."""


@dataclass(frozen=True, slots=True)
class Line:
    """One zone or rule. `shared` are those before it that have cells of it, and how many: first match wins."""

    policy: str
    version: str
    name: str
    bounds: str
    when: str
    what: str
    cells: int
    shared: tuple[tuple[str, int], ...]


def lines(policy: Policy, cells_of: CellsOf) -> Iterator[Line]:
    """Yield a line for each zone, and for each rule of each MDS policy."""
    zones = [(rule, cells_of(shapely.geometry.mapping(area))) for rule, area in policy.zones]
    for number, (rule, cells) in enumerate(zones):
        bounds = (
            f"capacity {rule.capacity} a cell: raised at {rule.raise_at}, cleared below {rule.clear_below}"
        )
        before = [(other.zone, theirs) for other, theirs in zones[:number]]
        when = f"after {rule.min_duration_ms / 1000:g} s"
        yield Line(
            policy.name,
            policy.version,
            rule.zone,
            bounds,
            when,
            "standing",
            len(cells),
            _shared(cells, before),
        )
    for counts in policy.counts:
        for number, counted in enumerate(counts.rules):
            before = [(other.name, other.cells) for other in counts.rules[:number]]
            yield Line(
                counts.name,
                counts.version,
                counted.name,
                _bounds(counted),
                _hours(counted.hours),
                _counted(counts, counted),
                len(counted.cells),
                _shared(counted.cells, before),
            )


def _shared(
    cells: frozenset[str], before: Sequence[tuple[str, frozenset[str]]]
) -> tuple[tuple[str, int], ...]:
    return tuple((name, len(cells & theirs)) for name, theirs in before if cells & theirs)


def _bounds(rule: CountRule) -> str:
    least = "" if rule.minimum is None else f"at least {rule.minimum}"
    most = "" if rule.maximum is None else f"at most {rule.maximum}"
    return ", ".join(filter(None, (least, most))) or "no bounds"


def _hours(hours: Hours) -> str:
    days = "every day" if len(hours.days) == len(DAYS) else " ".join(DAYS[day] for day in sorted(hours.days))
    if (hours.start, hours.end) == (Hours().start, Hours().end):
        return days
    return f"{days} {_clock(hours.start)} to {_clock(hours.end)}"


def _clock(second: int) -> str:
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


def _counted(policy: CountPolicy, rule: CountRule) -> str:
    states = "all states" if rule.states == COUNTED else " ".join(rule.states)
    return f"{states}, {' '.join(sorted(policy.operators)) or 'all operators'}"
