"""Where a position lies: the only module that asks H3."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any

import h3
import h3.api.basic_int as h3i
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.affinity import translate
from shapely.geometry import mapping, shape

from streams.grid.antimeridian import cut

_RES0_SPACING = 0.38196601125010500003
"""Distance of hexagons of resolution 0 on a face's plane; the sphere's radius is 1. H3: RES0_U_GNOMONIC."""
_REMEMBERED = 200_000
_CELL = re.compile("[0-9a-f]{15}")
_KM_PER_DEGREE = 111.2
"""Of latitude; of longitude it is less."""


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

    @property
    def lattice(self) -> NDArray[np.float64]:
        """Return the axes of H3's hexagons on the faces of its icosahedron; see streams/fleet/lattice.py."""
        return lattice(self.resolution)

    def _region(self, cell: int) -> str:
        """Return the hex index of the region that `cell` belongs to."""
        return str(h3.cell_to_parent(to_hex(cell), self.region_resolution))


def lattice(resolution: int) -> NDArray[np.float64]:
    """Return (20, 3, 3): of each face two axes, scaled so that hexagons are 1 apart, and its centre as unit vector.

    After H3's `_geoToHex2d`: an axis points from the centre to a corner, turned by asin(sqrt(3/28)) at odd resolutions;
    the distance of hexagons shrinks by the root of 7 with each resolution. The corners are the twelve pentagons.
    """
    lat, lon = np.radians([h3i.cell_to_latlng(cell) for cell in h3i.get_pentagons(0)]).T
    corners = np.stack((np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)), axis=1)
    near = corners @ corners.T > 0.4  # neighbours on the icosahedron: 0.447; others -0.447
    faces = [
        (a, b, c)
        for a, b, c in combinations(range(len(corners)), 3)
        if near[a, b] and near[b, c] and near[a, c]
    ]
    centre = _unit(corners[np.array(faces)].sum(axis=1))
    corner = corners[[first for first, _, _ in faces]]
    along = _unit(corner - (corner * centre).sum(axis=1, keepdims=True) * centre)
    across = np.cross(centre, along)
    turn = math.asin(math.sqrt(3 / 28)) if resolution % 2 else 0.0
    scale = math.sqrt(7) ** resolution / _RES0_SPACING
    first = (along * math.cos(turn) + across * math.sin(turn)) * scale
    second = (across * math.cos(turn) - along * math.sin(turn)) * scale
    return np.stack((first, second, centre), axis=1)


def to_hex(cell: int) -> str:
    """Return the hex string of a cell, as on the wire."""
    return f"{cell:x}"


def from_hex(text: str) -> int:
    """Return the integer of a cell's hex string."""
    return int(text, 16)


def is_cell(text: str) -> bool:
    """Return whether a string is a valid H3 cell as we write it."""
    return _CELL.fullmatch(text) is not None and bool(h3.is_valid_cell(text))


def centre(cell: int) -> tuple[float, float]:
    """Return (lat, lon) of the cell's centre in degrees."""
    lat, lon = h3i.cell_to_latlng(cell)
    return float(lat), float(lon)


@lru_cache(_REMEMBERED)
def rings(cell: str, most: int) -> tuple[tuple[str, ...], ...]:
    """Return the rings 0 to `most` of cells around a cell, hex strings; cells of a ring in order."""
    return tuple(tuple(sorted(h3.grid_ring(cell, k))) for k in range(most + 1))


def boundary_geojson(cell: int) -> dict[str, Any]:
    """Return the cell's outline as GeoJSON: a Polygon, or a MultiPolygon where it crosses the antimeridian."""
    polygons = cut(boundary_in_one_piece(cell)["coordinates"])
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}


def boundary_in_one_piece(cell: int) -> dict[str, Any]:
    """Return the cell's outline as a Polygon (longitude first, ring closed).

    A cell that crosses the antimeridian has longitudes beyond 180, which GeoJSON has not.
    """
    ring = [[lon, lat] for lat, lon in h3i.cell_to_boundary(cell)]
    if max(p[0] for p in ring) - min(p[0] for p in ring) > 180:
        ring = [[lon + 360 if lon < 0 else lon, lat] for lon, lat in ring]
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


