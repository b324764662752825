"""geofencing_zones of GBFS 2.1 to 3.0 as GeoJSON that says the same in all versions.

https://github.com/MobilityData/gbfs/blob/v3.0/gbfs.md#geofencing_zonesjson. Until 2.3 `ride_allowed` meant that a ride
may begin and end; 3.0 asks for each, and has names in several languages. Its `global_rules` (for everywhere else) are
not taken.
"""

from collections.abc import Mapping
from typing import Any

from shapely import GEOSException
from shapely.geometry import shape
from shapely.validation import explain_validity

from sensors_sim.sources.contract import BadRow, Report
from sensors_sim.sources.gbfs_reference import objects
from sensors_sim.sources.instants import instant

Feature = dict[str, Any]
_POLYGONS = ("Polygon", "MultiPolygon")


def features(data: Mapping[str, Any]) -> list[Any] | None:
    """Return the zones of a document, or None when it is about something else."""
    collection = data.get("geofencing_zones")
    if not isinstance(collection, dict):
        return None
    found = collection.get("features")
    return found if isinstance(found, list) else []


def zones(found: list[Any], where: str, report: Report) -> list[Feature]:
    """Return the zones that are sound; every other one is counted with what is wrong with it."""
    out: list[Feature] = []
    for index, feature in enumerate(found):
        report.rows += 1
        try:
            out.append(_zone(feature, index))
        except BadRow as bad:
            report.skip(bad.reason, f"{where} feature {index}: {bad.value[:120]}")
    return out


def collection(of: list[Feature]) -> Feature:
    """Return zones as a GeoJSON document (RFC 7946)."""
    return {"type": "FeatureCollection", "features": of}


def _zone(feature: object, index: int) -> Feature:
    if not isinstance(feature, dict):
        raise BadRow("zone_without_geometry", repr(feature))
    properties = feature.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    return {
        "type": "Feature",
        "geometry": _sound(feature.get("geometry")),
        "properties": {
            "name": _text(properties.get("name")) or f"zone-{index}",  # as workers call it
            "start": instant(properties.get("start")),
            "end": instant(properties.get("end")),
            "rules": [_rule(rule) for rule in objects(properties.get("rules"))],
        },
    }


def _sound(geometry: object) -> dict[str, Any]:
    """Return a polygon or several, as they stand. Raises BadRow with what GEOS says about it."""
    if not isinstance(geometry, dict) or geometry.get("type") not in _POLYGONS:
        kind = geometry.get("type") if isinstance(geometry, dict) else geometry
        raise BadRow("zone_without_geometry", f"{kind!r} instead of {' or '.join(_POLYGONS)}")
    try:
        area = shape(geometry)
        west, south, east, north = area.bounds
        fault = explain_validity(area)
    except (
        *(GEOSException, ValueError, TypeError, IndexError, KeyError, AttributeError),
        OverflowError,  # a whole number of 310 digits
    ) as error:
        raise BadRow("zone_invalid", str(error)) from None
    if fault != "Valid Geometry":
        raise BadRow("zone_invalid", fault)
    if not (west >= -180 and east <= 180 and south >= -90 and north <= 90):
        raise BadRow("coordinates_out_of_range", f"{west},{south} to {east},{north}")
    return geometry


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    whole = rule.get("ride_allowed")
    return {
        "vehicle_type_ids": rule.get("vehicle_type_ids", rule.get("vehicle_type_id")),
        "ride_start_allowed": rule.get("ride_start_allowed", whole),
        "ride_end_allowed": rule.get("ride_end_allowed", whole),
        "ride_through_allowed": rule.get("ride_through_allowed"),
        "maximum_speed_kph": rule.get("maximum_speed_kph"),
        "station_parking": rule.get("station_parking"),
    }


def _text(value: object) -> str | None:
    """Return a text, or of localized ones (3.0) the English or else the first; None where it is blank."""
    if not isinstance(value, str):
        texts = objects(value)
        best = next((text for text in texts if text.get("language") == "en"), texts[0] if texts else {})
        value = best.get("text")
    return value if isinstance(value, str) and value.strip() else None
