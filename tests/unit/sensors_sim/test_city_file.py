"""City files: twenty lines are enough, and every mistake is named."""

import numpy as np
import pytest

from sensors_sim.city import HOME, LEISURE, METRO, OFFICE, City, parse_city
from sensors_sim.errors import ScenarioError
from sensors_sim.geo import inside
from sensors_sim.sensors.roads import network
from sensors_sim.sensors.world import World

NAME = 'name = "Hobart"\n'
ZONE = 'time_zone = "Australia/Hobart"\n'
OUTLINE = "outline = [[-42.85, 147.28], [-42.85, 147.36], [-42.92, 147.36], [-42.92, 147.28]]\n"
STATIONS = """
[[stations]]
name = "Elizabeth Street"
at = [-42.88, 147.33]
size = 1.4

[[stations]]
name = "Moonah"
at = [-42.855, 147.30]

[[stations]]
name = "Sandy Bay"
at = [-42.90, 147.335]
"""
ARM = """
name = "Arm"
time_zone = "Africa/Douala"
outline = [
    [0, 10], [0.05, 10.05], [0.0515, 10.0485], [0.1515, 10.1515], [0.15, 10.153], [0.049, 10.0525], [0, 10.1],
]
stations = [{name = "A", at = [0.149, 10.1495], size = 2}, {name = "B", at = [0.02, 10.05]}]
"""
TOP = NAME + ZONE + OUTLINE
SMALL = TOP + STATIONS


def city(text: str = SMALL) -> City:
    return parse_city(text.encode(), "hobart.toml")