def geometry_row(cell: int) -> dict[str, Any]:
    """Return the row of ub.cell_geometry of a cell."""
    lat, lon = centre(cell)
    return {
        "cell": cell,
        "hex": to_hex(cell),
        "resolution": h3i.get_resolution(cell),
        "lat": lat,
        "lon": lon,
        "boundary": json.dumps(boundary_geojson(cell)),
    }


def neighbours(cell: str) -> tuple[str, ...]:
    """Return a cell and the cells that touch it."""
    return tuple(h3.grid_disk(cell, 1))


def coarser(cell: str) -> str:
    """Return the parent of the next coarser resolution; a cell of resolution 0 is its own."""
    return str(h3.cell_to_parent(cell, max(0, h3.get_resolution(cell) - 1)))


def lies_in(cell: str, ancestor: str) -> bool:
    """Return whether a cell is `ancestor` or one of the finer cells in it."""
    resolution = h3.get_resolution(ancestor)
    return bool(h3.get_resolution(cell) >= resolution and h3.cell_to_parent(cell, resolution) == ancestor)


def outline(cells: Iterable[str]) -> list[list[list[list[float]]]]:
    """Return the union of cells as the coordinates of a GeoJSON MultiPolygon: polygons of rings."""
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
            polygons += cut(rings)
    return polygons


def cell_km2(resolution: int) -> float:
    """Return the mean area of a cell."""
    return float(h3.average_hexagon_area(resolution, unit="km^2"))


def cells_in_polygon(polygon: Mapping[str, Any], resolution: int) -> set[int]:
    """Return the cells whose centre lies in a GeoJSON Polygon or MultiPolygon."""
    try:
        found = h3.geo_to_cells(polygon, resolution)
    except h3.H3FailedError:  # wider than some 90 degrees of longitude, and next to a pole
        found = [cell for part in _by_quarter(polygon) for cell in h3.geo_to_cells(part, resolution)]
    return {from_hex(cell) for cell in found}


def _by_quarter(polygon: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a Polygon or MultiPolygon as Polygons, each in one quarter of the globe."""
    area = shape(polygon)
    for west in range(-180, 180, 90):
        for part in shapely.get_parts(area.intersection(shapely.box(west, -90, west + 90, 90))):
            if part.area > 0:
                yield mapping(part)


def cells_on_edge(polygon: Mapping[str, Any], resolution: int) -> set[int]:
    """Return the cells that lie in a GeoJSON Polygon or MultiPolygon in part: its outline runs through them.

    Takes time by the length of the outline: 0.1 s at resolution 9 for a strip of 1,000 km. Those that H3 finds to
    overlap, without those that it finds in it as a whole, are the same but for cells with a hole inside, which H3 takes
    for whole; and it takes time by the box around: 16 s.
    """
    outline = shapely.boundary(shape(polygon))
    # Half an edge from one to the next: a cell between two of them touches the cell of one.
    step = h3.average_hexagon_edge_length(resolution, unit="km") / _KM_PER_DEGREE / 2
    places = shapely.get_coordinates(shapely.segmentize(outline, step)).tolist()
    met = {h3i.latlng_to_cell(lat, lon, resolution) for lon, lat in places}
    near = np.array(sorted({cell for one in met for cell in h3i.grid_disk(one, 1)}), np.uint64)
    rings = [boundary_in_one_piece(cell)["coordinates"][0] for cell in near.tolist()]
    hexagons = shapely.polygons(
        shapely.linearrings(
            np.concatenate(rings), indices=np.repeat(np.arange(len(rings)), [*map(len, rings)])
        )
    )
    # Cells across the antimeridian have longitudes beyond 180; an outline may come to it from the other side.
    crossed = np.zeros(len(rings), np.bool_)
    for one in (outline, translate(outline, 360)):
        shapely.prepare(one)
        crossed |= shapely.intersects(one, hexagons)
    return set(near[crossed].tolist())


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return vectors (n, 3) with length 1."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
