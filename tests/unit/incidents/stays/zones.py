"""Policies on where vehicles may stand, around the places of the fleet's examples."""

import json
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from schemas.vehicles import VEHICLE_TYPES
from streams.configs import count_ground
from streams.grid import locate
from streams.incidents.mds.geographies import City
from streams.incidents.policy import Policy, Rule
from streams.incidents.policy_findings import Findings
from streams.incidents.policy_reader import read
from streams.incidents.stays.ground import Ground
from tests.pipeline import T0
from tests.unit.incidents.counts.mds import document, geography, policy, rule

LOCATOR = locate.Locator(9, 2)
CITY = City(
    time_zone=ZoneInfo("UTC"),
    vehicle_types=frozenset(["bicycle"]),
    cells=lambda geometry: frozenset(map(locate.to_hex, locate.cells_in_polygon(geometry, 9))),
    edge=lambda geometry: frozenset(map(locate.to_hex, locate.cells_on_edge(geometry, 9))),
    cell_km2=locate.cell_km2(9),
    region=lambda cell: LOCATOR.region(locate.from_hex(cell)),
    centre=lambda cell: locate.centre(locate.from_hex(cell)),
    holder=lambda lat, lon: locate.to_hex(LOCATOR.cells([lat], [lon])[0]),
)
DEFAULT = Rule("default", 60, 1.0, 0.8, 120_000)


def box(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    """Return a GeoJSON rectangle."""
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


PLAZA = box(121.4760, 31.2330, 121.4772, 31.2340)
"""Around HERE (31.2335, 121.4765); smaller than a cell."""
TOWN = box(121.40, 31.20, 121.50, 31.26)


def parsed(text: str, other: str | None = None) -> tuple[Policy, Findings]:
    """Return the policy of a document with the file beside it, and its findings."""
    findings = Findings("zones")
    return read(text, other, DEFAULT, CITY, findings), findings


def time_rule(number: int, *areas: int, **fields: Any) -> dict[str, Any]:
    """Return an MDS rule of type time."""
    base = {"rule_type": "time", "rule_units": "minutes", "states": {"available": [], "reserved": []}}
    return rule(number, *areas, **{**base, **fields})


def mds(*rules: dict[str, Any], **fields: Any) -> Policy:
    """Return a policy of these rules, in force since T0: area 1 is the plaza, 2 the town."""
    made = policy(1, *rules, **{"start_date": T0, "published_date": T0 - 3_600_000, **fields})
    areas = [geography(1, PLAZA, "Plaza"), geography(2, TOWN, "Town")]
    found, findings = parsed(document([made], areas))
    assert not findings.errors, findings.errors
    return found


def gbfs(*features: dict[str, Any], **data: Any) -> str:
    """Return a geofencing_zones document."""
    zones = {"type": "FeatureCollection", "features": list(features)}
    return json.dumps({"version": "3.0", "data": {"geofencing_zones": zones, **data}})


def feature(geometry: dict[str, Any], *rules: dict[str, Any], name: Any = "Plaza") -> dict[str, Any]:
    """Return a zone."""
    return {"type": "Feature", "geometry": geometry, "properties": {"name": name, "rules": list(rules)}}


def grounds_of_types(*rules: dict[str, Any]) -> Ground:
    """Return where vehicles are counted by position and type for rules of type count, in a city of all types."""
    findings = Findings("types")
    areas = [geography(1, PLAZA, "Plaza"), geography(2, TOWN, "Town")]
    made = policy(1, *rules, start_date=T0, published_date=T0 - 3_600_000)
    city = replace(CITY, vehicle_types=frozenset(VEHICLE_TYPES))
    found = count_ground(read(document([made], areas), None, DEFAULT, city, findings))
    assert not findings.errors, findings.errors
    assert found is not None
    return found
