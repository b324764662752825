"""Where a position lies: the only module that asks H3.

A cell's *footprint* is what surely lies inside the cell: a circle around its centre, and a polygon a
little smaller than its outline. A position in the footprint of the cell where its vehicle was last needs
no H3 call: that is what makes parked bikes cheap.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

import h3
import h3.api.basic_int as h3i
import numpy as np
from numpy.typing import NDArray

EARTH_RADIUS_M = 6_371_007.18  # authalic radius, the one H3 uses for its metres
METRES_PER_DEGREE = math.pi / 180 * EARTH_RADIUS_M


SIDES = 6
_REMEMBERED = 200_000


@dataclass(frozen=True, slots=True)
class Footprints:
    """Of n cells, degrees and metres.

    circle  (n, 4): latitude and longitude of the centre, metres per degree of longitude there, square of the radius
    edges   (n, 3, SIDES): half-planes a, b, c; (x, y) in metres from the centre is on the inner side if a x + b y < c
    """

    circle: NDArray[np.float64]
    edges: NDArray[np.float64]


class Locator:
    """Cells of one resolution and the regions (coarser parents) that they belong to."""

    def __init__(self, resolution: int, region_resolution: int) -> None:
        self.resolution = resolution
        self.region_resolution = region_resolution
        # Every partition of a worker meets the same cells.
        self.region = lru_cache(_REMEMBERED)(self._region)

    def cells(self, lat: Sequence[float], lon: Sequence[float]) -> list[int]:
        """Return the H3 index of each position; degrees in, integers out."""
        locate, resolution = h3i.latlng_to_cell, self.resolution
        return [locate(a, b, resolution) for a, b in zip(lat, lon, strict=True)]

    def footprints(self, cells: Sequence[int]) -> Footprints:
        """Return the footprints of cells."""
        return footprints(cells)

    def _region(self, cell: int) -> str:
        """Return the hex index of the region that `cell` belongs to."""
        return str(h3.cell_to_parent(to_hex(cell), self.region_resolution))


def footprints(cells: Sequence[int]) -> Footprints:
    """Return the footprint of each cell: every position in it has that cell, whatever H3 rounds.

    Edges of H3 cells are arcs of great circles (straight in the gnomonic projection in which H3
    rounds). Here they are straight lines on a plane with the centre's scale; `margin` covers the
    error of that, which grows with tan(latitude) x radius / earth radius. A cell with more than six
    edges (it crosses an edge of the icosahedron) or too near a pole has no footprint.
    """
    lat, lon = np.array([h3i.cell_to_latlng(cell) for cell in cells]).T
    outlines = [h3i.cell_to_boundary(cell) for cell in cells]
    # A pentagon's last corner stands for the one it lacks: an edge of no length, which holds everything.
    six = (line if len(line) == SIDES else (*line, line[-1])[:SIDES] for line in outlines)
    numbers = chain.from_iterable(chain.from_iterable(six))
    corners = np.fromiter(numbers, np.float64, 2 * SIDES * len(cells)).reshape(-1, SIDES, 2)
    lon_m = METRES_PER_DEGREE * np.cos(np.radians(lat))
    x = _turn(corners[:, :, 1] - lon[:, None]) * lon_m[:, None]
    y = (corners[:, :, 0] - lat[:, None]) * METRES_PER_DEGREE
    reach = np.hypot(x, y).max(axis=1)
    distortion = 2 * np.abs(np.tan(np.radians(lat))) * reach / EARTH_RADIUS_M
    margin = 0.002 + distortion + (reach / EARTH_RADIUS_M) ** 2
    dx, dy = np.roll(x, -1, axis=1) - x, np.roll(y, -1, axis=1) - y
    length = np.hypot(dx, dy)
    real = length > 0
    a, b = (np.divide(d, length, out=np.zeros_like(d), where=real) for d in (dy, -dx))
    # Corners run counter-clockwise: inside is to the left.
    c = np.where(real, a * x + b * y - (margin * reach)[:, None], np.inf)
    none = np.array([len(line) > SIDES for line in outlines]) | (margin > 0.1)
    a[none], b[none], c[none] = 0.0, 0.0, -1.0
    radius = np.maximum(0.0, c.min(axis=1))
    return Footprints(np.stack((lat, lon, lon_m, radius**2), axis=1), np.stack((a, b, c), axis=1))


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


def neighbours(cell: str) -> tuple[str, ...]:
    """Return a cell and the cells that touch it."""
    return tuple(h3.grid_disk(cell, 1))


def coarser(cell: str) -> str:
    """Return the parent of the next coarser resolution; a cell of resolution 0 is its own."""
    return str(h3.cell_to_parent(cell, max(0, h3.get_resolution(cell) - 1)))


def outline(cells: Iterable[str]) -> list[list[list[list[float]]]]:
    """Return the union of cells as the coordinates of a GeoJSON MultiPolygon: polygons, rings, longitude and latitude.

    A polygon that crosses the antimeridian has longitudes beyond 180, as boundary_geojson has.
    """
    by_resolution: dict[int, list[str]] = {}
    for cell in sorted(cells):
        by_resolution.setdefault(h3.get_resolution(cell), []).append(cell)
    polygons = []
    for _, same in sorted(by_resolution.items()):
        for polygon in h3.cells_to_geo(same, tight=False)["coordinates"]:
            rings = [[[lon, lat] for lon, lat in ring] for ring in polygon]
            lons = [lon for ring in rings for lon, _ in ring]
            if max(lons) - min(lons) > 180:
                rings = [[[lon + 360 if lon < 0 else lon, lat] for lon, lat in ring] for ring in rings]
            polygons.append(rings)
    return polygons


def cell_km2(resolution: int) -> float:
    """Return the mean area of a cell."""
    return float(h3.average_hexagon_area(resolution, unit="km^2"))


def cells_in_polygon(polygon: Mapping[str, Any], resolution: int) -> set[int]:
    """Return the cells whose centre lies in a GeoJSON Polygon or MultiPolygon."""
    return {from_hex(cell) for cell in h3.geo_to_cells(polygon, resolution)}


def _turn(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return differences of longitudes within -180..180."""
    return (degrees + 180) % 360 - 180
