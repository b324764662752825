"""Geographies of an MDS document: the cells whose centre they hold."""

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from math import cos, radians, sqrt
from typing import Any

import shapely

from streams.incidents.geometry import GeometryError, area_of, too_far
from streams.incidents.mds.fields import Fields, shown
from streams.incidents.policy_findings import Findings
from streams.printable import quoted

MOST_CELLS = 1_000_000
"""Most cells of one geography: a province of 100,000 km² at resolution 9, with which the worker is busy for 4 s."""
MOST_CELLS_OF_BOX = 5_000_000
"""Most cells of the box around an outline, 1,000 km from corner to corner: H3 needs time and memory for these, too."""
_NAMED = 5
"""Most geographies that one note names."""
KM2_PER_SQUARE_DEGREE = 12_364.0


@dataclass(frozen=True, slots=True)
class City:
    """What a document cannot know: the time zone of its hours, which vehicles there are, and the grid of cells.

    vehicle_types  those that vehicles here have: counts are not kept by type
    cells          hex strings of the cells whose centre lies in a GeoJSON geometry
    edge           hex strings of the cells that lie in it in part
    cell_km2       mean area of a cell
    holder         hex string of the cell that holds a place, (latitude, longitude) in degrees
    """

    time_zone: tzinfo
    vehicle_types: frozenset[str]
    cells: Callable[[Mapping[str, Any]], frozenset[str]]
    edge: Callable[[Mapping[str, Any]], frozenset[str]]
    cell_km2: float
    region: Callable[[str], str]
    centre: Callable[[str], tuple[float, float]]
    holder: Callable[[float, float], str]


@dataclass(frozen=True, slots=True)
class Geography:
    """One geography: its outline, and the cells whose centre it holds, None where it is faulty."""

    geography_id: str
    name: str
    cells: frozenset[str] | None
    shape: Any


def read_geographies(
    values: Any, asked: Container[str], place: str, city: City, findings: Findings
) -> dict[str, Geography]:
    """Return the geographies of a list, by id; of those that are not asked for, which may be no areas, nothing."""
    if not isinstance(values, list):
        given = "missing" if values is None else shown(values)
        findings.error(place, f"is {given}; a list of MDS geographies is expected")
        return {}
    found: dict[str, Geography] = {}
    others: list[str] = []
    for index, value in enumerate(values):
        at = f"{place}[{index}]"
        if not isinstance(value, dict):
            findings.error(at, f"is {value!r}; an MDS geography is expected")
            continue
        fields = Fields(value, at, findings)
        geography_id = fields.uuid("geography_id")
        if geography_id in found:
            fields.error("geography_id", "another geography has this id; give it one of its own")
        if geography_id and geography_id not in asked:
            others.append(geography_id)
            continue
        for key in ("effective_date", "retire_date"):
            if value.get(key) is not None:
                fields.note(key, "decides nothing: rules apply here as long as their policy is in force")
        name = fields.text("name")
        cells, shape = _cells(value.get("geography_json"), name, f"{at}.geography_json", city, findings)
        found[geography_id] = Geography(geography_id, name, cells, shape)
    if others:
        some = ", ".join(others[:_NAMED]) + (", …" if others[_NAMED:] else "")
        text = f"not read, as no evaluated rule refers to them ({len(others):,}): {some}"
        findings.note(place, text)
    return found


def middle(cells: frozenset[str], city: City) -> str:
    """Return the cell nearest to the mean of the centres, the first in the order of hex strings where several are."""
    ordered = sorted(cells)
    places = [city.centre(cell) for cell in ordered]
    first, narrower = places[0][1], cos(radians(places[0][0]))
    # Flat coordinates; longitudes are counted from half around the globe from the first.
    flat = [(lat, (lon - first + 180) % 360 * narrower) for lat, lon in places]
    lat, lon = (sum(values) / len(flat) for values in zip(*flat, strict=True))
    return min(
        zip(flat, ordered, strict=True), key=lambda one: (one[0][0] - lat) ** 2 + (one[0][1] - lon) ** 2
    )[1]


def holder(area: Any, city: City) -> str:
    """Return the cell that holds a point in the midst of an area, for one without a centre of a cell."""
    point = area.representative_point()
    return city.holder(point.y, (point.x + 180) % 360 - 180)


def about_cells(area: Any, city: City) -> int:
    """Return how many cells an area has, estimated without listing them."""
    square_degrees = sum(part.area * cos(radians(part.centroid.y)) for part in shapely.get_parts(area))
    return round(float(square_degrees) * KM2_PER_SQUARE_DEGREE / city.cell_km2)


def too_large(area: Any, about: int, city: City) -> str:
    """Return why H3 is not asked for the cells of an area, of a geography of so many; empty: it is."""
    if about > MOST_CELLS:
        return f"has more than {MOST_CELLS:,}; look for a mistyped corner, or draw it smaller"
    return too_far(area, sqrt(2 * MOST_CELLS_OF_BOX * city.cell_km2))


def _cells(
    geometry: Any, name: str, place: str, city: City, findings: Findings
) -> tuple[frozenset[str] | None, Any]:
    """Return the cells and the outline of a geography; H3 is asked only where it can answer in seconds."""
    outlines = list(_outlines(geometry, place, findings))
    if not outlines:
        findings.error(
            place, "holds no outline; a GeoJSON FeatureCollection of Polygons or MultiPolygons is expected"
        )
        return None, None
    about, shapes = 0, []
    for at, outline in outlines:
        try:
            area, repaired = area_of(outline)
        except GeometryError as error:
            findings.error(at, str(error))
            return None, None
        if repaired:
            findings.note(at, repaired)
        about += about_cells(area, city)
        if wrong := too_large(area, about, city):
            findings.error(at, f"{quoted(name)}, of some {about:,} cells, {wrong}")
            return None, None
        shapes.append(area)
    found = frozenset(cell for area in shapes for cell in city.cells(shapely.geometry.mapping(area)))
    return found, shapely.union_all(shapes)


def _outlines(geometry: Any, place: str, findings: Findings) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the geometries of a GeoJSON object, each with its place; that a part of one has none is a mistake."""
    if not isinstance(geometry, dict):
        return
    parts = {}
    if geometry.get("type") == "FeatureCollection" and isinstance(geometry.get("features"), list):
        parts = {f"{place}.features[{index}]": feature for index, feature in enumerate(geometry["features"])}
    elif geometry.get("type") == "Feature":
        parts = {f"{place}.geometry": geometry.get("geometry")}
    else:
        yield place, geometry
    for at, part in parts.items():
        if isinstance(part, dict):
            yield from _outlines(part, at, findings)
        else:
            findings.error(
                at, f"is {part!r}; a GeoJSON object is expected: draw what is meant, or leave the feature out"
            )
