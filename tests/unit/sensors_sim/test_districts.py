import pytest

from sensors_sim.city import city_names, pudong_city, shipped_city
from sensors_sim.districts import Area, Areas, Grid, by_compass

GRID = Grid((1.0,), (5.0,), (("south-west", "south-east"), ("north-west", "north-east")))
WEST = Area("west", ((0.0, 0.0), (2.0, 0.0), (2.0, 1.0), (0.0, 1.0)))
EAST = Area("east", ((0.0, 1.0), (2.0, 1.0), (2.0, 3.0), (0.0, 3.0)))


def test_a_grid_reaches_as_far_as_you_like_and_borders_belong_to_the_north_and_the_east() -> None:
    assert [GRID.of(-80, -170), GRID.of(0.9, 5.0), GRID.of(1.0, 4.9), GRID.of(80, 170)] == list(GRID.names)


def test_a_point_belongs_to_the_polygon_that_holds_it_or_else_to_the_one_with_the_nearest_corner() -> None:
    areas = Areas((WEST, EAST))
    assert [areas.of(1, 0.5), areas.of(1, 2), areas.of(9, -1), areas.of(-1, 9)] == [
        "west",
        "east",
        "west",
        "east",
    ]


def test_a_city_is_divided_by_the_compass_where_its_file_says_nothing() -> None:
    ninths = by_compass((0.0, 3.0), (10.0, 13.0))
    at = [ninths.of(0.5, 10.5), ninths.of(1.5, 11.5), ninths.of(2.5, 12.5), ninths.of(2.5, 10.5)]
    assert at == ["South-West", "Centre", "North-East", "North-West"]


def test_pudong_is_a_grid_of_twenty() -> None:
    districts = pudong_city().districts
    assert len(set(districts.names)) == len(districts.names) == 20
    assert districts.of(31.2, 121.55) == "Beicai"


@pytest.mark.parametrize("name", city_names())
def test_nearly_every_district_of_a_city_that_ships_holds_homes(name: str) -> None:
    city = shipped_city(name)
    lat, lon = city.plane.latlon(city.x, city.y)
    held = {city.districts.of(a, b) for a, b in zip(lat.tolist(), lon.tolist(), strict=True)}
    assert held <= set(city.districts.names)
    assert len(held) >= 0.9 * len(city.districts.names)
