"""cells_equal_h3: the fleet's own geometry never names another cell than H3 does, wherever on Earth.

Positions are drawn around the borders of cells, where it would be wrong first: around random
places, pentagons, the edges of the icosahedron, the poles and the antimeridian.
"""

import h3.api.basic_int as h3i
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from streams.columnar.arrays import Records
from streams.fleet.batch import READING
from streams.fleet.cells import Cells
from streams.fleet.folding import locate
from streams.fleet.vehicles import VEHICLE
from streams.grid.locate import Locator

RESOLUTIONS = (4, 5, 6, 7, 8, 9, 10, 11, 12, 15)
POSITIONS_PER_CELL = 400
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NOBODY = np.zeros(0, VEHICLE)
NOWHERE_YET = np.zeros(0, np.int32)


def noise_around(cell: int, chance: np.random.Generator) -> tuple[Floats, Floats]:
    """Return positions on rays from the cell's centre through its outline, most of them close to the outline."""
    lat, lon = h3i.cell_to_latlng(cell)
    ring = np.array(h3i.cell_to_boundary(cell))
    side = chance.integers(0, len(ring), POSITIONS_PER_CELL)
    along = chance.uniform(0, 1, POSITIONS_PER_CELL)[:, None]
    turned = (ring[:, 1] - lon + 180) % 360 - 180
    offsets = np.column_stack((ring[:, 0] - lat, turned))
    outline = offsets[side] * (1 - along) + offsets[(side + 1) % len(ring)] * along
    far = 1 + chance.normal(0, 0.01, POSITIONS_PER_CELL)[:, None]
    far[::4] = chance.uniform(0, 1.3, (len(far[::4]), 1))
    here = outline * far
    lats = np.clip(lat + here[:, 0], -90, 90)
    return lats, (lon + here[:, 1] + 180) % 360 - 180


class Map:
    """The fleet's way from positions to cells, and back to H3 indexes."""

    def __init__(self, resolution: int) -> None:
        self.resolution = resolution
        self.cells = Cells(Locator(resolution, 2))

    def located(
        self,
        lat: Floats,
        lon: Floats,
        vehicles: Records = NOBODY,
        cell_of_slot: NDArray[np.int32] = NOWHERE_YET,
    ) -> tuple[Ints, NDArray[np.bool_], Records]:
        """Return the cell of each position as H3 index, whether H3 had to be asked, and the readings.

        Where there are vehicles, each position is a reading of one of them.
        """
        readings = np.zeros(len(lat), READING)
        readings["lat"], readings["lon"] = lat, lon
        readings["row"] = np.arange(len(lat)) if len(vehicles) else -1
        asked = locate(readings, vehicles, cell_of_slot, self.cells)
        was_asked = np.zeros(len(lat), np.bool_)
        was_asked[asked] = True
        return self.cells.h3[readings["cell"]], was_asked, readings

    def h3(self, lat: Floats, lon: Floats) -> Ints:
        """Return what H3 says."""
        pairs = zip(lat.tolist(), lon.tolist(), strict=True)
        return np.array([h3i.latlng_to_cell(a, b, self.resolution) for a, b in pairs], np.int64)


def wrong_and_sure(cells: list[int], resolution: int, seed: int) -> tuple[int, int, int]:
    """Return (positions whose cell is not H3's, positions for which H3 was not asked, positions)."""
    chance = np.random.default_rng(seed)
    around_each = [noise_around(cell, chance) for cell in cells]
    lat, lon = (np.concatenate(parts) for parts in zip(*around_each, strict=True))
    here = Map(resolution)
    here.located(lat, lon)  # to get to know the hexagons
    found, asked, readings = here.located(lat, lon)
    told = here.h3(lat, lon)
    wrong = int((found != told).sum())
    # Whoever moves less than `free` stays in the cell.
    vehicles = np.zeros(len(lat), VEHICLE)
    for name in ("lat", "lon", "free"):
        vehicles[name] = readings[name]
    vehicles["slot"] = np.arange(len(lat))
    vehicles["free"][asked] = 0
    way, turn = readings["free"] * chance.uniform(0, 1, len(lat)), chance.uniform(0, 2 * np.pi, len(lat))
    north = np.clip(lat + way * np.sin(turn), -90, 90)
    east = np.clip(lon + way * np.cos(turn), -180, 180)
    moved, _, _ = here.located(north, east, vehicles, readings["cell"].copy())
    wrong += int((moved != here.h3(north, east)).sum())
    return wrong, int((~asked).sum()), len(lat)


