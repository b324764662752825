"""Districts of a city: every point of it lies in one of them."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sensors_sim.geo import inside

Corner = tuple[float, float]
"""Latitude and longitude."""


class Districts(Protocol):
    """Named parts of a city. The outer ones reach as far as you like."""

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        ...

    def of(self, lat: float, lon: float) -> str:
        """Return the name of the district of a point."""
        ...


@dataclass(frozen=True, slots=True)
class Grid:
    """Rectangles. Borders ascend; `rows` go from south to north, each from west to east."""

    latitudes: tuple[float, ...]
    longitudes: tuple[float, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """From south to north, then from west to east."""
        return tuple(name for row in self.rows for name in row)

    def of(self, lat: float, lon: float) -> str:
        """Return the name of the rectangle; what lies on a border belongs to the north and the east."""
        return self.rows[bisect_right(self.latitudes, lat)][bisect_right(self.longitudes, lon)]


@dataclass(frozen=True, slots=True)
class Area:
    """A polygon with a name."""

    name: str
    outline: tuple[Corner, ...]


@dataclass(frozen=True, slots=True)
class Areas:
    """Polygons. A point in none of them belongs to the one with the nearest corner, in several to the first."""

    areas: tuple[Area, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """In the order of the file."""
        return tuple(area.name for area in self.areas)

    def of(self, lat: float, lon: float) -> str:
        """Return the name of the polygon."""
        at = np.array([lat]), np.array([lon])
        for area in self.areas:
            if inside(area.outline, *at)[0]:
                return area.name
        shrink = np.cos(np.radians(lat))  # a degree of longitude is shorter than one of latitude

        def away(area: Area) -> float:
            corners = np.array(area.outline)
            return float(np.hypot(corners[:, 0] - lat, (corners[:, 1] - lon) * shrink).min())

        return min(self.areas, key=away).name


def by_compass(lat: tuple[float, float], lon: tuple[float, float]) -> Grid:
    """Return nine rectangles over a box from south to north and from west to east, named by the compass."""
    thirds = (1 / 3, 2 / 3)
    return Grid(
        tuple(lat[0] + share * (lat[1] - lat[0]) for share in thirds),
        tuple(lon[0] + share * (lon[1] - lon[0]) for share in thirds),
        (
            ("South-West", "South", "South-East"),
            ("West", "Centre", "East"),
            ("North-West", "North", "North-East"),
        ),
    )
