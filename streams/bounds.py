"""The box in which the city lies, as the setting UB_BOUNDS names it.

Its numbers are those of a GeoJSON bbox (RFC 7946, section 5): a west above the east means that it crosses the
antimeridian.
"""

from typing import NamedTuple

from streams.numbers import number

FORM = (
    "west,south,east,north is expected: two longitudes from -180 to 180 and two latitudes from -90 to 90, the south "
    "below the north and the west not the east, such as 120.8,30.6,122.3,31.9"
)


class Bounds(NamedTuple):
    """WGS-84 degrees; the edges belong to it."""

    west: float
    south: float
    east: float
    north: float

    @classmethod
    def parse(cls, text: str) -> "Bounds":
        """Return the box that a text is; ValueError if it is none."""
        try:
            found = cls(*map(number, text.split(",")))
        except (ValueError, TypeError):
            raise ValueError(FORM) from None
        west, south, east, north = found
        in_range = -90 <= south < north <= 90 and -180 <= west <= 180 and -180 <= east <= 180
        if not in_range or west == east or (west, east) == (180, -180):
            raise ValueError(FORM)
        return found

    def __str__(self) -> str:
        return ",".join(f"{degrees:.12g}" for degrees in self)

    def holds(self, lat: float, lon: float) -> bool:
        """Return whether a place lies inside; none that is not on earth does."""
        west, south, east, north = self
        if not south <= lat <= north:
            return False
        if west <= east:
            return west <= lon <= east
        return west <= lon <= 180.0 or -180.0 <= lon <= east


WHOLE_EARTH = Bounds(-180.0, -90.0, 180.0, 90.0)
