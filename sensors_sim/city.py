"""A city as the riders see it: an outline, and the places that they come from and go to.

Homes cover the whole outline as a lattice of blocks, denser around the centres of housing;
stations, work places and leisure are single places. `room` says how many bikes can stand at a
place before riders look for another one: it keeps a quiet day below what a cell can hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from sensors_sim import pudong
from sensors_sim.batch import Codes, Floats
from sensors_sim.errors import ScenarioError
from sensors_sim.geo import Plane, inside

HOME, METRO, OFFICE, LEISURE = range(4)
KINDS = ("home", "metro", "office", "leisure")

FLEET_OF_ROOM = 20_000
"""`room` is given for a fleet of this size; another fleet scales it."""

BLOCK_SPACING_M = 1_000.0
SPREAD_M = (420.0, 160.0, 380.0, 260.0)
"""Standard deviation of where bikes are left around the centre of a place, by kind."""

ROOM = (0.0, 42.0, 200.0, 80.0)
"""Bikes that find room at a place of weight 1, by kind; homes have their own rule."""


@dataclass(frozen=True)
class City:
    """Places as columns of equal length p, in metres on `plane`.

    names   str[p]
    kind    uint8[p], one of HOME, METRO, OFFICE, LEISURE
    x, y    float64[p]
    spread  float64[p], standard deviation in metres of where bikes are left
    room    float64[p], bikes of a fleet of FLEET_OF_ROOM that find room
    """

    name: str
    plane: Plane
    outline: tuple[tuple[float, float], ...]
    names: tuple[str, ...]
    kind: Codes
    x: Floats
    y: Floats
    spread: Floats
    room: Floats

    @cached_property
    def distance(self) -> Floats:
        """Metres from each place to each other, float64[p, p]."""
        return np.asarray(np.hypot(self.x[:, None] - self.x, self.y[:, None] - self.y))

    def place(self, name: str, kind: int = METRO) -> int:
        """Return the index of the place with that name; ScenarioError lists the names there are."""
        for index, (other, of_kind) in enumerate(zip(self.names, self.kind, strict=True)):
            if other == name and of_kind == kind:
                return index
        known = ", ".join(n for n, k in zip(self.names, self.kind, strict=True) if k == kind)
        raise ScenarioError(f"{self.name} has no {KINDS[kind]} place {name!r}; there are: {known}")


@cache
def pudong_city() -> City:
    """Return Pudong."""
    plane = Plane(31.21, 121.58)
    corners = np.array(pudong.OUTLINE)
    outline_x, outline_y = plane.xy(corners[:, 0], corners[:, 1])
    outline = tuple(zip(outline_x.tolist(), outline_y.tolist(), strict=True))

    block_x, block_y = _lattice(outline, BLOCK_SPACING_M)
    named = [_columns(plane, rows) for rows in (pudong.METRO, pudong.OFFICES, pudong.LEISURE)]
    kinds = (METRO, OFFICE, LEISURE)
    return City(
        name="Pudong",
        plane=plane,
        outline=outline,
        names=(
            *(f"block {i}" for i in range(len(block_x))),
            *(row[0] for rows in (pudong.METRO, pudong.OFFICES, pudong.LEISURE) for row in rows),
        ),
        kind=np.concatenate(
            [np.full(len(block_x), HOME), *(np.full(len(c[0]), k) for c, k in zip(named, kinds, strict=True))]
        ).astype(np.uint8),
        x=np.concatenate([block_x, *(c[0] for c in named)]),
        y=np.concatenate([block_y, *(c[1] for c in named)]),
        spread=np.concatenate(
            [
                np.full(len(block_x), SPREAD_M[HOME]),
                *(np.full(len(c[0]), SPREAD_M[k]) for c, k in zip(named, kinds, strict=True)),
            ]
        ),
        room=np.concatenate(
            [
                _housing(block_x, block_y, *_columns(plane, pudong.HOMES)),
                *(c[2] * ROOM[k] for c, k in zip(named, kinds, strict=True)),
            ]
        ),
    )


def _columns(plane: Plane, rows: Sequence[tuple[str, float, float, float]]) -> tuple[Floats, Floats, Floats]:
    """Return x, y in metres and the weight of named places."""
    table = np.array([row[1:] for row in rows])
    x, y = plane.xy(table[:, 0], table[:, 1])
    return x, y, table[:, 2]


def _lattice(outline: tuple[tuple[float, float], ...], spacing: float) -> tuple[Floats, Floats]:
    """Return the points of a triangular lattice that lie in the outline."""
    xs, ys = zip(*outline, strict=True)
    rows = np.arange(min(ys), max(ys), spacing * 0.866)
    columns = np.arange(min(xs), max(xs), spacing)
    x = (columns[None, :] + np.where(np.arange(len(rows)) % 2, spacing / 2, 0.0)[:, None]).ravel()
    y = np.repeat(rows, len(columns))
    kept = inside(outline, x, y)
    return x[kept], y[kept]


def _housing(x: Floats, y: Floats, centre_x: Floats, centre_y: Floats, weight: Floats) -> Floats:
    """Return the room of each block: some everywhere, most within 2 km of a centre of housing."""
    d2 = (x[:, None] - centre_x) ** 2 + (y[:, None] - centre_y) ** 2
    return np.asarray(2.0 + 110.0 * (weight * np.exp(-d2 / (2 * 1_200.0**2))).max(axis=1))
