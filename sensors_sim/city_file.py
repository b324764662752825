"""City files: TOML, read, checked and completed to a plan. docs/scenarios.md describes the form."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, tzinfo
from typing import Annotated, Any

import msgspec

from sensors_sim import city_plan as usual
from sensors_sim.city_plan import Climate, Homes, Place, Plan, Road
from sensors_sim.city_shape import (
    check_inside,
    check_near,
    check_origin,
    check_outline,
    check_ring,
    check_road,
)
from sensors_sim.districts import Area, Areas, Corner, Districts, Grid
from sensors_sim.tables import Problems, Refused, build
from sensors_sim.toml_file import table_of, wrong
from sensors_sim.zones import zone_of

FEWEST_STATIONS = 2
MOST_C = 45.0
"""Mean and swing of a climate together: days and their weather add to it, and thermometers end at 65."""

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
_Lat = Annotated[float, msgspec.Meta(ge=-75, le=75)]
_Point = tuple[_Lat, Annotated[float, msgspec.Meta(ge=-180, le=180)]]
_Line = Annotated[tuple[_Point, ...], msgspec.Meta(min_length=2)]
_Ring = Annotated[tuple[_Point, ...], msgspec.Meta(min_length=3)]


@dataclass(frozen=True, slots=True)
class _Keys:
    """What a file may say at its top. An empty list or table stands for what is derived."""

    name: _Text
    time_zone: _Text
    outline: _Ring
    stations: list[Any]
    origin: _Point | None = None
    centre: _Point | None = None
    fleet: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    work_places: list[Any] = field(default_factory=list)
    leisure: list[Any] = field(default_factory=list)
    roads: list[Any] = field(default_factory=list)
    homes: dict[str, Any] = field(default_factory=dict)
    districts: dict[str, Any] | list[Any] = field(default_factory=dict)
    climate: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Place:
    name: _Text
    at: _Point
    size: Annotated[float, msgspec.Meta(ge=0.1, le=5)] = 1.0


@dataclass(frozen=True, slots=True)
class _Road:
    name: _Text
    line: _Line
    lanes: Annotated[int, msgspec.Meta(ge=1, le=6)] = usual.ROAD_LANES
    kmh: Annotated[float, msgspec.Meta(ge=20, le=70)] = usual.ROAD_KMH


@dataclass(frozen=True, slots=True)
class _Homes:
    spacing_m: Annotated[float, msgspec.Meta(ge=200, le=5_000)] = 1_000.0
    turn_deg: Annotated[float, msgspec.Meta(ge=-90, le=90)] = 0.0
    centres: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Grid:
    latitudes: tuple[Annotated[float, msgspec.Meta(ge=-90, le=90)], ...]
    longitudes: tuple[Annotated[float, msgspec.Meta(ge=-180, le=180)], ...]
    names: tuple[tuple[_Text, ...], ...]


@dataclass(frozen=True, slots=True)
class _Area:
    name: _Text
    outline: _Ring


@dataclass(frozen=True, slots=True)
class _Climate:
    mean_c: Annotated[float, msgspec.Meta(ge=-20, le=35)] = 16.5
    swing_c: Annotated[float, msgspec.Meta(ge=-30, le=30)] = 11.5


def read(text: bytes, source: str) -> Plan:
    """Return the plan of a city; ScenarioError lists every mistake in the file. `source` is its name."""
    problems = Problems()
    plan = _plan(table_of(text, source), problems)
    if plan is None or problems.lines:
        raise wrong(source, problems.lines)
    return plan


def _plan(table: Mapping[str, Any], problems: Problems) -> Plan | None:
    """Return the plan, or None where not even its outline and stations are sound."""
    keys = build(_Keys, table, "", problems, None)
    if keys is None:
        return None
    outline = keys.outline
    zone = _zone(keys.time_zone, problems)
    sound = not _refused(problems, "", check_outline, "outline", outline)
    stations = _places(keys.stations, "stations", problems, outline if sound else None)
    if len(keys.stations) < FEWEST_STATIONS:
        rule = f"{FEWEST_STATIONS} stations are expected at the least: people ride from one to the next"
        problems.add("stations", keys.stations, rule)
    if not sound or not stations:
        return None
    if keys.origin is not None:
        _refused(problems, "", check_origin, "origin", keys.origin, outline)
    if keys.centre is not None:
        _refused(problems, "", check_inside, "centre", keys.centre, outline)
    centre = keys.centre or usual.largest(stations).at
    if problems.lines and not usual.within(outline, centre):
        return None
    return Plan(
        name=keys.name,
        zone=zone,
        outline=outline,
        origin=keys.origin or usual.middle(outline),
        centre=centre,
        stations=stations,
        work_places=_places(keys.work_places, "work_places", problems, outline)
        or usual.usual_work_places(stations, outline),
        leisure=_places(keys.leisure, "leisure", problems, outline) or usual.usual_leisure(stations, outline),
        homes=_homes(keys.homes, stations, problems, outline),
        roads=_roads(keys.roads, centre, problems, outline),
        districts=_districts(keys.districts, problems) or usual.usual_districts(outline),
        climate=_climate(keys.climate, outline, problems),
        fleet=keys.fleet,
    )


def _zone(name: str, problems: Problems) -> tzinfo:
    try:
        return zone_of("time_zone", name)
    except Refused as refused:
        problems.add(refused.key, refused.value, refused.rule)
        return UTC


def _refused[**P](
    problems: Problems, path: str, check: Callable[P, None], *args: P.args, **kwargs: P.kwargs
) -> bool:
    """Run a check; note and say whether it refuses."""
    try:
        check(*args, **kwargs)
    except Refused as refused:
        problems.add(path + refused.key, refused.value, refused.rule)
        return True
    return False


def _rows[T](cls: type[T], tables: Sequence[Any], path: str, problems: Problems) -> list[tuple[str, T]]:
    """Return what the tables of a list describe, each with where it stands; two of one name are a mistake."""
    rows, seen = [], set()
    for number, table in enumerate(tables):
        at = f"{path}[{number}]"
        row = build(cls, table, at, problems, None)
        if row is None:
            continue
        name = getattr(row, "name")  # noqa: B009 - of all classes that are read here
        if name in seen:
            problems.add(f"{at}.name", name, "there is another one of that name above")
        seen.add(name)
        rows.append((at, row))
    return rows


def _places(
    tables: Sequence[Any],
    path: str,
    problems: Problems,
    outline: Sequence[Corner] | None,
    check: Callable[[str, Corner, Sequence[Corner]], None] = check_inside,
) -> tuple[Place, ...]:
    rows = _rows(_Place, tables, path, problems)
    if outline is not None:
        for at, row in rows:
            _refused(problems, f"{at}.", check, "at", row.at, outline)
    return tuple(Place(row.name, row.at, row.size) for _, row in rows)


def _homes(
    table: Mapping[str, Any], stations: tuple[Place, ...], problems: Problems, outline: Sequence[Corner]
) -> Homes:
    row = build(_Homes, table, "homes", problems, None)
    if row is None:
        return Homes(centres=stations)
    centres = _places(row.centres, "homes.centres", problems, outline, check_near)
    return Homes(row.spacing_m, row.turn_deg, centres or stations)


def _roads(
    tables: Sequence[Any], centre: Corner, problems: Problems, outline: tuple[Corner, ...]
) -> tuple[Road, ...]:
    if not tables:
        roads = usual.usual_roads(centre, outline)
        if not roads:
            least = f"no road through it that stays in the outline is {usual.LEAST_ROAD_M:g} m long"
            problems.add("centre", list(centre), f"{least}; name roads, or another centre")
        return roads
    rows = _rows(_Road, tables, "roads", problems)
    for at, row in rows:
        _refused(problems, f"{at}.", check_road, "line", row.line)
        for number, corner in enumerate(row.line):
            _refused(problems, f"{at}.", check_near, f"line[{number}]", corner, outline)
    return tuple(Road(row.name, row.line, row.lanes, row.kmh) for _, row in rows)


def _districts(said: Mapping[str, Any] | Sequence[Any], problems: Problems) -> Districts | None:
    """Return the districts, None where the file names none. A list has polygons, a table a grid."""
    if not said:
        return None
    if not isinstance(said, Mapping):
        rows = _rows(_Area, said, "districts", problems)
        for at, row in rows:
            _refused(problems, f"{at}.", check_ring, "outline", row.outline)
        return Areas(tuple(Area(row.name, row.outline) for _, row in rows))
    grid = build(_Grid, said, "districts", problems, None)
    if grid is None:
        return None
    for key, borders in (("latitudes", grid.latitudes), ("longitudes", grid.longitudes)):
        if list(borders) != sorted(set(borders)):
            problems.add(f"districts.{key}", list(borders), "borders are expected to ascend")
    tall, wide = len(grid.latitudes) + 1, len(grid.longitudes) + 1
    if len(grid.names) != tall or any(len(names) != wide for names in grid.names):
        rule = f"{tall} rows of {wide} names are expected, one more than there are borders"
        problems.add("districts.names", [list(row) for row in grid.names], rule)
    return Grid(grid.latitudes, grid.longitudes, grid.names)


def _climate(table: Mapping[str, Any], outline: tuple[Corner, ...], problems: Problems) -> Climate:
    climate = usual.usual_climate(outline)
    row = build(_Climate, table, "climate", problems, None)
    if row is None:
        return climate
    climate = replace(climate, **{key: getattr(row, key) for key in table})
    if abs(climate.mean_c) + abs(climate.swing_c) > MOST_C:
        rule = f"mean_c and swing_c are {MOST_C:g} degrees together at the most, whatever their signs"
        problems.add("climate", asdict(climate), rule)
    return climate
