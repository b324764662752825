"""Capacities: a default for every cell, and zones of a GeoJSON file that override it.

A policy file is a GeoJSON FeatureCollection. Each feature is a Polygon or MultiPolygon with properties
`name` (text), `capacity` (vehicles a cell, at least 1) and, if wanted, `raise_ratio`, `clear_ratio`,
`min_duration_s`. A cell belongs to the first zone that contains its centre.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import shapely
from shapely.geometry import shape
from shapely.validation import explain_validity

from streams.errors import PolicyError


@dataclass(frozen=True, slots=True)
class Rule:
    """How many standing vehicles a cell holds, and when an alert is raised and cleared.

    Raised when occupancy >= `raise_at` for `min_duration_ms` of event time; cleared when
    occupancy < `clear_below`.
    """

    zone: str
    capacity: int
    raise_ratio: float
    clear_ratio: float
    min_duration_ms: int

    @property
    def raise_at(self) -> int:
        """Vehicles from which on the cell is oversaturated."""
        return max(1, math.ceil(round(self.capacity * self.raise_ratio, 9)))  # 100 x 1.1 is a little over 110

    @property
    def clear_below(self) -> int:
        """Vehicles below which the cell is no longer oversaturated: below `raise_at`, but an empty cell always is."""
        return max(1, min(math.floor(round(self.capacity * self.clear_ratio, 9)), self.raise_at - 1))


@dataclass(frozen=True, slots=True)
class Policy:
    """The default rule and the zones, first match wins; `version` is a hash of all that decides."""

    name: str
    version: str
    default: Rule
    zones: tuple[tuple[Rule, Any], ...] = ()

    def rule_at(self, lat: float, lon: float) -> Rule:
        """Return the rule for a cell whose centre is at (lat, lon)."""
        point = shapely.Point(lon, lat)
        for rule, area in self.zones:
            if area.contains(point):
                return rule
        return self.default


def parse(document: str | None, default: Rule, name: str) -> Policy:
    """Build the policy from a GeoJSON text (None: the default alone); PolicyError names what is wrong."""
    version = hashlib.sha256(f"{default}{document or ''}".encode()).hexdigest()[:12]
    if document is None:
        return Policy(name, version, default)
    try:
        collection = json.loads(document)
    except json.JSONDecodeError as error:
        raise PolicyError(
            f"policy {name}: not JSON ({error}); a GeoJSON FeatureCollection is expected"
        ) from None
    if not isinstance(collection, dict) or collection.get("type") != "FeatureCollection":
        raise PolicyError(f"policy {name}: a GeoJSON FeatureCollection is expected")
    features = collection.get("features")
    if not isinstance(features, list):
        raise PolicyError(f"policy {name}: features is {features!r}; a list of GeoJSON features is expected")
    return Policy(name, version, default, tuple(_zone(f, i, default, name) for i, f in enumerate(features)))


def _zone(feature: Any, index: int, default: Rule, name: str) -> tuple[Rule, Any]:
    where = f"policy {name}, feature {index}"
    properties = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(properties, dict) or not isinstance(feature.get("geometry"), dict):
        raise PolicyError(f"{where}: a GeoJSON Feature with geometry and properties is expected")
    zone = str(properties.get("name", f"zone-{index}"))
    rule = replace(
        default,
        zone=zone,
        capacity=int(_number(properties, "capacity", default.capacity, 1, f"{where} ({zone})")),
        raise_ratio=_number(properties, "raise_ratio", default.raise_ratio, 1e-9, f"{where} ({zone})"),
        clear_ratio=_number(properties, "clear_ratio", default.clear_ratio, 1e-9, f"{where} ({zone})"),
        min_duration_ms=int(
            1000
            * _number(properties, "min_duration_s", default.min_duration_ms / 1000, 0, f"{where} ({zone})")
        ),
    )
    if rule.clear_ratio >= rule.raise_ratio:
        raise PolicyError(
            f"{where} ({zone}): clear_ratio {rule.clear_ratio} must be below raise_ratio {rule.raise_ratio}; "
            "with equal thresholds an alert would flap"
        )
    return rule, _area(feature["geometry"], f"{where} ({zone})")


def _number(properties: Mapping[str, Any], key: str, default: float, least: float, where: str) -> float:
    value = properties.get(key, default)
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not abs(value) < 1e15  # NaN is not either
        or value < least
    ):
        raise PolicyError(f"{where}: {key} is {value!r}; a number of at least {least:g} is expected")
    return float(value)


def _area(geometry: Mapping[str, Any], where: str) -> Any:
    if geometry.get("type") not in ("Polygon", "MultiPolygon"):
        raise PolicyError(f"{where}: geometry {geometry.get('type')!r}; Polygon or MultiPolygon is expected")
    try:
        area = shape(geometry)
    except (ValueError, TypeError, LookupError, AttributeError, shapely.errors.ShapelyError) as error:
        raise PolicyError(f"{where}: geometry cannot be read ({error})") from None
    if area.is_empty or not area.is_valid:
        raise PolicyError(f"{where}: {explain_validity(area)}; correct the outline")
    shapely.prepare(area)
    return area
