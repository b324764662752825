"""Outlines of zones: GeoJSON (RFC 7946) to areas, repaired where that changes nothing, or refused with the reason."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.polygon import orient
from shapely.validation import explain_validity

from schemas.outline import Outline
from streams.fold.outlines import POLYGONS, drawn, is_on_earth, mended

SAME = 1e-9
"""Share of its area that a repair may change: more, and it is not known what was meant."""
MOST_REACH_KM = 5_000.0
"""Longest diagonal of the box around a zone: no country is as large."""
MOST_CORNERS = 500
"""Of an outline that is told: 12 KB in every event of an alert."""
MOST_SIMPLIFIED_M = 1_000.0
EARTH_KM = 6_371.0
HALF_WAY = 180.0
"""The antimeridian, degrees: RFC 7946 has areas across it cut there."""
_POLE = 90.0
_HAIR = 1e-9
"""Degrees, less than a millimetre."""
_METRES_PER_DEGREE = 111_200.0
"""Of latitude; of longitude it is less."""
_DECIMALS = 6
"""Of a degree: a tenth of a metre."""


class GeometryError(ValueError):
    """An outline that cannot be used; the text says what is wrong and what to do."""


def area_of(geometry: Mapping[str, Any]) -> tuple[Any, str]:
    """Return the area of a Polygon or MultiPolygon, and what was repaired (nothing: an empty text).

    Raises GeometryError.
    """
    if geometry.get("type") not in POLYGONS:
        raise GeometryError(
            f"geometry {geometry.get('type')!r}; Polygon or MultiPolygon is expected: draw the area that is meant"
        )
    try:
        area, repaired = drawn(geometry)
    except ValueError as error:
        raise GeometryError(str(error)) from None
    if area.is_empty:
        raise GeometryError("the outline has no corners; draw the area that is meant")
    _check_earth(area)  # first: one corner that is swapped makes the outline cross itself, too
    faulty = [part for part in shapely.get_parts(area) if not part.is_valid]
    for part in faulty:
        if not abs(mended(part).area - part.area) <= SAME * part.area:
            raise GeometryError(f"{explain_validity(part)}; correct the outline")
    _check_extent(repaired)
    shapely.prepare(repaired)
    if area.is_valid:
        return repaired, ""
    apart = abs(repaired.area - area.area) <= SAME * area.area
    done = "repaired, the area is the same" if apart else "its parts overlap, so they are merged"
    return repaired, f"{explain_validity(area)}: {done}"


def holds(
    areas: NDArray[np.object_], lat: NDArray[np.float64], lon: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return which of n positions are each within its area, of n that are prepared.

    The edge of an area is outside, but for the cut along the antimeridian.
    """
    within: NDArray[np.bool_] = shapely.contains_xy(areas, lon, lat)
    on_cut = np.flatnonzero(np.abs(lon) == HALF_WAY)
    if len(on_cut):
        east, west = (
            shapely.contains_xy(areas[on_cut], side, lat[on_cut])
            for side in (HALF_WAY - _HAIR, _HAIR - HALF_WAY)
        )
        within[on_cut] = east & west
    return within


def outline_of(area: Any) -> Outline | None:
    """Return the outline of an area in MOST_CORNERS corners, or None where it cannot do with so few.

    One with more is simplified (Douglas and Peucker, 1973), by no more than it takes, within a factor of two.
    """
    fewer, metres = area, 0.05
    while shapely.get_num_coordinates(fewer) > MOST_CORNERS:
        metres *= 2
        if metres > MOST_SIMPLIFIED_M:
            return None
        fewer = shapely.simplify(area, metres / _METRES_PER_DEGREE)
    parts = map(orient, shapely.get_parts(fewer))
    return Outline(
        "MultiPolygon",
        [[_positions(part.exterior), *map(_positions, part.interiors)] for part in parts],
    )


def too_far(area: Any, most_km: float = MOST_REACH_KM) -> str:
    """Return what is wrong with an area of which a part reaches further than that; empty: nothing."""
    for part in shapely.get_parts(area):
        west, south, east, north = part.bounds
        reach = _distance_km(west, south, east, north)
        if reach > most_km:
            return (
                f"reaches {reach:,.0f} km, from {west:g}, {south:g} to {east:g}, {north:g}, "
                f"and {most_km:,.0f} km are the most; look for a mistyped corner, or divide it"
            )
    return ""


def _positions(ring: Any) -> list[list[float]]:
    return [[round(lon, _DECIMALS), round(lat, _DECIMALS)] for lon, lat in ring.coords]


def _distance_km(west: float, south: float, east: float, north: float) -> float:
    """Return the great-circle distance of two corners (haversine: R. W. Sinnott, 1984)."""
    low, high, half = math.radians(south), math.radians(north), math.radians(east - west) / 2
    share = math.sin((high - low) / 2) ** 2 + math.cos(low) * math.cos(high) * math.sin(half) ** 2
    return 2 * EARTH_KM * math.asin(math.sqrt(min(share, 1.0)))


def _check_earth(area: Any) -> None:
    west, south, east, north = area.bounds
    if not is_on_earth(area):
        raise GeometryError(
            f"the outline reaches from {west:g}, {south:g} to {east:g}, {north:g}; WGS-84 degrees, longitude first, "
            "are expected, and an area across the antimeridian is cut there into a MultiPolygon (RFC 7946, 3.1.9)"
        )


def _check_extent(area: Any) -> None:
    if not area.area > 0:
        raise GeometryError("the outline holds no area; correct it")
    for part in shapely.get_parts(area):
        west, south, east, north = part.bounds
        if east - west <= HALF_WAY:
            continue
        advice = "cut an area across the antimeridian there into a MultiPolygon (RFC 7946, 3.1.9)"
        if max(-south, north) == _POLE:
            advice = f"divide an area around a pole into several of at most {HALF_WAY:g} degrees of longitude"
        raise GeometryError(
            f"the outline runs around the globe from longitude {west:g} to {east:g}; {advice}"
        )
