"""Capacities: a default for every cell, and zones of a GeoJSON file that override it.

Rules of MDS policies (streams/incidents/counts) count in whole geographies, and stand beside the capacities of cells.

A policy file is a GeoJSON FeatureCollection. Each feature is a Polygon or MultiPolygon with properties
`name` (text), `capacity` (vehicles a cell, at least 1) and, if wanted, `raise_ratio`, `clear_ratio`,
`min_duration_s`. A cell belongs to the first zone that contains its centre.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from typing import Any

import numpy as np
import shapely

from streams.incidents.counts.rules import CountPolicy
from streams.incidents.geometry import GeometryError, area_of, too_far
from streams.incidents.json_turns import loads
from streams.incidents.mds.fields import others, spaced
from streams.incidents.policy_findings import Findings
from streams.incidents.speeds.rules import SpeedPolicy
from streams.incidents.stays.rules import Area, StayPolicy
from streams.incidents.thresholds.rules import Threshold
from streams.incidents.trips.rules import TripPolicy
from streams.printable import is_printable

PROPERTIES = ("name", "capacity", "raise_ratio", "clear_ratio", "min_duration_s")


@dataclass(frozen=True, slots=True)
class Rule:
    """How many standing vehicles a cell holds, and when an alert is raised and cleared.

    Raised when occupancy >= `raise_at` for `min_duration_ms` of event time; cleared when occupancy < `clear_below`,
    which is below `raise_at`, but an empty cell always is.
    """

    zone: str
    capacity: int
    raise_ratio: float
    clear_ratio: float
    min_duration_ms: int
    raise_at: int = field(init=False, repr=False)
    clear_below: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Once: they are asked for at each look at a cell. Rounded, as 100 x 1.1 is a little over 110.
        raise_at = max(1, math.ceil(round(self.capacity * self.raise_ratio, 9)))
        clear_below = max(1, min(math.floor(round(self.capacity * self.clear_ratio, 9)), raise_at - 1))
        object.__setattr__(self, "raise_at", raise_at)
        object.__setattr__(self, "clear_below", clear_below)


@dataclass(frozen=True, slots=True)
class Policy:
    """The default rule and the zones, first match wins; `version` is a hash of all that decides about cells.

    `counts`, `stays`, `speeds` and `trips` are policies with versions of their own, whose hours are those of
    `time_zone`; `areas` are those that `stays` speak of, `speed_areas` those of `speeds`. `thresholds` are of metrics,
    from a file of their own.
    """

    name: str
    version: str
    default: Rule
    zones: tuple[tuple[Rule, Any], ...] = ()
    counts: tuple[CountPolicy, ...] = ()
    stays: tuple[StayPolicy, ...] = ()
    areas: tuple[Area, ...] = ()
    speeds: tuple[SpeedPolicy, ...] = ()
    speed_areas: tuple[Area, ...] = ()
    trips: tuple[TripPolicy, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    time_zone: tzinfo = UTC
    _boxes: Any = field(init=False, repr=False, compare=False)
    """Finds the zones around a point: there may be thousands, and every cell asks as a file is taken."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_boxes", shapely.STRtree([area for _, area in self.zones]))

    def rule_at(self, lat: float, lon: float) -> Rule:
        """Return the rule for a cell whose centre is at (lat, lon)."""
        if not self.zones:
            return self.default
        point = shapely.Point(lon, lat)
        number: int
        for number in sorted(self._boxes.query(point).tolist()):
            rule, area = self.zones[number]
            if area.contains(point):
                return rule
        return self.default

    def rules_at(self, lat: Sequence[float], lon: Sequence[float]) -> list[Rule]:
        """Return the rule for each of n cells whose centres are there: many at once take a fraction of the time."""
        points = shapely.points(lon, lat)
        at, number = self._boxes.query(points)
        within = shapely.contains(self._boxes.geometries[number], points[at])
        first = np.full(len(points), len(self.zones))
        np.minimum.at(first, at[within], number[within])
        return [self.default if n == len(self.zones) else self.zones[n][0] for n in first.tolist()]


