"""Outlines of areas and of cells in GeoJSON (RFC 7946: WGS-84 degrees, longitude first)."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape

from streams.fold.contract import Rows

District = Callable[[float, float], str | None]
"""Return the district of (lat, lon), or None outside all districts."""
Geometry = Callable[[int], dict[str, Any]]
"""Return the ub.cell_geometry row of a cell (H3 index): hex, resolution, lat, lon, boundary as JSON text."""


def no_district(_lat: float, _lon: float) -> None:
    """Be outside: of a city that has no file of districts."""


POLYGONS = ("Polygon", "MultiPolygon")
"""Types of a geometry that is an area."""
_NOT_FINITE = "a coordinate is NaN or infinite; numbers are expected"


def drawn(geometry: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return an area as its outline has it, and repaired: each part where it crosses itself, and all parts together.

    Parts of a MultiPolygon may overlap or lie within each other, as in the example of GBFS: a position is in the area
    if it is in any of them. ValueError where it is no geometry.
    """
    try:
        with np.errstate(invalid="ignore"):  # a warning would say nothing to who wrote the file
            area = shape(geometry)
        if not np.isfinite(shapely.get_coordinates(area)).all():  # Python's JSON knows NaN and Infinity
            raise ValueError(_NOT_FINITE)
        return area, area if area.is_valid else shapely.union_all(
            [mended(one) for one in shapely.get_parts(area)]
        )
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        OverflowError,
        shapely.errors.ShapelyError,
    ) as error:
        # NaN equals nothing: of a ring that begins with it shapely says that it is not closed
        why = error if _finite(geometry.get("coordinates"), 4) else _NOT_FINITE
        raise ValueError(
            f"geometry cannot be read ({why}); rings of [longitude, latitude] are expected (RFC 7946, 3.1.6)"
        ) from None


def _finite(coordinates: object, depth: int) -> bool:
    """Return whether all numbers in lists of lists are finite; `depth` is that of a MultiPolygon's numbers."""
    if isinstance(coordinates, list | tuple):
        return depth == 0 or all(_finite(one, depth - 1) for one in coordinates)
    return not isinstance(coordinates, float) or math.isfinite(coordinates)


def is_on_earth(area: Any) -> bool:
    """Return whether all of an area lies within -180 to 180 degrees of longitude and -90 to 90 of latitude."""
    west, south, east, north = area.bounds
    return all(map(math.isfinite, area.bounds)) and max(-west, east) <= 180 and max(-south, north) <= 90


def mended(part: Any) -> Any:
    """Return a polygon that does not cross itself; of what a repair leaves, as lines and points, polygons alone."""
    if part.is_valid:
        return part
    left = shapely.get_parts(shapely.make_valid(part))
    return shapely.union_all([one for one in left if one.geom_type in POLYGONS])


def of_cells(cells: Iterable[str], geometry: Geometry) -> list[Rows]:
    """Return the rows of ub.cell_geometry of cells (hex strings); none where there are none."""
    found = [geometry(int(cell, 16)) for cell in cells]
    return (
        [Rows("cell_geometry", {name: [cell[name] for cell in found] for name in found[0]})] if found else []
    )
