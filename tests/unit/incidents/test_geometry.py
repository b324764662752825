"""Outlines: used as they are, repaired where that changes nothing, or refused with the reason."""

from typing import Any

import pytest
import shapely

from streams.incidents.geometry import (
    MOST_CORNERS,
    MOST_SIMPLIFIED_M,
    GeometryError,
    area_of,
    outline_of,
    too_far,
)

SQUARE = [[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0], [0.0, 0.0]]
HOLE = [[1.0, 1.0], [2.0, 1.0], [2.0, 2.0], [1.0, 2.0], [1.0, 1.0]]


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def several(*polygons: Any) -> dict[str, Any]:
    return {"type": "MultiPolygon", "coordinates": list(polygons)}


def square(west: float, south: float, size: float) -> list[list[float]]:
    east, north = west + size, south + size
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


@pytest.mark.parametrize(
    ("geometry", "area"),
    [
        (polygon(SQUARE), 16),
        (polygon(SQUARE[::-1]), 16),
        (polygon(SQUARE, HOLE), 15),
        (several([SQUARE], [square(10, 10, 1)]), 17),
        (several([square(179, 10, 1)], [square(-180, 10, 1)]), 2),
    ],
    ids=["square", "clockwise", "hole", "two", "cut at the antimeridian"],
)
def test_what_is_right_is_used_as_it_is(geometry: dict[str, Any], area: float) -> None:
    found, repaired = area_of(geometry)
    assert (found.area, repaired) == (area, "")


def test_a_ring_that_touches_itself_is_repaired_and_that_is_said() -> None:
    """A notch that is cut to a point: the ring runs through (2, 2) twice."""
    ring = [[0, 0], [4, 0], [4, 4], [2, 2], [0, 4], [0, 3], [2, 2], [0, 2], [0, 0]]
    found, repaired = area_of(polygon(ring))
    assert found.is_valid
    assert repaired.startswith("Ring Self-intersection[2 2]: repaired")


def test_parts_that_share_an_edge_are_one_area_of_the_same_size() -> None:
    found, repaired = area_of(several([square(0, 0, 1)], [square(1, 0, 1)]))
    assert found.area == 2
    assert repaired.endswith(": repaired, the area is the same")


@pytest.mark.parametrize(
    ("geometry", "area", "says"),
    [
        (several([SQUARE], [square(1, 1, 1)]), 16, "Nested shells[1 1]"),
        (several([SQUARE], [square(2, 2, 4)]), 28, "Self-intersection[2 4]"),
        (several([SQUARE], [SQUARE]), 16, ""),
        (several([SQUARE, HOLE], [square(0.5, 0.5, 2)]), 16, ""),
    ],
    ids=["one within the other, as in the example of GBFS", "overlap", "twice the same", "over a hole"],
)
def test_parts_that_overlap_are_taken_together_and_that_is_said(
    geometry: dict[str, Any], area: float, says: str
) -> None:
    found, repaired = area_of(geometry)
    assert found.is_valid
    assert found.area == area
    assert repaired.startswith(says)
    assert repaired.endswith(": its parts overlap, so they are merged")


