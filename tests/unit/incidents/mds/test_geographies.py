"""Where the alerts of a geography are shown: in the cell in its midst, as H3 and great circles have it."""

import random
from collections.abc import Iterable
from math import asin, atan2, cos, degrees, hypot, radians, sin, sqrt

import h3
import pytest
import shapely

from streams.incidents.mds.geographies import holder, middle
from tests.unit.incidents.stays.zones import CITY

LATITUDES = [0.5, 31.23, -33.9, 52.5, 60.2]


def apart(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Return the distance of two places in degrees of a great circle (haversine)."""
    (a, b), (c, d) = ([radians(degree) for degree in place] for place in (here, there))
    return degrees(2 * asin(sqrt(sin((c - a) / 2) ** 2 + cos(a) * cos(c) * sin((d - b) / 2) ** 2)))


def mean(places: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Return the mean of places as points in space, on the globe again."""
    x = y = z = 0.0
    for lat, lon in places:
        a, b = radians(lat), radians(lon)
        x, y, z = x + cos(a) * cos(b), y + cos(a) * sin(b), z + sin(a)
    return degrees(atan2(z, hypot(x, y))), degrees(atan2(y, x))


@pytest.mark.parametrize("lat", LATITUDES)
@pytest.mark.parametrize("lon", [121.47, 179.999])
def test_of_a_ring_or_a_corner_the_cell_nearest_to_its_mean_is_shown(lat: float, lon: float) -> None:
    """Rounding, and that the globe is no plane, may decide between two that are about as near."""
    chance = random.Random(7)
    for _ in range(20):
        first = h3.latlng_to_cell(lat + chance.uniform(-0.2, 0.2), lon + chance.uniform(-0.2, 0.2), 9)
        there = h3.cell_to_latlng(first)
        k = chance.randint(2, 9)
        ring = h3.grid_ring(first, k)
        corner = [
            cell
            for cell in h3.grid_disk(first, k)
            if h3.cell_to_latlng(cell)[0] < there[0] or cell in h3.grid_ring(first, k)[: 2 * k]
        ]
        for cells in (ring, corner):
            where = {cell: h3.cell_to_latlng(cell) for cell in cells}
            midst = mean(where.values())
            nearest = min(apart(place, midst) for place in where.values())
            found = where[middle(frozenset(cells), CITY)]
            assert apart(found, midst) - nearest < 0.0002, "some twenty metres"


@pytest.mark.parametrize("lat", LATITUDES)
@pytest.mark.parametrize("lon", [121.47, 179.999])
def test_of_an_area_without_a_centre_of_a_cell_the_one_that_holds_its_midst_is_shown(
    lat: float, lon: float
) -> None:
    chance = random.Random(8)
    for _ in range(100):
        west, south = lon + chance.uniform(-0.1, 0.1), lat + chance.uniform(-0.1, 0.1)
        area = shapely.box(
            west, south, west + chance.uniform(0.0005, 0.002), south + chance.uniform(0.0005, 0.002)
        )
        point = area.representative_point()
        assert holder(area, CITY) == h3.latlng_to_cell(point.y, point.x, 9)
