import numpy as np
import pytest

from sensors_sim.city import HOME, METRO, OFFICE, city_names, load_city, pudong_city, shipped_city
from sensors_sim.errors import ScenarioError
from sensors_sim.geo import METRES_PER_DEGREE, Plane, inside
from sensors_sim.tables import Refused


@pytest.mark.parametrize("name", city_names())
def test_every_place_lies_inside_the_outline(name: str) -> None:
    city = shipped_city(name)
    assert inside(city.outline, city.x, city.y).all()


def test_a_fleet_of_the_usual_size_finds_room() -> None:
    city = pudong_city()
    assert city.room.sum() > 25_000
    assert city.room.min() > 0


def test_the_city_has_stations_offices_and_homes() -> None:
    city = pudong_city()
    kinds = np.bincount(city.kind)
    assert kinds[METRO] >= 25
    assert kinds[OFFICE] >= 10
    assert kinds[HOME] >= 100


def test_an_unknown_station_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(ScenarioError, match=r"no metro place 'Atlantis'; there are: .*Century Avenue"):
        pudong_city().place("Atlantis")


def test_an_unknown_city_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(Refused) as caught:
        load_city("pudng")
    assert "no such city; did you mean 'pudong'?" in caught.value.rule


def test_a_city_counts_how_many_bikes_it_has_room_for() -> None:
    assert pudong_city().fleet == 20_000
    assert 7_000 < shipped_city("oslo").fleet < 10_000


def test_the_plane_turns_degrees_into_metres_and_back() -> None:
    plane = Plane(31.21, 121.58)
    x, y = plane.xy(np.array([31.22]), np.array([121.58]))
    assert (x[0], y[0]) == pytest.approx((0.0, 0.01 * METRES_PER_DEGREE))
    lat, lon = plane.latlon(np.array([9_511.0]), np.array([-1_000.0]))
    back_x, back_y = plane.xy(lat, lon)
    assert (back_x[0], back_y[0]) == pytest.approx((9_511.0, -1_000.0), abs=0.1)


@pytest.mark.parametrize("edge", [-180.0, 180.0])
def test_no_place_lies_beyond_the_180th_meridian(edge: float) -> None:
    plane = Plane(-16.82, edge * 0.9999)
    x, _ = plane.xy(np.array([0.0]), np.array([edge]))
    _, lon = plane.latlon(x * [0.5, 1.0, 1.1], np.zeros(3))
    assert lon.tolist() == pytest.approx([edge * 0.99995, edge, edge])
    assert np.abs(lon).max() == 180.0


def test_a_point_in_the_notch_of_a_polygon_is_outside() -> None:
    notched = ((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (2.0, 1.0), (0.0, 4.0))
    x, y = np.array([2.0, 2.0, 1.0, 5.0]), np.array([0.5, 3.0, 2.0, 1.0])
    assert inside(notched, x, y).tolist() == [True, False, True, False]
