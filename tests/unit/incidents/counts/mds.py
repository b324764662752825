"""MDS documents for tests, and a city whose cells are a hundredth of a degree wide, its regions one degree."""

import json
from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Any

import shapely

from streams.incidents.mds.geographies import City
from streams.incidents.policy import Policy, Rule
from streams.incidents.policy_findings import Findings
from streams.incidents.policy_reader import read

DEFAULT = Rule("default", 60, 1.0, 0.8, 120_000)
PUBLISHED, START = 1_767_000_000_000, 1_767_002_000_000


def identity(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def cell_at(column: int, row: int) -> str:
    """A cell: its centre is at longitude column/100, latitude row/100."""
    return f"{column:06x}{row:06x}"


def centre(cell: str) -> tuple[float, float]:
    return int(cell[6:], 16) / 100, int(cell[:6], 16) / 100


def _cells(geometry: Mapping[str, Any]) -> frozenset[str]:
    area = shapely.geometry.shape(geometry)
    west, south, east, north = (round(100 * bound) for bound in area.bounds)
    return frozenset(
        cell_at(column, row)
        for column in range(max(west, 0), east + 1)
        for row in range(max(south, 0), north + 1)
        if area.contains(shapely.Point(column / 100, row / 100))
    )


def _edge(geometry: Mapping[str, Any]) -> frozenset[str]:
    area, found = shapely.geometry.shape(geometry), []
    west, south, east, north = (round(100 * bound) for bound in area.bounds)
    for column in range(max(west - 1, 0), east + 2):
        for row in range(max(south - 1, 0), north + 2):
            x, y = column / 100, row / 100
            part = area.intersection(shapely.box(x - 0.005, y - 0.005, x + 0.005, y + 0.005)).area / 1e-4
            if 1e-6 < part < 1 - 1e-6:
                found.append(cell_at(column, row))
    return frozenset(found)


def city(zone: tzinfo = UTC, types: str = "bicycle") -> City:
    return City(
        time_zone=zone,
        vehicle_types=frozenset(types.split()),
        cells=_cells,
        edge=_edge,
        cell_km2=1.2364,
        region=lambda cell: "r" + ".".join(str(int(degrees)) for degrees in centre(cell)),
        centre=centre,
        holder=lambda lat, lon: cell_at(round(100 * lon), round(100 * lat)),
    )


def square(column: int, row: int, size: int = 2) -> dict[str, Any]:
    """The cells column..column+size-1, row..row+size-1."""
    west, south, east, north = ((n - 0.5) / 100 for n in (column, row, column + size, row + size))
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def geography(number: int, geometry: Any, name: str = "Square") -> dict[str, Any]:
    return {"geography_id": identity(number), "name": name, "geography_json": geometry}


def rule(number: int, *geographies: int, **fields: Any) -> dict[str, Any]:
    base = {
        "rule_id": identity(number),
        "name": f"rule {number}",
        "rule_type": "count",
        "rule_units": "devices",
        "geographies": [identity(one) for one in geographies],
        "states": {"available": [], "reserved": []},
    }
    return base | fields


def policy(number: int, *rules: Any, **fields: Any) -> dict[str, Any]:
    base = {
        "policy_id": identity(number),
        "name": f"policy {number}",
        "description": "for a test",
        "published_date": PUBLISHED,
        "start_date": START,
        "rules": list(rules),
    }
    return base | fields


def document(policies: list[Any], geographies: Any, **fields: Any) -> str:
    return json.dumps(
        {"version": "2.0.0", "data": {"policies": policies, "geographies": geographies}} | fields
    )


def read_all(text: str, where: City | None = None, others: str | None = None) -> tuple[Policy, Findings]:
    findings = Findings("test")
    return read(text, others, DEFAULT, where or city(), findings), findings