def around(cells: list[int], rings: int) -> list[int]:
    """Return the cells and their neighbours."""
    return sorted({other for cell in cells for other in h3i.grid_disk(cell, rings)})


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_cells_equal_h3_at_pentagons(resolution: int) -> None:
    cells = around(sorted(h3i.get_pentagons(resolution)), rings=2)
    wrong, _, positions = wrong_and_sure(cells, resolution, seed=resolution)
    assert positions > 60_000
    assert wrong == 0


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_cells_equal_h3_across_the_edges_of_the_icosahedron(resolution: int) -> None:
    """Cells with more than six corners lie across such an edge."""
    chance = np.random.default_rng(resolution)
    found: list[int] = []
    while len(found) < 8:
        lat, lon = np.degrees(np.arcsin(chance.uniform(-1, 1))), chance.uniform(-180, 180)
        coarse = h3i.latlng_to_cell(float(lat), float(lon), 3)
        crossing = [cell for cell in h3i.grid_disk(coarse, 6) if len(h3i.get_icosahedron_faces(cell)) > 1]
        for cell in crossing[:1]:
            found += [c for c in across(cell, resolution) if len(h3i.get_icosahedron_faces(c)) > 1][:2]
    wrong, _, positions = wrong_and_sure(around(found, rings=2), resolution, seed=resolution)
    assert positions > 30_000
    assert wrong == 0


def across(cell: int, resolution: int) -> list[int]:
    """Return descendants of a cell that lie on more than one face, going down one resolution at a time."""
    cells = [cell]
    for finer in range(h3i.get_resolution(cell) + 1, resolution + 1):
        children = [child for parent in cells[:2] for child in h3i.cell_to_children(parent, finer)]
        on_edge = [child for child in children if len(h3i.get_icosahedron_faces(child)) > 1]
        cells = on_edge or children
    return cells


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_cells_equal_h3_at_the_poles_and_the_antimeridian(resolution: int) -> None:
    places = [
        (90.0, 0.0),
        (-90.0, 0.0),
        (89.9, 17.0),
        (89.0, -120.0),
        (85.0, 60.0),
        (80.0, 30.0),
        (-70.0, 179.9),
    ]
    places += [(lat, lon) for lat in (-45.0, 0.0, 52.0, 66.0, 75.0) for lon in (179.9999, -179.9999)]
    cells = around([h3i.latlng_to_cell(lat, lon, resolution) for lat, lon in places], rings=2)
    wrong, _, _ = wrong_and_sure(cells, resolution, seed=resolution)
    assert wrong == 0


@settings(max_examples=150)
@given(
    st.floats(-1, 1).map(lambda z: float(np.degrees(np.arcsin(z)))),
    st.floats(-180, 180),
    st.sampled_from(RESOLUTIONS),
    st.integers(0, 2**32 - 1),
)
def test_cells_equal_h3_anywhere(lat: float, lon: float, resolution: int, seed: int) -> None:
    cells = around([h3i.latlng_to_cell(lat, lon, resolution)], rings=1)
    wrong, _, _ = wrong_and_sure(cells, resolution, seed)
    assert wrong == 0


@pytest.mark.parametrize("resolution", [8, 9, 10])
def test_most_positions_in_a_city_need_no_h3(resolution: int) -> None:
    """The geometry is worth something: once the cells of a city are known, hardly a position is unsure."""
    chance = np.random.default_rng(1)
    lat, lon = chance.uniform(31.1, 31.3, 20_000), chance.uniform(121.4, 121.7, 20_000)
    here = Map(resolution)
    _, first, _ = here.located(lat, lon)
    _, again, _ = here.located(lat, lon)
    assert first.mean() > again.mean()
    assert again.mean() < 0.01


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_h3_is_asked_at_the_centre_of_a_face(resolution: int) -> None:
    """There H3's own rounding is coarse, and at the edges between faces the nearest is not certain."""
    centres = Locator(resolution, 2).lattice[:, 2]
    lat, lon = np.degrees(np.arcsin(centres[:, 2])), np.degrees(np.arctan2(centres[:, 1], centres[:, 0]))
    here = Map(resolution)
    assert here.located(lat, lon)[1].all()
    found, asked, _ = here.located(lat, lon)
    assert asked.all()
    assert (found == here.h3(lat, lon)).all()
