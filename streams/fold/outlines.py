"""Outlines of areas in GeoJSON (RFC 7946: WGS-84 degrees, longitude first)."""

import math
from collections.abc import Mapping
from typing import Any

import shapely
from shapely.geometry import shape

POLYGONS = ("Polygon", "MultiPolygon")
"""Types of a geometry that is an area."""


def drawn(geometry: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return an area as its outline has it, and repaired where that crosses itself.

    Of what a repair leaves only polygons count: lines and points may be among it. ValueError where it is no geometry.
    """
    try:
        area = shape(geometry)
        return area, area if area.is_valid else _polygons(shapely.make_valid(area))
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        OverflowError,
        shapely.errors.ShapelyError,
    ) as error:
        raise ValueError(f"geometry cannot be read ({error})") from None


def is_on_earth(area: Any) -> bool:
    """Return whether all of an area lies within -180 to 180 degrees of longitude and -90 to 90 of latitude."""
    west, south, east, north = area.bounds
    return all(map(math.isfinite, area.bounds)) and max(-west, east) <= 180 and max(-south, north) <= 90


def _polygons(area: Any) -> Any:
    return shapely.union_all([part for part in shapely.get_parts(area) if part.geom_type in POLYGONS])
