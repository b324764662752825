"""Where a position lies: the only module that asks H3.

A cell's *footprint* is what surely lies inside the cell: a circle around its centre, and a polygon a
little smaller than its outline. A position in the footprint of the cell where its vehicle was last needs
no H3 call: that is what makes parked bikes cheap.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import h3
import h3.api.basic_int as h3i

EARTH_RADIUS_M = 6_371_007.18  # authalic radius, the one H3 uses for its metres
METRES_PER_DEGREE = math.pi / 180 * EARTH_RADIUS_M


Edge = tuple[float, float, float]
"""A half-plane: (x, y) in metres from the cell's centre is on its inner side if a x + b y < c."""

SIDES = 6
_REMEMBERED = 200_000
_NOTHING: tuple[Edge, ...] = ((0.0, 0.0, -1.0),) * SIDES
_EVERYTHING: Edge = (0.0, 0.0, math.inf)


@dataclass(frozen=True, slots=True)
class Footprint:
    """Centre in degrees, metres per degree of longitude there, radius of the circle in metres, SIDES edges."""

    lat: float
    lon: float
    lon_m: float
    radius_m: float
    edges: tuple[Edge, ...]


class Locator:
    """Cells of one resolution and the regions (coarser parents) that they belong to."""

    def __init__(self, resolution: int, region_resolution: int) -> None:
        self.resolution = resolution
        self.region_resolution = region_resolution
        # Every partition of a worker meets the same cells.
        self.footprint = lru_cache(_REMEMBERED)(footprint)
        self.region = lru_cache(_REMEMBERED)(self._region)

    def cells(self, lat: Sequence[float], lon: Sequence[float]) -> list[int]:
        """Return the H3 index of each position; degrees in, integers out."""
        locate, resolution = h3i.latlng_to_cell, self.resolution
        return [locate(a, b, resolution) for a, b in zip(lat, lon, strict=True)]

    def _region(self, cell: int) -> str:
        """Return the hex index of the region that `cell` belongs to."""
        return str(h3.cell_to_parent(to_hex(cell), self.region_resolution))


def footprint(cell: int) -> Footprint:
    """Return the footprint of `cell`: every position in it has that cell, whatever H3 rounds.

    Edges of H3 cells are arcs of great circles (straight in the gnomonic projection in which H3
    rounds). Here they are straight lines on a plane with the centre's scale; `margin` covers the
    error of that, which grows with tan(latitude) x radius / earth radius. A cell with more than six
    edges (it crosses an edge of the icosahedron) or too near a pole has no footprint.
    """
    lat, lon = h3i.cell_to_latlng(cell)
    lon_m = METRES_PER_DEGREE * math.cos(math.radians(lat))
    corners = [(_turn(b - lon) * lon_m, (a - lat) * METRES_PER_DEGREE) for a, b in h3i.cell_to_boundary(cell)]
    reach = max(math.hypot(x, y) for x, y in corners)
    distortion = 2 * abs(math.tan(math.radians(lat))) * reach / EARTH_RADIUS_M
    margin = 0.002 + distortion + (reach / EARTH_RADIUS_M) ** 2
    if len(corners) > SIDES or margin > 0.1:
        return Footprint(lat, lon, lon_m, 0.0, _NOTHING)
    edges = [_edge(p, q, margin * reach) for p, q in pairwise((*corners, corners[0]))]
    radius = max(0.0, min(c for _, _, c in edges))
    return Footprint(lat, lon, lon_m, radius, (*edges, *[_EVERYTHING] * (SIDES - len(edges))))


def to_hex(cell: int) -> str:
    """Return the hex string of a cell, as on the wire."""
    return f"{cell:x}"


def from_hex(text: str) -> int:
    """Return the integer of a cell's hex string."""
    return int(text, 16)


def is_cell(text: str) -> bool:
    """Return whether a string is a valid H3 cell as we write it."""
    return bool(h3.is_valid_cell(text)) and text == text.lower()


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


def _turn(degrees: float) -> float:
    """Return a difference of longitudes within -180..180."""
    return (degrees + 180) % 360 - 180


def _edge(p: tuple[float, float], q: tuple[float, float], margin: float) -> Edge:
    """Return the half-plane left of p -> q (corners run counter-clockwise), `margin` metres further in."""
    dx, dy = q[0] - p[0], q[1] - p[1]
    length = math.hypot(dx, dy)
    a, b = dy / length, -dx / length
    return a, b, a * p[0] + b * p[1] - margin
