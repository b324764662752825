"""Where a position lies: the only module that asks H3.

A cell's *disc* is the largest circle around its centre that surely lies inside the cell. A position in
the disc of the cell where its vehicle stood needs no H3 call: that is what makes parked bikes cheap.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import h3
import h3.api.basic_int as h3i

EARTH_RADIUS_M = 6_371_007.18  # authalic radius, the one H3 uses for its metres
METRES_PER_DEGREE = math.pi / 180 * EARTH_RADIUS_M
Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Disc:
    """Centre in degrees, metres per degree of longitude there, and the radius in metres (0: no disc)."""

    lat: float
    lon: float
    lon_m: float
    radius_m: float


class Locator:
    """Cells of one resolution and the regions (coarser parents) that they belong to."""

    def __init__(self, resolution: int, region_resolution: int) -> None:
        self.resolution = resolution
        self.region_resolution = region_resolution

    def cells(self, lat: Sequence[float], lon: Sequence[float]) -> list[int]:
        """Return the H3 index of each position; degrees in, integers out."""
        locate, resolution = h3i.latlng_to_cell, self.resolution
        return [locate(a, b, resolution) for a, b in zip(lat, lon, strict=True)]

    def region(self, cell: int) -> str:
        """Return the hex index of the region that `cell` belongs to."""
        return str(h3.cell_to_parent(to_hex(cell), self.region_resolution))

    def disc(self, cell: int) -> Disc:
        """Return the disc of `cell`: every position in it has that cell, whatever H3 rounds.

        Edges of H3 cells are arcs of great circles (straight in the gnomonic projection in which
        H3 rounds), so the inscribed radius is the least distance of the centre from those arcs.
        Distances inside are later taken on a plane with the centre's scale; the factor below
        covers the error of that, which grows with tan(latitude) x radius / earth radius.
        """
        lat, lon = h3i.cell_to_latlng(cell)
        middle = _unit(lat, lon)
        corners = [_unit(a, b) for a, b in h3i.cell_to_boundary(cell)]
        radius = EARTH_RADIUS_M * min(
            map(_distance_to_arc, repeat(middle), corners, corners[1:] + corners[:1])
        )
        distortion = 2 * abs(math.tan(math.radians(lat))) * radius / EARTH_RADIUS_M
        factor = 0.995 - distortion - (radius / EARTH_RADIUS_M) ** 2
        lon_m = METRES_PER_DEGREE * math.cos(math.radians(lat))
        return Disc(lat, lon, lon_m, radius * factor if factor > 0.5 else 0.0)


def to_hex(cell: int) -> str:
    """Return the hex string of a cell, as on the wire."""
    return f"{cell:x}"


def from_hex(text: str) -> int:
    """Return the integer of a cell's hex string."""
    return int(text, 16)


def centre(cell: int) -> tuple[float, float]:
    """Return (lat, lon) of the cell's centre in degrees."""
    lat, lon = h3i.cell_to_latlng(cell)
    return float(lat), float(lon)


def boundary_geojson(cell: int) -> dict[str, Any]:
    """Return the cell's outline as a GeoJSON Polygon (longitude first, ring closed).

    A cell that crosses the antimeridian has longitudes beyond 180, so that its ring stays in one piece.
    """
    ring = [[lon, lat] for lat, lon in h3i.cell_to_boundary(cell)]
    if max(p[0] for p in ring) - min(p[0] for p in ring) > 180:
        ring = [[lon + 360 if lon < 0 else lon, lat] for lon, lat in ring]
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


def cells_in_polygon(polygon: dict[str, Any], resolution: int) -> set[int]:
    """Return the cells whose centre lies in a GeoJSON Polygon or MultiPolygon."""
    return {from_hex(cell) for cell in h3.geo_to_cells(polygon, resolution)}


def _unit(lat: float, lon: float) -> Vector:
    a, b = math.radians(lat), math.radians(lon)
    return math.cos(a) * math.cos(b), math.cos(a) * math.sin(b), math.sin(a)


def _distance_to_arc(p: Vector, a: Vector, b: Vector) -> float:
    """Return the angle (radians) between p and the great circle through a and b: no more than to the arc."""
    x = a[1] * b[2] - a[2] * b[1]
    y = a[2] * b[0] - a[0] * b[2]
    z = a[0] * b[1] - a[1] * b[0]
    length = math.sqrt(x * x + y * y + z * z)
    return 0.0 if length == 0 else abs(math.asin((p[0] * x + p[1] * y + p[2] * z) / length))