def said(text: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        city(text)
    return str(caught.value)


def test_twenty_lines_make_a_city_with_everything_in_it() -> None:
    assert len(SMALL.splitlines()) <= 20
    small = city()
    kinds = np.bincount(small.kind)
    assert (kinds[METRO], kinds[OFFICE], kinds[LEISURE]) == (3, 2, 1)
    assert kinds[HOME] > 40
    assert inside(small.outline, small.x, small.y).all()
    assert small.names[-3:] == ("Elizabeth Street Offices", "Moonah Offices", "Sandy Bay Park")
    assert len(small.districts.names) == 9
    assert 100 <= small.fleet < 2_000
    roads = network(small)
    assert roads.names == ("North-South Road",) * 2 + ("West-East Road",) * 2
    assert inside(small.outline, roads.x, roads.y).all()
    assert small.climate.swing_c < 0  # January is warm


def test_its_sensors_live() -> None:
    small = city()
    world = World(small, 60, 1_750_000_000_000, 1)
    world.settle(5)
    readings = world.step()
    assert all(np.isfinite(part.value).all() for part in readings)


def test_what_a_file_says_goes_before_what_follows_from_the_outline() -> None:
    said = city(
        "fleet = 700\ncentre = [-42.87, 147.32]\norigin = [-42.9, 147.3]\nclimate = {mean_c = 13}\n"
        + SMALL
        + '[[work_places]]\nname = "Docks"\nat = [-42.88, 147.34]\n'
        + '[[leisure]]\nname = "Domain"\nat = [-42.87, 147.33]\n'
        + '[[roads]]\nname = "Brooker"\nline = [[-42.86, 147.30], [-42.88, 147.33]]\n'
        + "[districts]\nlatitudes = []\nlongitudes = [147.3]\nnames = [['Hill', 'Shore']]\n"
        + "[homes]\nspacing_m = 500\n[[homes.centres]]\nname = 'Moonah'\nat = [-42.855, 147.3]\n"
    )
    usual = city()
    assert (said.fleet, said.centre) == (700, (-42.87, 147.32))
    assert (said.plane.lat0, said.plane.lon0) == (-42.9, 147.3)
    assert (said.climate.mean_c, said.climate.swing_c) == (13, usual.climate.swing_c)
    assert said.names[-2:] == ("Docks", "Domain")
    assert [road.name for road in said.roads] == ["Brooker"]
    assert said.districts.names == ("Hill", "Shore")
    blocks = said.kind == HOME
    assert blocks.sum() > 3 * (usual.kind == HOME).sum()
    assert said.spread[blocks][0] == usual.spread[0] / 2


def test_the_lattice_turns_with_the_streets() -> None:
    turned = city(SMALL + "[homes]\nturn_deg = 30\n")
    blocks = np.flatnonzero(turned.kind == HOME)
    steps = np.degrees(np.arctan2(np.diff(turned.y[blocks]), np.diff(turned.x[blocks])))
    along = np.isclose(steps, 30.0)
    assert along.sum() > len(blocks) / 2
    assert inside(turned.outline, turned.x, turned.y).all()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SMALL.replace("name = \"Hobart\"", ""), "name is missing: a text"),
        (SMALL.replace("time_zone", "timezone"), "timezone = 'Australia/Hobart': there is no such key here; did you"),
        (SMALL.replace("Australia/Hobart", "Australia/Hobrt"), "time_zone = 'Australia/Hobrt': an IANA time zone is"),
        (SMALL.replace("Australia/Hobart", "Australia/Hobrt"), "did you mean 'Australia/Hobart'?"),
        (NAME + ZONE + "outline = [[1, 2], [3, 4]]" + STATIONS, "outline = [[1, 2], [3, 4]]: a list of length >= 3"),
        (SMALL.replace("-42.85, 147.28", "-42.85, 149.28"), "162.9 km from west to east': a city is 2 to 100 km wide"),
        (SMALL.replace("-42.85, 147.36", "-42.93, 147.36"), "outline = '4 corners': the line must not cross or touch"),
        (SMALL.replace("[-42.85, 147.28]", "[147.28, -42.85]"), "outline[0][0] = 147.28: a number <= 75"),
        (SMALL.replace("[-42.88, 147.33]", "[147.33, -42.88]"), "at[0] = 147.33: a number <= 75 is expected"),
        (TOP, "stations is missing: a list"),
        (NAME + ZONE + STATIONS, "outline is missing: a list"),
        ("origin = [0, 0]\n" + SMALL, "origin = [0.0, 0.0]: it must lie amid the outline of the city"),
        (TOP + "stations = []", "stations = []: 2 stations are expected at the least"),
        (TOP + "stations = [{name = 'A', at = [-42.88, 147.33]}]", "2 stations are expected at the least"),
        (SMALL.replace("Moonah", "Sandy Bay"), "stations[2].name = 'Sandy Bay': there is another one of that name"),
        (SMALL.replace("at = [-42.90", "at = [-42.93"), "stations[2].at = [-42.93, 147.335]: it lies outside of the "
                                                        "outline of the city, by 1.1 km"),
        (SMALL.replace("size = 1.4", "size = 14"), "stations[0].size = 14: a number <= 5 is expected"),
        (SMALL.replace("size", "seize"), "stations[0].seize = 1.4: there is no such key here; did you mean 'size'?"),
        ("centre = [-42.8, 147.3]\n" + SMALL, "centre = [-42.8, 147.3]: it lies outside of the outline"),
        (SMALL + "[homes]\nspacing_m = 50", "homes.spacing_m = 50: a number >= 200 is expected"),
        (SMALL + "[homes]\nspacing_m = 5_000", "homes.spacing_m = 5000 makes 3 blocks of homes; 6 are needed"),
        (SMALL + "[[roads]]\nname = 'Lane'\nline = [[-42.86, 147.3], [-42.861, 147.3]]", "roads[0].line = '111 m': a"),
        (SMALL + "[[roads]]\nname = 'Lane'\nkmh = 90\nline = [[-42.86, 147.3], [-42.88, 147.3]]", "roads[0].kmh = 90:"),
        (SMALL + "[districts]\nlatitudes = [2, 1]\nlongitudes = []\nnames = [['a'], ['b'], ['c']]", "borders are"),
        (SMALL + "[districts]\nlatitudes = [1]\nlongitudes = []\nnames = [['a']]", "2 rows of 1 names are expected,"),
        (SMALL + "[[districts]]\nname = 'a'\noutline = [[1, 2]]", "districts[0].outline = [[1, 2]]: a list of"),
        (SMALL + "[climate]\nmean = 9", "climate.mean = 9: there is no such key here; did you mean 'mean_c'?"),
        (SMALL + "[climate]\nmean_c = 35\nswing_c = 30", "climate = {'mean_c': 35.0, 'swing_c': 30.0}: mean_c and "
                                                        "swing_c are 45 degrees together at the most"),
        (SMALL.replace("Australia/Hobart", "localtime"), "time_zone = 'localtime': an IANA time zone is expected"),
        (SMALL.replace("Australia/Hobart", "right/Europe/Oslo"), "time_zone = 'right/Europe/Oslo': an IANA time zone"),
        (SMALL.replace("147.28]]", "-179.9]]"), "outline = '-179.9 to 147.36': no city crosses the 180th meridian; "
                                                "leave out what lies on the other side of it"),
        (SMALL + "[[roads]]\nname = 'Lane'\nline = [[-42.86, 147.3], [-42.86, 147.5]]", "roads[0].line[1] = [-42.86, "
         "147.5]: it lies outside of the box around the city's outline by more than 5 km"),
        (SMALL + "[[homes.centres]]\nname = 'A'\nat = [-42.86, 147.2]", "homes.centres[0].at = [-42.86, 147.2]: it"),
        (SMALL + "[[districts]]\nname = 'a'\noutline = [[-42.8, 147], [-42.9, 147], [-42.9, 147]]",
         "districts[0].outline = '3 corners': the line must not cross or touch itself"),
        (SMALL + "[districts]\nlatitudes = [nan]\nlongitudes = []\nnames = [['a'], ['b']]", "latitudes[0] = nan: a"),
        (SMALL + "[districts]\nlatitudes = []\nlongitudes = [inf]\nnames = [['a', 'b']]", "longitudes[0] = inf: a"),
        (ARM, "centre = [0.149, 10.1495]: no road through it that stays in the outline is 400 m long; name roads, or"),
        ("x = [", "hobart.toml is not TOML: "),
    ],
)  # fmt: skip
def test_a_mistake_is_named(text: str, expected: str) -> None:
    message = said(text)
    assert message.startswith("hobart.toml")
    assert expected in message


