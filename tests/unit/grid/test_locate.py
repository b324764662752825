"""Geometry of cells, as tables and maps show it."""

import time

import h3
import pytest
import shapely
from shapely.affinity import translate
from shapely.geometry import mapping, shape

from streams.grid import locate

SHANGHAI = (31.2335, 121.4765)


def cell_at(lat: float, lon: float, resolution: int = 9) -> int:
    [cell] = locate.Locator(resolution, 2).cells([lat], [lon])
    return cell


def test_a_cell_is_the_same_as_a_number_and_as_text() -> None:
    cell = cell_at(*SHANGHAI)
    assert locate.to_hex(cell) == h3.latlng_to_cell(*SHANGHAI, 9)
    assert locate.from_hex(locate.to_hex(cell)) == cell


@pytest.mark.parametrize(
    "text",
    [
        *("8930994A553FFFF", "0x8930994a553ffff", "+8930994a553ffff", "08930994a553ffff", "8930994a_553ffff"),
        *(" 8930994a553ffff", "8930994a553ffff ", "8930994a553ffff\n", "8930994a553fff", "8930994a553ffffe"),
        *("x8930994a553fff", "\uff188930994a553fff", "ffffffffffffffff", "000000000000000", ""),
    ],
)
def test_a_cell_is_written_in_one_way_only(text: str) -> None:
    assert locate.is_cell("8930994a553ffff")
    assert not locate.is_cell(text)


def test_the_region_is_the_parent_of_the_configured_resolution() -> None:
    cell = cell_at(*SHANGHAI)
    assert locate.Locator(9, 2).region(cell) == h3.cell_to_parent(locate.to_hex(cell), 2)
    assert locate.Locator(9, 0).region(cell) == h3.cell_to_parent(locate.to_hex(cell), 0)


def test_the_outline_is_a_valid_closed_ring_around_the_centre() -> None:
    cell = cell_at(*SHANGHAI)
    area = shape(locate.boundary_geojson(cell))
    lat, lon = locate.centre(cell)
    assert area.is_valid
    assert area.contains(shapely.Point(lon, lat))
    assert len(locate.boundary_geojson(cell)["coordinates"][0]) == 7


@pytest.mark.parametrize(("lat", "lon"), [(0.0, 180.0), (66.0, -179.999), (-45.0, 179.999)])
def test_the_outline_of_a_cell_on_the_antimeridian_is_cut_there(lat: float, lon: float) -> None:
    cell = cell_at(lat, lon, 5)
    whole = shape(locate.boundary_in_one_piece(cell))
    assert whole.is_valid
    assert whole.bounds[0] < 180 < whole.bounds[2] < whole.bounds[0] + 2
    boundary = locate.boundary_geojson(cell)
    assert boundary["type"] == "MultiPolygon"
    east, west = shape(boundary).geoms
    assert (east.bounds[2], west.bounds[0]) == (180, -180), "RFC 7946, 3.1.9"
    assert east.exterior.is_ccw
    assert west.exterior.is_ccw
    assert shapely.union_all([east, translate(west, 360)]).symmetric_difference(whole).area < 1e-9


@pytest.mark.parametrize("lat", [90.0, -90.0])
@pytest.mark.parametrize("resolution", range(3, 14))
def test_the_outline_of_the_cell_around_a_pole_has_no_longitude_beyond_180(
    lat: float, resolution: int
) -> None:
    area = shape(locate.boundary_geojson(cell_at(lat, 0.0, resolution)))
    assert area.is_empty or (area.is_valid and -180 <= area.bounds[0] < area.bounds[2] <= 180)


def test_cells_of_a_polygon_are_those_whose_centre_lies_in_it() -> None:
    lat, lon = SHANGHAI
    ring = [[lon + x, lat + y] for x, y in ((0, 0), (0.02, 0), (0.02, 0.02), (0, 0.02), (0, 0))]
    polygon = {"type": "Polygon", "coordinates": [ring]}
    found = locate.cells_in_polygon(polygon, 9)
    area = shape(polygon)
    around = {other for cell in found for other in map(locate.from_hex, h3.grid_disk(locate.to_hex(cell), 2))}
    inside = {cell for cell in around if area.contains(shapely.Point(*reversed(locate.centre(cell))))}
    assert found == inside
    assert len(found) > 20


@pytest.mark.parametrize("pole", [90, -90])
@pytest.mark.parametrize("east", [60, 120, 180])
def test_cells_of_an_area_next_to_a_pole_are_those_whose_centre_lies_in_it(pole: int, east: int) -> None:
    lats = [pole * (1 - degrees / 90) for degrees in (0, 0.01, 0.02, 0.05)]
    area = shapely.box(0, lats[0], east, lats[3]).difference(shapely.box(30, lats[1], 50, lats[2]))
    around = map(locate.from_hex, h3.grid_disk(h3.latlng_to_cell(pole, 0, 9), 30))
    inside = {cell for cell in around if area.contains(shapely.Point(*reversed(locate.centre(cell))))}
    assert locate.cells_in_polygon(mapping(area), 9) == inside
    assert len(inside) > 100


