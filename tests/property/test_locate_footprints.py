"""cells_equal_h3: the fleet's shortcut never names another cell than H3 does, wherever on Earth.

Positions are drawn around the borders of cells, where a shortcut would be wrong first: around random
places, pentagons, the edges of the icosahedron, the poles and the antimeridian.
"""

import h3
import h3.api.basic_int as h3i
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from streams.fleet.cells import Cells
from streams.fleet.slots import Slots
from streams.grid.locate import Locator

RESOLUTIONS = (4, 5, 6, 7, 8, 9, 10, 11, 12)
POSITIONS_PER_CELL = 400
Floats = NDArray[np.float64]


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


def wrong_and_inside(cells: list[int], resolution: int, seed: int) -> tuple[int, int, int]:
    """Return (positions in a footprint of a cell that H3 does not give, positions in footprints, positions)."""
    chance = np.random.default_rng(seed)
    slots = Slots(Cells(Locator(resolution, 2)))
    operator = slots.operator("north")
    numbers, lats, lons = [], [], []
    for cell in cells:
        lat, lon = noise_around(cell, chance)
        numbers.append(np.full(len(lat), slots.slot(cell, operator), np.int32))
        lats.append(lat)
        lons.append(lon)
    number, lat, lon = np.concatenate(numbers), np.concatenate(lats), np.concatenate(lons)
    draw(slots, number)
    inside = slots.cells.inside(slots.cell_of[number], lat, lon)
    locate = h3i.latlng_to_cell
    asked = [
        locate(a, b, resolution) for a, b in zip(lat[inside].tolist(), lon[inside].tolist(), strict=True)
    ]
    claimed = slots.h3_of(number[inside])
    return int((claimed != np.array(asked, np.int64)).sum()), int(inside.sum()), len(lat)


def draw(slots: Slots, slot: NDArray[np.int32]) -> None:
    """Have the footprints of slots drawn."""
    slots.cells.stayed(slots.cell_of[slot])
    slots.cells.draw()


def around(cells: list[int], rings: int) -> list[int]:
    """Return the cells and their neighbours."""
    return sorted({other for cell in cells for other in h3i.grid_disk(cell, rings)})


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_cells_equal_h3_at_pentagons(resolution: int) -> None:
    cells = around(sorted(h3i.get_pentagons(resolution)), rings=2)
    wrong, _, positions = wrong_and_inside(cells, resolution, seed=resolution)
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
    wrong, _, positions = wrong_and_inside(around(found, rings=2), resolution, seed=resolution)
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
    wrong, _, _ = wrong_and_inside(cells, resolution, seed=resolution)
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
    wrong, _, _ = wrong_and_inside(cells, resolution, seed)
    assert wrong == 0


@pytest.mark.parametrize("resolution", [8, 9, 10])
def test_most_positions_in_a_city_need_no_h3(resolution: int) -> None:
    """The shortcut is worth something: of positions all over a city nearly all are in their cell's footprint."""
    chance = np.random.default_rng(1)
    lat, lon = chance.uniform(31.1, 31.3, 20_000), chance.uniform(121.4, 121.7, 20_000)
    slots = Slots(Cells(Locator(resolution, 2)))
    slot = slots.slots_at(lat, lon, np.full(len(lat), slots.operator("north"), np.int32))
    draw(slots, slot)
    assert slots.cells.inside(slots.cell_of[slot], lat, lon).mean() > 0.95


def test_a_footprint_knows_its_own_centre_and_no_neighbours() -> None:
    slots = Slots(Cells(Locator(9, 2)))
    cell = int(h3.latlng_to_cell(31.2335, 121.4765, 9), 16)
    slot = slots.slot(cell, slots.operator("north"))
    neighbours = [h3i.cell_to_latlng(other) for other in h3i.grid_ring(cell, 1)]
    lat, lon = np.array([h3i.cell_to_latlng(cell), *neighbours]).T
    here = np.full(7, slot, np.int32)
    assert not slots.cells.inside(slots.cell_of[here], lat, lon).any()  # not drawn yet: H3 is asked
    draw(slots, here)
    assert slots.cells.inside(slots.cell_of[here], lat, lon).tolist() == [True, *[False] * 6]