def test_a_place_whose_numbers_are_the_wrong_way_round_is_told_so() -> None:
    square = NAME + ZONE + "outline = [[10.0, 10.1], [10.0, 10.5], [10.4, 10.5], [10.4, 10.1]]\n"
    stations = "stations = [{name = 'A', at = [10.2, 10.3]}, {name = 'B', at = [10.45, 10.2]}]\n"
    assert "stations[1].at = [10.45, 10.2]: latitude comes first, then longitude" in said(square + stations)


def test_a_road_or_a_centre_whose_numbers_are_the_wrong_way_round_is_told_so() -> None:
    square = NAME + ZONE + "outline = [[10.0, 50.1], [10.0, 50.5], [10.4, 50.5], [10.4, 50.1]]\n"
    stations = "stations = [{name = 'A', at = [10.2, 50.3]}, {name = 'B', at = [10.35, 50.2]}]\n"
    more = (
        "roads = [{name = 'R', line = [[50.2, 10.2], [10.3, 50.3]]}]\n"
        "homes = {centres = [{name = 'C', at = [50.2, 10.2]}]}\n"
    )
    told = said(square + stations + more)
    assert "roads[0].line[0] = [50.2, 10.2]: latitude comes first, then longitude" in told
    assert "homes.centres[0].at = [50.2, 10.2]: latitude comes first, then longitude" in told


def test_a_road_and_a_centre_may_lie_some_km_outside_of_the_outline() -> None:
    road = "[[roads]]\nname = 'Out'\nline = [[-42.86, 147.3], [-42.86, 147.4]]\n"
    out = city(SMALL + road + "[[homes.centres]]\nname = 'A'\nat = [-42.83, 147.3]\n")
    assert [one.name for one in out.roads] == ["Out"]


def test_a_road_of_a_segment_at_the_border_of_a_city_far_in_the_north_is_one() -> None:
    """401 m where it lies, and less on the plane, whose centre lies in the north."""
    north = city(
        """
        name = "North"
        time_zone = "Europe/Oslo"
        outline = [[69.0, 18.0], [69.0, 19.0], [69.8, 19.0], [69.8, 18.0]]
        stations = [{name = "A", at = [69.4, 18.5]}, {name = "B", at = [69.5, 18.6]}]
        roads = [{name = "Short", line = [[69.0, 18.4], [69.0, 18.41006]]}]
        homes = {spacing_m = 2_000}
        """
    )
    assert len(network(north)) == 2
    assert network(north).length_km.min() > 0.39


def test_of_the_usual_roads_one_that_is_too_short_is_left_out() -> None:
    """The largest station lies on a narrow strip along the shore."""
    strip = city(
        """
        name = "Strip"
        time_zone = "Europe/Oslo"
        outline = [[59.9, 10.6], [59.903, 10.6], [59.903, 10.68], [59.95, 10.68], [59.95, 10.75], [59.9, 10.75]]
        stations = [{name = "A", at = [59.9015, 10.64], size = 2}, {name = "B", at = [59.92, 10.7]}]
        """
    )
    assert [road.name for road in strip.roads] == ["West-East Road"]


def test_all_mistakes_are_named_at_once() -> None:
    text = SMALL.replace("1.4", "14").replace("Australia/Hobart", "Hobart") + "[homes]\nturn_deg = 200"
    lines = said(text).splitlines()
    keys = [line.split(" =")[0].strip() for line in lines[1:]]
    assert lines[0] == "hobart.toml has 3 mistakes:"
    assert keys == ["time_zone", "stations[0].size", "homes.turn_deg"]