def overlapped_in_part(area: shapely.Geometry, resolution: int) -> set[int]:
    """Return what H3 says of each cell of the box around."""
    both = (
        h3.h3shape_to_cells_experimental(h3.geo_to_h3shape(mapping(area)), resolution, contain=contain)
        for contain in ("overlap", "full")
    )
    touched, whole = (set(map(locate.from_hex, cells)) for cells in both)
    return touched - whole


def diamond(lat: float, lon: float, size: float) -> shapely.Polygon:
    return shapely.Polygon([(lon, lat - size), (lon + size, lat), (lon, lat + size), (lon - size, lat)])


PENTAGON = h3.cell_to_latlng(h3.get_pentagons(9)[3])
WEST, EAST = shapely.box(-360, -90, -180, 90), shapely.box(-180, -90, 180, 90)


@pytest.mark.parametrize("size", [0.0003, 0.004, 0.05])
@pytest.mark.parametrize("place", [SHANGHAI, PENTAGON, (69.6, 18.9)])
def test_cells_on_the_edge_of_a_polygon_are_those_that_lie_in_it_in_part(
    place: tuple[float, float], size: float
) -> None:
    area = diamond(*place, size)
    for one in (area, area.difference(diamond(*place, size / 3))):
        assert locate.cells_on_edge(mapping(one), 9) == overlapped_in_part(one, 9)


@pytest.mark.parametrize("lat", [-17.0, 0.001, 65.0])
def test_an_area_cut_at_the_antimeridian_has_its_edge_on_both_sides(lat: float) -> None:
    whole = diamond(lat, -180.0, 0.01)
    east, west = (
        whole.intersection(EAST),
        translate(whole.intersection(WEST), 360),
    )
    for area in (east, west, shapely.union_all([east, west])):
        assert locate.cells_on_edge(mapping(area), 9) == overlapped_in_part(area, 9)


def test_the_edge_of_a_thin_strip_of_a_thousand_kilometres_takes_no_time() -> None:
    strip = shapely.Polygon([(116, 28), (123, 34.5), (123.001, 34.5), (116.001, 28)])
    begin = time.process_time()
    assert len(locate.cells_on_edge(mapping(strip), 9)) > 4_000
    assert time.process_time() - begin < 3


@pytest.mark.parametrize(("lat", "lon"), [(0.0, 180.0), (-17.0, 179.999), (65.0, -179.999), SHANGHAI])
def test_the_outline_of_several_cells_is_valid_and_as_large_as_they_are(lat: float, lon: float) -> None:
    cells = h3.grid_disk(h3.latlng_to_cell(lat, lon, 5), 2)
    area = shape({"type": "MultiPolygon", "coordinates": locate.outline(cells)})
    assert area.is_valid
    for polygon in area.geoms:
        west, _, east, _ = polygon.bounds
        assert -180 <= west < east <= 180
        assert east - west < 5
        assert polygon.exterior.is_ccw
    one_by_one = sum(shape(locate.boundary_geojson(locate.from_hex(cell))).area for cell in cells)
    assert area.area == pytest.approx(one_by_one, rel=1e-9)


def test_the_outline_of_cells_apart_has_a_polygon_for_each_whatever_their_resolution() -> None:
    near, far = h3.latlng_to_cell(*SHANGHAI, 9), h3.latlng_to_cell(31.4, 121.4, 8)
    assert len(locate.outline([near, far])) == 2
    assert len(locate.outline([near])) == 1


def test_a_pentagon_has_five_neighbours_and_an_outline_with_them() -> None:
    pentagon = h3.get_pentagons(9)[0]
    around = locate.neighbours(pentagon)
    assert len(around) == len(set(around)) == 6
    assert pentagon in around
    [[ring]] = locate.outline(around)
    assert shape({"type": "Polygon", "coordinates": [ring]}).is_valid


def test_the_coarser_cell_is_the_parent_and_the_coarsest_its_own() -> None:
    cell = h3.latlng_to_cell(*SHANGHAI, 9)
    assert locate.coarser(cell) == h3.cell_to_parent(cell, 8)
    coarsest = h3.latlng_to_cell(*SHANGHAI, 0)
    assert locate.coarser(coarsest) == coarsest


def test_a_cell_lies_in_itself_and_in_its_ancestors_and_in_nothing_else() -> None:
    cell = h3.latlng_to_cell(*SHANGHAI, 9)
    assert all(locate.lies_in(cell, h3.cell_to_parent(cell, resolution)) for resolution in range(10))
    assert not locate.lies_in(cell, h3.cell_to_center_child(cell, 10))
    beside = [
        other for other in h3.grid_disk(h3.cell_to_parent(cell, 8), 1) if other != h3.cell_to_parent(cell, 8)
    ]
    assert not any(locate.lies_in(cell, other) for other in beside)
