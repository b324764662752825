"""Which zones and rules of a policy lie outside the box of the city (UB_BOUNDS): gateways take no reading there."""

from collections.abc import Callable, Iterator
from typing import Any

import shapely

from streams.bounds import Bounds
from streams.incidents.policy import Policy
from streams.printable import quoted

_NAMED = 5
"""Most of them that the note names: a feed of GBFS may hold the zones of a country."""


def beyond(policy: Policy, bounds: Bounds, centre: Callable[[str], tuple[float, float]]) -> str:
    """Return, for people, which of them have no ground in the box; empty: none.

    `centre` gives the (latitude, longitude) of a cell.
    """
    box = shapely.union_all([shapely.box(*part) for part in _parts(bounds)])
    shapely.prepare(box)
    found = _beyond(policy, box, lambda cell: bounds.holds(*centre(cell)))
    names = list(dict.fromkeys(f"{kind} {quoted(name)}" for kind, name in found))
    if not names:
        return ""
    more = ", …" if names[_NAMED:] else ""
    return (
        f"outside of UB_BOUNDS={bounds}, where gateways take no readings ({len(names):,}): "
        f"{', '.join(names[:_NAMED])}{more}; if that is not meant, look whether longitude comes first (RFC 7946)"
    )


def _parts(bounds: Bounds) -> list[Bounds]:
    """Return a box as several that do not cross the antimeridian."""
    west, south, east, north = bounds
    if west < east:
        return [bounds]
    return [Bounds(west, south, 180.0, north), Bounds(-180.0, south, east, north)]


def _beyond(policy: Policy, box: Any, holds: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    """Yield what they are and their names: twice the same where a rule is on parking and on speed."""
    yield from (("zone", rule.zone) for rule, area in policy.zones if not box.intersects(area))
    for counts in policy.counts:
        yield from (("rule", rule.name) for rule in counts.rules if not box.intersects(rule.area.shape))
    for trips in policy.trips:
        yield from (("rule", rule.name) for rule in trips.rules if not any(map(holds, rule.cells)))
    for several, areas in ((policy.stays, policy.areas), (policy.speeds, policy.speed_areas)):
        within = {area.area_id for area in areas if area.outside or box.intersects(area.shape)}
        for one in several:
            yield from (("rule", rule.name) for rule in one.rules if within.isdisjoint(rule.areas))
