"""H3 cells of places: where an alert is due. Resolution 9, the default of the pipeline."""

import h3
import numpy as np

from sensors_sim.batch import Floats

RESOLUTION = 9
REGION_RESOLUTION = 2
"""Of regions, by which sensors are told apart; the default of the pipeline, too."""


def cells_at(lat: Floats, lon: Floats) -> list[str]:
    """Return the cell of each point, as on the wire."""
    return [h3.latlng_to_cell(a, b, RESOLUTION) for a, b in zip(lat.tolist(), lon.tolist(), strict=True)]


def cells_around(lat: float, lon: float, rings: int) -> tuple[str, ...]:
    """Return the cell of a point and those within `rings` of it, in order."""
    return tuple(sorted(h3.grid_disk(h3.latlng_to_cell(lat, lon, RESOLUTION), rings)))


def disk(cell: str, rings: int) -> list[str]:
    """Return a cell and those within `rings` of it, in order."""
    return sorted(h3.grid_disk(cell, rings))


def distinct(lat: Floats, lon: Floats) -> tuple[str, ...]:
    """Return the cells of the points, each once, in order."""
    return tuple(sorted(set(cells_at(np.atleast_1d(lat), np.atleast_1d(lon)))))


def region_of(cell: str) -> str:
    """Return the region that a cell lies in."""
    return str(h3.cell_to_parent(cell, REGION_RESOLUTION))
