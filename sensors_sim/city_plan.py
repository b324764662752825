"""The plan of a city: what its file says, completed with what follows from the outline and the stations.

Points are (latitude, longitude) in WGS-84 degrees, sizes are relative: 1 is a usual place.
"""

from dataclasses import dataclass
from datetime import tzinfo
from math import cos, radians, sin

import numpy as np

from sensors_sim.batch import Floats
from sensors_sim.districts import Corner, Districts, by_compass
from sensors_sim.geo import METRES_PER_DEGREE, Plane, inside

BESIDE_M = 600.0
"""Work places and leisure that no file names lie so far from their station: not in its H3 cell."""

LEAST_ROAD_M = 400.0
"""Less has no room for a segment."""

ROAD_LANES, ROAD_KMH = 2, 60.0
STRIDE_M = 100.0


@dataclass(frozen=True, slots=True)
class Place:
    """A place with a name."""

    name: str
    at: Corner
    size: float = 1.0


@dataclass(frozen=True, slots=True)
class Road:
    """A main road: straight lines between corners. `lanes` a direction, `kmh` on an empty road."""

    name: str
    line: tuple[Corner, ...]
    lanes: int = ROAD_LANES
    kmh: float = ROAD_KMH


@dataclass(frozen=True, slots=True)
class Climate:
    """Degrees Celsius: the mean of the year, and by how much July is warmer than it (negative in the south)."""

    mean_c: float = 16.5
    swing_c: float = 11.5


@dataclass(frozen=True, slots=True)
class Homes:
    """The lattice of blocks of homes. `turn_deg`: by how much its rows are turned from the east to the north."""

    spacing_m: float = 1_000.0
    turn_deg: float = 0.0
    centres: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole city. `fleet`: how many bikes find room; None if that is to be counted."""

    name: str
    zone: tzinfo
    outline: tuple[Corner, ...]
    origin: Corner
    centre: Corner
    stations: tuple[Place, ...]
    work_places: tuple[Place, ...]
    leisure: tuple[Place, ...]
    homes: Homes
    roads: tuple[Road, ...]
    districts: Districts
    climate: Climate
    fleet: int | None = None


def box(outline: tuple[Corner, ...]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the least and the greatest latitude and longitude."""
    lats, lons = zip(*outline, strict=True)
    return (min(lats), max(lats)), (min(lons), max(lons))


def middle(outline: tuple[Corner, ...]) -> Corner:
    """Return the middle of the box around an outline."""
    lat, lon = box(outline)
    return sum(lat) / 2, sum(lon) / 2


def largest(places: tuple[Place, ...]) -> Place:
    """Return the largest place, the first one of several."""
    return max(places, key=lambda place: place.size)


def usual_districts(outline: tuple[Corner, ...]) -> Districts:
    """Return thirds of the box, named by the compass."""
    return by_compass(*box(outline))


def usual_climate(outline: tuple[Corner, ...]) -> Climate:
    """Return the climate of Shanghai; turned round in the south."""
    south = middle(outline)[0] < 0
    return Climate(swing_c=-Climate().swing_c) if south else Climate()


def usual_work_places(stations: tuple[Place, ...], outline: tuple[Corner, ...]) -> tuple[Place, ...]:
    """Return work places beside the larger half of the stations."""
    return _beside(_by_size(stations)[: (len(stations) + 1) // 2], "Offices", outline, turn=0)


def usual_leisure(stations: tuple[Place, ...], outline: tuple[Corner, ...]) -> tuple[Place, ...]:
    """Return parks beside the smaller half of the stations."""
    return _beside(_by_size(stations)[(len(stations) + 1) // 2 :], "Park", outline, turn=180)


def usual_roads(centre: Corner, outline: tuple[Corner, ...]) -> tuple[Road, ...]:
    """Return two straight roads through the centre, as far as the outline reaches, but none that is too short."""
    roads = (
        Road("North-South Road", (_last(centre, outline, 180), centre, _last(centre, outline, 0))),
        Road("West-East Road", (_last(centre, outline, 270), centre, _last(centre, outline, 90))),
    )
    return tuple(road for road in roads if road_m(road.line) >= LEAST_ROAD_M)


def road_m(line: tuple[Corner, ...]) -> float:
    """Return the length of a road in metres."""
    x, y = Plane(*line[0]).xy(*np.array(line).T)
    return float(np.hypot(np.diff(x), np.diff(y)).sum())


def within(outline: tuple[Corner, ...], at: Corner) -> bool:
    """Say whether a point lies in the outline."""
    return bool(inside(outline, *_as_arrays(at))[0])


def _by_size(stations: tuple[Place, ...]) -> list[Place]:
    return sorted(stations, key=lambda station: -station.size)


def _beside(stations: list[Place], what: str, outline: tuple[Corner, ...], turn: float) -> tuple[Place, ...]:
    """Return a place beside each station: in the direction `turn` if that is inside, else in the next one that is."""
    places = []
    for station in stations:
        around = [_towards(station.at, (turn + step) % 360, BESIDE_M) for step in range(0, 360, 45)]
        at = next((point for point in around if within(outline, point)), station.at)
        places.append(Place(f"{station.name} {what}", at, station.size))
    return tuple(places)


def _last(centre: Corner, outline: tuple[Corner, ...], bearing: float) -> Corner:
    """Return the last point of a walk from the centre that still lies in the outline."""
    at, far = centre, 0.0
    while within(outline, at):
        far += STRIDE_M
        at = _towards(centre, bearing, far)
    return _towards(centre, bearing, far - STRIDE_M)


def _towards(at: Corner, bearing: float, metres: float) -> Corner:
    """Return the point so many metres away, in the direction `bearing`: 0 north, 90 east."""
    north, east = metres * cos(radians(bearing)), metres * sin(radians(bearing))
    return (
        at[0] + north / METRES_PER_DEGREE,
        at[1] + east / (METRES_PER_DEGREE * cos(radians(at[0]))),
    )


def _as_arrays(at: Corner) -> tuple[Floats, Floats]:
    return np.array([at[0]]), np.array([at[1]])
