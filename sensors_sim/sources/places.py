"""Places as feeds write them, and what is wrong with those that are none."""

from collections.abc import Sequence
from math import isfinite
from statistics import median

from schemas.limits import NULL_ISLAND_DEG
from sensors_sim.numbers import number
from sensors_sim.sources.contract import BadRow

Place = tuple[float, float]
"""Latitude and longitude, WGS-84 degrees."""

FAR_DEG = 15.0
FEWEST_TO_JUDGE = 10


def place(lat: object, lon: object) -> Place:
    """Return a place. Raises BadRow: none or half of one, no number, beyond the Earth, or a device without a fix."""
    shown = f"{lat},{lon}"
    if lat in (None, "") or lon in (None, ""):
        raise BadRow("coordinates_missing", shown)
    try:
        found = _degrees(lat), _degrees(lon)
    except (TypeError, ValueError, OverflowError):
        raise BadRow("coordinates_unreadable", shown) from None
    if not all(map(isfinite, found)):
        raise BadRow("coordinates_unreadable", shown)
    if abs(found[0]) > 90 or abs(found[1]) > 180 or max(map(abs, found)) < NULL_ISLAND_DEG:
        raise BadRow("coordinates_out_of_range", shown)
    return found


def _degrees(value: object) -> float:
    return number(value) if isinstance(value, str) else float(value)  # type: ignore[arg-type]


def middle(places: Sequence[Place]) -> Place | None:
    """Return the median place of a system, or None where there are too few to tell."""
    if len(places) < FEWEST_TO_JUDGE:
        return None
    return median(lat for lat, _ in places), median(lon for _, lon in places)


def require_near(where: Place, centre: Place | None) -> None:
    """Raise BadRow where a place is FAR_DEG (some 1,500 km) or more from the middle of its system."""
    if centre is None:
        return
    east = abs(where[1] - centre[1])
    if abs(where[0] - centre[0]) >= FAR_DEG or min(east, 360 - east) >= 2 * FAR_DEG:
        raise BadRow(
            "far_from_the_others", f"{where[0]},{where[1]} (the others: {centre[0]:.2f},{centre[1]:.2f})"
        )
