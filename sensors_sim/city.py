"""A city as the riders see it: an outline, and the places that they come from and go to.

Homes cover the whole outline as a lattice of blocks, denser around the centres of housing;
stations, work places and leisure are single places. `room` says how many bikes can stand at a
place before riders look for another one: it keeps a quiet day below what a cell can hold.

Cities are TOML files (sensors_sim/city_file.py): some ship in sensors_sim/cities/, others are yours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from math import cos, radians, sin
from pathlib import Path

import numpy as np

from sensors_sim.batch import Codes, Floats
from sensors_sim.city_file import read
from sensors_sim.city_plan import Climate, Homes, Place, Plan, Road
from sensors_sim.districts import Corner, Districts
from sensors_sim.errors import ScenarioError
from sensors_sim.geo import Plane, inside
from sensors_sim.tables import Refused, choice, listed

HOME, METRO, OFFICE, LEISURE = range(4)
KINDS = ("home", "metro", "office", "leisure")

SUFFIX = ".toml"
_FOLDER = files("sensors_sim") / "cities"

SPREAD_M = (420.0, 160.0, 380.0, 260.0)
"""Standard deviation of where bikes are left around the centre of a place, by kind; homes: of blocks 1 km apart."""

ROOM = (0.0, 42.0, 200.0, 80.0)
"""Bikes that find room at a place of size 1, by kind; homes have their own rule."""

ROOM_A_BIKE = (1.05, 0.10, 0.25, 0.07)
"""Room that each bike of a city's fleet needs at each kind of place for a quiet day without full cells (Pudong's)."""

FEWEST_BLOCKS, MOST_PLACES = 6, 3_000


@dataclass(frozen=True, eq=False)
class City:
    """Places as columns of equal length p, in metres on `plane`.

    zone    its time zone
    fleet   `room` is given for a fleet of this size; another fleet scales it
    centre  latitude and longitude of where roads are full towards in the morning
    names   str[p]
    kind    uint8[p], one of HOME, METRO, OFFICE, LEISURE
    x, y    float64[p]
    spread  float64[p], standard deviation in metres of where bikes are left
    room    float64[p], bikes of a fleet of `fleet` that find room
    """

    name: str
    zone: tzinfo
    fleet: int
    plane: Plane
    centre: Corner
    roads: tuple[Road, ...]
    districts: Districts
    climate: Climate
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


def city_names() -> list[str]:
    """Return the names of the cities that ship."""
    return sorted(
        entry.name.removesuffix(SUFFIX) for entry in _FOLDER.iterdir() if entry.name.endswith(SUFFIX)
    )


def load_city(name: str, folder: Path = Path()) -> City:
    """Return a city that ships by its name, or that of a file by its path, which ends in .toml and begins at `folder`.

    Refused (key "city") where there is none; ScenarioError lists the mistakes of a file.
    """
    if name.endswith(SUFFIX):
        try:
            text = (folder / name).read_bytes()
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            said = getattr(error, "strerror", None) or error
            rule = f"it cannot be read ({said}); name a TOML file, or one of {listed(city_names())}"
            raise Refused("city", name, rule) from None
        return parse_city(text, str(folder / name))
    if name not in city_names():
        rule = f"no such city; {choice(name, city_names())}; or name a file that ends in {SUFFIX}"
        raise Refused("city", name, rule)
    return shipped_city(name)


@cache
def shipped_city(name: str) -> City:
    """Return a city of `city_names`."""
    return parse_city((_FOLDER / f"{name}{SUFFIX}").read_bytes(), f"{name}{SUFFIX}")


def pudong_city() -> City:
    """Return Pudong, the city of scenarios that name none."""
    return shipped_city("pudong")


@lru_cache(maxsize=8)
def parse_city(text: bytes, source: str) -> City:
    """Return the city of a file; the same bytes are the same city. ScenarioError lists what is wrong."""
    return built(read(text, source), source)


def built(plan: Plan, source: str) -> City:
    """Return a city from its plan; ScenarioError if it has too few or too many places."""
    plane = Plane(*plan.origin)
    corners = np.array(plan.outline)
    outline_x, outline_y = plane.xy(corners[:, 0], corners[:, 1])
    outline = tuple(zip(outline_x.tolist(), outline_y.tolist(), strict=True))

    block_x, block_y = _lattice(outline, plan.homes)
    listed_places = (plan.stations, plan.work_places, plan.leisure)
    count = len(block_x) + sum(map(len, listed_places))
    if len(block_x) < FEWEST_BLOCKS or count > MOST_PLACES:
        raise ScenarioError(
            f"{source}: homes.spacing_m = {plan.homes.spacing_m:g} makes {len(block_x)} blocks of homes; "
            f"{FEWEST_BLOCKS} are needed, and {MOST_PLACES:,} places in all are the most: choose another spacing"
        )
    named = [_columns(plane, places) for places in listed_places]
    kinds = (METRO, OFFICE, LEISURE)
    kind = np.concatenate(
        [np.full(len(block_x), HOME), *(np.full(len(c[0]), k) for c, k in zip(named, kinds, strict=True))]
    ).astype(np.uint8)
    room = np.concatenate(
        [
            _housing(block_x, block_y, plan.homes.spacing_m, *_columns(plane, plan.homes.centres)),
            *(c[2] * ROOM[k] for c, k in zip(named, kinds, strict=True)),
        ]
    )
    spread = [SPREAD_M[HOME] * plan.homes.spacing_m / 1_000.0, *(SPREAD_M[k] for k in kinds)]
    return City(
        name=plan.name,
        zone=plan.zone,
        fleet=plan.fleet or fleet_for(kind, room),
        plane=plane,
        centre=plan.centre,
        roads=plan.roads,
        districts=plan.districts,
        climate=plan.climate,
        outline=outline,
        names=(
            *(f"block {i}" for i in range(len(block_x))),
            *(place.name for places in listed_places for place in places),
        ),
        kind=kind,
        x=np.concatenate([block_x, *(c[0] for c in named)]),
        y=np.concatenate([block_y, *(c[1] for c in named)]),
        spread=np.array(spread)[kind],
        room=room,
    )


def fleet_for(kind: Codes, room: Floats) -> int:
    """Return how many bikes find room at every kind of place, in hundreds."""
    of_kind = np.bincount(kind, weights=room, minlength=len(KINDS))
    return max(100, int((of_kind / np.array(ROOM_A_BIKE)).min()) // 100 * 100)


def _columns(plane: Plane, places: Sequence[Place]) -> tuple[Floats, Floats, Floats]:
    """Return x, y in metres and the size of named places."""
    table = np.array([(*place.at, place.size) for place in places])
    x, y = plane.xy(table[:, 0], table[:, 1])
    return x, y, table[:, 2]


def _lattice(outline: tuple[tuple[float, float], ...], homes: Homes) -> tuple[Floats, Floats]:
    """Return the points of a triangular lattice that lie in the outline; its rows run as the streets do."""
    spacing, corners = homes.spacing_m, np.array(outline)
    xs, ys = _turned(corners[:, 0], corners[:, 1], -homes.turn_deg)
    rows = np.arange(ys.min(), ys.max(), spacing * 0.866)
    columns = np.arange(xs.min(), xs.max(), spacing)
    x = (columns[None, :] + np.where(np.arange(len(rows)) % 2, spacing / 2, 0.0)[:, None]).ravel()
    x, y = _turned(x, np.repeat(rows, len(columns)), homes.turn_deg)
    kept = inside(outline, x, y)
    return x[kept], y[kept]


def _turned(x: Floats, y: Floats, degrees: float) -> tuple[Floats, Floats]:
    """Return points turned around the origin, from the east to the north."""
    along, across = cos(radians(degrees)), sin(radians(degrees))
    return x * along - y * across, x * across + y * along


def _housing(
    x: Floats, y: Floats, spacing: float, centre_x: Floats, centre_y: Floats, weight: Floats
) -> Floats:
    """Return the room of each block: some everywhere, most within 2 km of a centre of housing."""
    d2 = (x[:, None] - centre_x) ** 2 + (y[:, None] - centre_y) ** 2
    of_a_square_km = 2.0 + 110.0 * (weight * np.exp(-d2 / (2 * 1_200.0**2))).max(axis=1)
    return np.asarray(of_a_square_km * (spacing / 1_000.0) ** 2)