def parse(document: str | None, default: Rule, name: str) -> Policy:
    """Build the policy from a GeoJSON text (None: the default alone); PolicyError names what is wrong."""
    findings = Findings(name)
    policy = read_zones(document, default, findings)
    findings.raise_errors()
    return policy


def read_zones(document: str | None, default: Rule, findings: Findings, value: Any = None) -> Policy:
    """Build the policy from a GeoJSON text, of the zones that are right; all mistakes are added to the findings.

    `value` is what the text holds, where that is known.
    """
    version = hashlib.sha256(f"{default}{document or ''}".encode()).hexdigest()[:12]
    features = [] if document is None else _features(document, value, findings)
    zones = [_zone(feature, index, default, findings) for index, feature in features]
    if ignored := others((_properties(feature) for _, feature in features), PROPERTIES):
        findings.without_effect(
            "features", f"properties {ignored} have no effect; known properties are {', '.join(PROPERTIES)}"
        )
    return Policy(findings.name, version, default, tuple(zone for zone in zones if zone is not None))


def _features(document: str, value: Any, findings: Findings) -> list[tuple[int, Any]]:
    try:
        collection = loads(document) if value is None else value
    except (ValueError, RecursionError) as error:  # JSONDecodeError, and what a number of 5,000 digits gives
        why = error if document.strip() else "it is empty"
        findings.error("", f"not JSON ({why}); a GeoJSON FeatureCollection is expected")
        return []
    if not isinstance(collection, dict) or collection.get("type") != "FeatureCollection":
        findings.error("", "a GeoJSON FeatureCollection is expected")
        return []
    features = collection.get("features")
    if not isinstance(features, list):
        findings.error("", f"features is {features!r}; a list of GeoJSON features is expected")
        return []
    return list(enumerate(features))


def _properties(feature: Any) -> Any:
    return feature.get("properties") if isinstance(feature, dict) else None


def _zone(feature: Any, index: int, default: Rule, findings: Findings) -> tuple[Rule, Any] | None:
    place = f"feature {index}"
    properties = _properties(feature)
    if not isinstance(properties, dict) or not isinstance(feature.get("geometry"), dict):
        findings.error(place, "a GeoJSON Feature with geometry and properties is expected")
        return None
    name = properties.get("name")
    zone = spaced("" if name is None else str(name))
    if not zone.strip():
        zone = f"zone-{index}"
    if not is_printable(zone):
        findings.error(place, f"name is {zone!r}; a text of printable characters is expected")
        return None
    place = f"{place} ({zone})"

    def number(key: str, usual: float, least: float) -> float:
        return _number(properties, key, usual, least, place, findings)

    capacity = number("capacity", default.capacity, 1)
    if capacity % 1:
        findings.note(
            place, f"capacity is {capacity!r}; a cell holds whole vehicles, so {int(capacity):,} is used"
        )
    rule = replace(
        default,
        zone=zone,
        capacity=int(capacity),
        raise_ratio=number("raise_ratio", default.raise_ratio, 1e-9),
        clear_ratio=number("clear_ratio", default.clear_ratio, 1e-9),
        min_duration_ms=int(1000 * number("min_duration_s", default.min_duration_ms / 1000, 0)),
    )
    if rule.clear_ratio >= rule.raise_ratio:
        findings.error(
            place,
            f"clear_ratio {rule.clear_ratio} must be below raise_ratio {rule.raise_ratio}; "
            "with equal thresholds an alert would flap",
        )
    try:
        area, repaired = area_of(feature["geometry"])
    except GeometryError as error:
        findings.error(place, str(error))
        return None
    if repaired:
        findings.note(place, repaired)
    if wrong := too_far(area):
        findings.error(place, wrong)
    return rule, area


def _number(
    properties: Mapping[str, Any], key: str, usual: float, least: float, place: str, findings: Findings
) -> float:
    value = properties.get(key)
    if value is None:  # as programs of maps write a field that is empty
        return usual
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not abs(value) < 1e15  # NaN is not either
        or value < least
    ):
        findings.error(place, f"{key} is {value!r}; a number of at least {least:g} is expected")
        return usual
    return float(value)