@pytest.mark.parametrize(
    ("geometry", "says"),
    [
        (polygon([[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]), "Self-intersection[1 1]; correct the outline"),
        (several([SQUARE], [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]), "Self-intersection[1 1]; correct"),
        (polygon(SQUARE, square(10, 10, 1)), "Hole lies outside shell"),
        (polygon([[0, 0], [1, 1], [2, 2], [0, 0]]), "correct"),
        (polygon(square(179, 10, 2)), "cut there into a MultiPolygon (RFC 7946, 3.1.9)"),
        (polygon([[-179, 10], [179, 10], [179, 11], [-179, 11], [-179, 10]]), "runs around the globe"),
        (
            polygon([[-180, -90], [180, -90], [180, -70], [-180, -70], [-180, -90]]),
            "; divide an area around a pole",
        ),
        (
            polygon([[-180, 90], [-180, 70], [0, 65], [180, 70], [180, 90], [-180, 90]]),
            "divide an area around a pole",
        ),
        (polygon(square(121, 91, 1)), "WGS-84 degrees, longitude first, are expected"),
        (
            polygon([[121.51, 31.22], [31.22, 121.53], [121.53, 31.24], [121.51, 31.24], [121.51, 31.22]]),
            "from 31.22, 31.22 to 121.53, 121.53; WGS-84 degrees, longitude first, are expected",
        ),
        (polygon([[0, 0], [float("inf"), 0], [1, 1], [0, 0]]), "geometry cannot be read"),
        (polygon([[0, 0], [10**400, 0], [1, 1], [0, 0]]), "geometry cannot be read (int too large"),
        (polygon([[0, 0], [1, 0, 5], [1, 1], [0, 0]]), "rings of [longitude, latitude] are expected"),
        ({"type": "Polygon", "coordinates": None}, "the outline has no corners; draw the area that is meant"),
    ],
    ids=[
        "bow tie",
        "a bow tie over a square",
        "hole outside",
        "line",
        "beyond 180",
        "around",
        "the south, cut at the antimeridian",
        "the north, cut at the antimeridian",
        "beyond a pole",
        "one corner swapped",
        "infinite",
        "huge",
        "a corner with a height",
        "no coordinates",
    ],
)
def test_what_nobody_can_have_meant_is_refused_with_the_reason(geometry: dict[str, Any], says: str) -> None:
    with pytest.raises(GeometryError) as refused:
        area_of(geometry)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("geometry", "says"),
    [
        (polygon(square(10, 10, 30)), ""),
        (several([square(179, 10, 1)], [square(-180, 10, 1)]), ""),
        (several([SQUARE], [square(100, 10, 1)]), ""),
        (polygon(square(10, 10, 40)), "reaches 5,764 km, from 10, 10 to 50, 50, and 5,000 km are the most"),
        (several([SQUARE], [[[121, 31], [12, 31], [12, 30], [121, 31]]]), "look for a mistyped corner"),
    ],
    ids=["country", "cut at the antimeridian", "far from each other", "continent", "12 for 121"],
)
def test_a_part_that_reaches_further_than_any_zone_is_found(geometry: dict[str, Any], says: str) -> None:
    found = too_far(area_of(geometry)[0])
    assert (found == "") == (says == "")
    assert says in found


@pytest.mark.filterwarnings("error")  # shapely's own would come before the line that names the mistake
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize("corner", range(5))
def test_a_coordinate_that_is_no_number_is_refused_without_a_warning(number: float, corner: int) -> None:
    """NaN equals nothing, so at the first corner of a ring shapely finds that the ring is not closed."""
    broken = [*SQUARE[:corner], [4.0, number], *SQUARE[corner + 1 :]]
    for geometry in (polygon(broken), several([square(10, 10, 1)], [broken])):
        with pytest.raises(GeometryError, match="a coordinate is NaN or infinite; numbers are expected"):
            area_of(geometry)


@pytest.mark.parametrize(
    "geometry",
    [
        polygon(SQUARE[::-1], HOLE),
        several([SQUARE], [square(10, 10, 1)]),
        several([square(179, 10, 1)], [square(-180, 10, 1)]),
    ],
    ids=["hole", "two", "cut at the antimeridian"],
)
def test_an_outline_of_few_corners_is_told_as_it_is_drawn(geometry: dict[str, Any]) -> None:
    area, _ = area_of(geometry)
    told = outline_of(area)
    assert told is not None
    parts = [shapely.Polygon(rings[0], rings[1:]) for rings in told.coordinates]
    assert shapely.union_all(parts).equals(area)
    assert all(part.exterior.is_ccw and not any(hole.is_ccw for hole in part.interiors) for part in parts)


@pytest.mark.parametrize("radius", [0.001, 0.05, 3.0])
def test_an_outline_of_many_corners_is_told_with_fewer_and_hardly_moves(radius: float) -> None:
    area = shapely.Point(121.5, 31.2).buffer(radius, quad_segs=5_000)
    told = outline_of(area)
    assert told is not None
    [[ring]] = told.coordinates
    assert 100 < len(ring) <= MOST_CORNERS
    assert shapely.Polygon(ring).symmetric_difference(area).area < 0.001 * area.area


def test_an_outline_that_cannot_do_with_few_corners_is_not_told() -> None:
    many = shapely.union_all([shapely.box(n / 10, 0, n / 10 + 0.05, 0.05) for n in range(MOST_CORNERS)])
    assert outline_of(many) is None


def test_an_outline_is_not_moved_further_than_is_said() -> None:
    """A comb of 2,000 teeth, each longer than that."""
    tooth, width = 3 * MOST_SIMPLIFIED_M / 111_200, 0.001
    corners = [(n * width, tooth if n % 4 in (1, 2) else 0.0) for n in range(8_000)]
    assert outline_of(shapely.Polygon([*corners, (8, -1), (0, -1)])) is None
