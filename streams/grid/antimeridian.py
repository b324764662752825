"""Areas across the antimeridian, cut there as GeoJSON has it (RFC 7946, section 3.1.9)."""

from collections.abc import Sequence

import shapely
from shapely.affinity import translate
from shapely.geometry import polygon

Ring = Sequence[Sequence[float]]
"""Longitude and latitude of each corner, degrees; the last is the first."""

_GLOBE, _BEYOND = shapely.box(-180, -90, 180, 90), shapely.box(180, -90, 540, 90)


def cut(rings: Sequence[Ring]) -> list[list[list[list[float]]]]:
    """Return the polygons of one that has longitudes beyond 180 where it crosses the antimeridian; all as rings.

    The cell around a pole has no outline on that plane: none is returned.
    """
    if max(lon for ring in rings for lon, _ in ring) <= 180:
        return [_lists(rings)]
    area = shapely.Polygon(rings[0], rings[1:])
    if not area.is_valid:
        return []
    sides = [area.intersection(_GLOBE), translate(area.intersection(_BEYOND), -360)]
    parts = [polygon.orient(part) for part in shapely.get_parts(sides) if part.area > 0]
    return [_lists([part.exterior.coords, *(hole.coords for hole in part.interiors)]) for part in parts]


def _lists(rings: Sequence[Ring]) -> list[list[list[float]]]:
    return [[[lon, lat] for lon, lat in ring] for ring in rings]
