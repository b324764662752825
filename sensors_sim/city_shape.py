"""Rules for the shapes of a city: what is no outline, what lies outside of it, what is too short for a road."""

from collections.abc import Sequence
from math import cos, radians

import shapely

from sensors_sim.city_plan import LEAST_ROAD_M, box, road_m, within
from sensors_sim.districts import Corner
from sensors_sim.geo import METRES_PER_DEGREE
from sensors_sim.tables import Refused

LEAST_M, MOST_M = 2_000.0, 100_000.0
"""Of the box around a city: less holds no trips, more is no plane."""

AROUND_M = 5_000.0
"""Roads and centres of housing may lie so far outside of that box."""

_SWAPPED = "latitude comes first, then longitude: they are the wrong way round"


def check_outline(key: str, outline: Sequence[Corner]) -> None:
    """Raise Refused if an outline crosses itself, or is too small or too large."""
    corners = tuple(outline)
    (south, north), (west, east) = box(corners)
    if east - west > 180:
        rule = "no city crosses the 180th meridian; leave out what lies on the other side of it"
        raise Refused(key, f"{west:g} to {east:g}", rule)
    across = (east - west) * METRES_PER_DEGREE * cos(radians((south + north) / 2))
    up = (north - south) * METRES_PER_DEGREE
    for name, metres in (("from west to east", across), ("from south to north", up)):
        if not LEAST_M <= metres <= MOST_M:
            rule = f"a city is {LEAST_M / 1000:g} to {MOST_M / 1000:g} km wide; corners are [latitude, longitude]"
            raise Refused(key, f"{metres / 1000:.1f} km {name}", rule)
    check_ring(key, corners)


def check_ring(key: str, corners: Sequence[Corner]) -> None:
    """Raise Refused if a polygon crosses itself, or has no area."""
    polygon = shapely.Polygon(corners)
    if not polygon.is_valid:
        why = shapely.is_valid_reason(polygon)
        raise Refused(key, f"{len(corners)} corners", f"the line must not cross or touch itself ({why})")


def check_inside(key: str, at: Corner, outline: Sequence[Corner]) -> None:
    """Raise Refused if a point lies outside of an outline."""
    corners = tuple(outline)
    if within(corners, at):
        return
    if within(corners, (at[1], at[0])):
        raise Refused(key, list(at), _SWAPPED)
    ring = shapely.LinearRing(corners)
    nearest = ring.interpolate(ring.project(shapely.Point(at)))
    away = road_m((at, (nearest.x, nearest.y)))
    raise Refused(key, list(at), f"it lies outside of the outline of the city, by {away / 1000:.1f} km")


def check_near(key: str, at: Corner, outline: Sequence[Corner]) -> None:
    """Raise Refused if a point lies far outside of the box around an outline."""
    corners = tuple(outline)
    if _is_near(at, corners):
        return
    if _is_near((at[1], at[0]), corners):
        raise Refused(key, list(at), _SWAPPED)
    rule = f"it lies outside of the box around the city's outline by more than {AROUND_M / 1000:g} km"
    raise Refused(key, list(at), rule)


def check_origin(key: str, at: Corner, outline: Sequence[Corner]) -> None:
    """Raise Refused if a point is not amid an outline; it may lie in a bay: the plane is true around it."""
    for axis in (0, 1):
        reach = [corner[axis] for corner in outline]
        if not min(reach) <= at[axis] <= max(reach):
            rule = "it must lie amid the outline of the city: distances are wrong far away from it"
            raise Refused(key, list(at), rule)


def check_road(key: str, line: Sequence[Corner]) -> None:
    """Raise Refused if a road is too short for a segment."""
    metres = road_m(tuple(line))
    if metres < LEAST_ROAD_M:
        raise Refused(key, f"{metres:.0f} m", f"a road is {LEAST_ROAD_M:g} m long at the least")


def _is_near(at: Corner, outline: tuple[Corner, ...]) -> bool:
    (south, north), (west, east) = box(outline)
    up = AROUND_M / METRES_PER_DEGREE
    across = up / cos(radians((south + north) / 2))
    return south - up <= at[0] <= north + up and west - across <= at[1] <= east + across
