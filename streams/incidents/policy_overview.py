"""A policy at a glance: its zones or rules, the cells that each decides about, and which of them overlap."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import shapely

from schemas.vehicles import COUNTED_STATES
from streams.incidents.counts.rules import CountPolicy, CountRule
from streams.incidents.mds.geographies import City, about_cells, too_large
from streams.incidents.mds.hours import DAYS, Hours, clock
from streams.incidents.mds.policy import ALWAYS, MdsPolicy, Span
from streams.incidents.policy import Policy
from streams.incidents.speeds.rules import SpeedRule
from streams.incidents.stays.rules import StayRule
from streams.incidents.trips.rules import TripPolicy, TripRule
from streams.times import to_second


@dataclass(frozen=True, slots=True)
class Line:
    """One zone or rule, with the number of its cells.

    `shared` are those before it that have cells of it, and how many: first match wins.
    """

    policy: str
    version: str
    name: str
    bounds: str
    when: str
    what: str
    cells: str
    shared: tuple[tuple[str, int], ...]


def lines(policy: Policy, city: City) -> Iterator[Line]:
    """Yield a line for each zone, and for each rule of each MDS policy."""
    yield from _of_zones(policy, city)
    for counts in policy.counts:
        yield from _of_counts(counts)
    for trips in policy.trips:
        yield from _of_trips(trips)
    for stays in policy.stays:
        yield from _of_positions(stays, _limit)
    for speeds in policy.speeds:
        yield from _of_positions(speeds, _speed)


def _of_zones(policy: Policy, city: City) -> Iterator[Line]:
    zones = [(rule, *_cells(area, city)) for rule, area in policy.zones]
    for number, (rule, cells, size) in enumerate(zones):
        before = [(other.zone, theirs) for other, theirs, _ in zones[:number]]
        yield Line(
            policy=policy.name,
            version=policy.version,
            name=rule.zone,
            bounds=f"capacity {rule.capacity} a cell: raised at {rule.raise_at}, cleared below {rule.clear_below}",
            when=f"after {rule.min_duration_ms / 1000:g} s",
            what="standing",
            cells=size,
            shared=_shared(cells, before),
        )


def _of_counts(policy: CountPolicy) -> Iterator[Line]:
    for number, rule in enumerate(policy.rules):
        before = [(other.name, other.cells) for other in policy.rules[:number] if other.meets(rule)]
        yield Line(
            policy=policy.name,
            version=policy.version,
            name=rule.name,
            bounds=_bounds(rule),
            when=_dated(policy, _hours(rule.hours)),
            what=_counted(policy, rule),
            cells=_size(rule),
            shared=_shared(rule.cells, before),
        )


def _of_trips(policy: TripPolicy) -> Iterator[Line]:
    for number, rule in enumerate(policy.rules):
        before = [(other.name, other.cells) for other in policy.rules[:number]]
        yield Line(
            policy=policy.name,
            version=policy.version,
            name=rule.name,
            bounds=_a_day(rule),
            when=_dated(policy, "every day"),
            what=_counted(policy, rule),
            cells=f"{len(rule.cells)}",
            shared=_shared(rule.cells, before),
        )


def _of_positions[R: (StayRule, SpeedRule)](
    policy: MdsPolicy[R], bounds: Callable[[R], str]
) -> Iterator[Line]:
    for number, rule in enumerate(policy.rules):
        before = [(other.name, other.areas) for other in policy.rules[:number]]
        yield Line(
            policy=policy.name,
            version=policy.version,
            name=rule.name,
            bounds=bounds(rule),
            when=_dated(policy, _hours(rule.hours), rule.dates),
            what=_who(policy, rule),
            cells="by position",
            shared=_shared(rule.areas, before),
        )


def _limit(rule: StayRule) -> str:
    if rule.limit_ms is None:
        return "for good"
    return f"{rule.kind.replace('_', ' ')}: at most {rule.limit_ms / 1000:g} s in {rule.zone}"


def _speed(rule: SpeedRule) -> str:
    if rule.limit_kmh is None:
        return "at any speed"
    return f"speeding: at most {rule.limit_kmh:.4g} km/h in {rule.zone}"


def _who[R: (StayRule, SpeedRule)](policy: MdsPolicy[R], rule: R) -> str:
    types, operators = sorted(rule.vehicle_types), sorted(policy.operators)
    return (
        f"{' '.join(rule.states)}, {' '.join(types) or 'all types'}, {' '.join(operators) or 'all operators'}"
    )


def _cells(area: Any, city: City) -> tuple[frozenset[str], str]:
    """Return the cells of an area and how many there are; none where they are too many to list."""
    about = about_cells(area, city)
    if too_large(area, about, city):
        return frozenset(), f"some {about:,}, not compared"
    cells = city.cells(shapely.geometry.mapping(area))
    return cells, f"{len(cells)}"


def _size(rule: CountRule) -> str:
    """Return how many cells lie in a rule's geographies as a whole, in how many positions decide, and if by type."""
    by_type = ", by type" if rule.vehicle_types else ""
    if not rule.edge:
        return f"{len(rule.cells)}{by_type}"
    return f"{len(rule.cells - rule.edge)}, and {len(rule.edge)} by position{by_type}"


def _shared(own: frozenset[str], before: Sequence[tuple[str, frozenset[str]]]) -> tuple[tuple[str, int], ...]:
    """Return who has some of one's own cells or areas, and how many."""
    return tuple((name, len(own & theirs)) for name, theirs in before if own & theirs)


def _bounds(rule: CountRule) -> str:
    least = "" if rule.minimum is None else f"at least {rule.minimum}"
    most = "" if rule.maximum is None else f"at most {rule.maximum}"
    units = {"devices": "", "percent": " % of the operator's", "utilization": " % on a trip"}[rule.units]
    return ", ".join(f"{one}{units}" for one in (least, most) if one) or "no bounds"


def _a_day(rule: TripRule) -> str:
    least = "" if rule.minimum is None else f"at least {rule.minimum:g}"
    most = "" if rule.maximum is None else f"at most {rule.maximum:g}"
    return f"{', '.join(filter(None, (least, most)))} trips a vehicle and day"


def _hours(hours: Hours) -> str:
    days = "every day" if len(hours.days) == len(DAYS) else " ".join(DAYS[day] for day in sorted(hours.days))
    if (hours.start, hours.end) == (Hours().start, Hours().end):
        return days
    return f"{days} {clock(hours.start)} to {clock(hours.end)}"


def _dated[R](policy: MdsPolicy[R], hours: str, own: Span = ALWAYS) -> str:
    """Add to a rule's hours from when and until when it is judged, by its policy's dates and its own."""
    begin, ends = max(policy.begin, own.begin), [end for end in (policy.end, own.end) if end is not None]
    dates = [f"from {to_second(begin)}Z" if begin else "", f"until {to_second(min(ends))}Z" if ends else ""]
    return " ".join(filter(None, (hours, *dates)))


def _counted(policy: CountPolicy | TripPolicy, rule: CountRule | TripRule) -> str:
    states = "all states" if rule.states == COUNTED_STATES else " ".join(rule.states)
    types = " ".join(sorted(rule.vehicle_types)) if isinstance(rule, CountRule) else ""
    operators = " ".join(sorted(policy.operators)) or "all operators"
    return ", ".join(filter(None, (states, types, operators)))
