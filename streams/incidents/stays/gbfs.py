"""GBFS geofencing zones: where vehicles may not be left, and how fast they may go.

https://github.com/MobilityData/gbfs/blob/v3.0/gbfs.md#geofencing_zonesjson. Until 2.3 `ride_allowed` says of a zone
that a ride may begin and end there, 3.0 has `ride_end_allowed`. Features earlier in the list go first, and of a feature
the first rule that names the vehicle's type. A zone is there from its `start` to before its `end`. `global_rules` (3.0)
hold everywhere, "except where overridden with an explicit geofencing zone": one that is there then, and has a rule for
the vehicle's type.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import shapely

from schemas.vehicles import STANDING_STATES
from streams.incidents.geometry import GeometryError, area_of
from streams.incidents.json_turns import Each, dumps
from streams.incidents.mds.fields import others
from streams.incidents.mds.hours import Hours
from streams.incidents.mds.policy import ALWAYS, Span
from streams.incidents.policy_findings import Findings
from streams.incidents.speeds.gbfs import speed_of_zone
from streams.incidents.speeds.rules import SpeedPolicy, SpeedRule
from streams.incidents.stays.gbfs_types import VehicleTypes
from streams.incidents.stays.rules import Area, StayKind, StayPolicy, StayRule
from streams.printable import is_printable

POLICY_ID = "geofencing_zones"
_PROPERTIES = ("name", "start", "end", "rules")
_FIELDS = (
    *("vehicle_type_id", "vehicle_type_ids", "ride_allowed", "ride_start_allowed", "ride_end_allowed"),
    *("ride_through_allowed", "maximum_speed_kph", "station_parking"),
)
_NOT_JUDGED = ("ride_start_allowed", "ride_through_allowed")

_OUTSIDE = (
    "zones with a limit and a counterclockwise outline: {:,}. Until 2.3 that means the area outside, but not in many "
    "feeds, so the area inside is taken; where outside is meant, let the zone allow it and put the limit into "
    "global_rules"
)
"""Of 2.3: "a counterclockwise order defines the area outside the polygon". 3.0 has dropped it."""

ZoneRule = tuple[StayRule, SpeedRule]
"""What one rule of a zone says about parking and about speed."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a document leaves open: which vehicles its rules name, and how long one may stand where none may be left."""

    types: VehicleTypes
    notice_ms: int


@dataclass(frozen=True, slots=True)
class Zones:
    """What a document says, and the areas that both kinds of policies are about."""

    stays: tuple[StayPolicy, ...]
    speeds: tuple[SpeedPolicy, ...]
    areas: tuple[Area, ...]


def is_gbfs(document: Any) -> bool:
    """Return whether a JSON value has the form of geofencing_zones.json."""
    data = document.get("data") if isinstance(document, dict) else None
    return isinstance(data, dict) and "geofencing_zones" in data


def read_geofencing(document: Mapping[str, Any], terms: Terms, findings: Findings) -> Zones:
    """Return the policies and their areas; all mistakes are added to the findings.

    Without a limit there is no policy on speed.
    """
    collection = document["data"]["geofencing_zones"]
    features = collection.get("features") if isinstance(collection, dict) else None
    if not isinstance(features, list):
        findings.error("data.geofencing_zones", "a GeoJSON FeatureCollection is expected")
        return Zones((), (), ())
    _note_ignored(features, document["data"].get("global_rules"), findings)
    rules: list[ZoneRule] = []
    areas: list[Area] = []
    outside = 0
    for index, feature in enumerate(features):
        place = f"data.geofencing_zones.features[{index}]"
        for area, found in _zone(feature, index, place, terms, findings):
            areas.append(area)
            rules += found
            limited = any(stay.limit_ms is not None or speed.limit_kmh is not None for stay, speed in found)
            outside += limited and _is_counterclockwise(feature["geometry"])
    if outside and str(document.get("version")).startswith("2."):
        findings.note("data.geofencing_zones", _OUTSIDE.format(outside))
    last, everywhere = _global(document["data"].get("global_rules"), terms, findings)
    rules = list(_told_apart([*rules, *last]))
    areas += everywhere
    findings.note("", "it names no operator, so it applies to all of them")
    known = list(terms.types)
    data = {**document["data"], "geofencing_zones": {**collection, "features": Each.of(features)}}
    text = dumps([data, terms.notice_ms, *([known] if known else [])])
    version = hashlib.sha256(text.encode()).hexdigest()[:12]
    about = POLICY_ID, "geofencing zones", version, frozenset[str](), 0, None
    stays = StayPolicy(*about, tuple(stay for stay, _ in rules))
    speeds = SpeedPolicy(*about, tuple(speed for _, speed in rules))
    limited = any(speed.limit_kmh is not None for speed in speeds.rules)
    return Zones((stays,), (speeds,) if limited else (), tuple(areas))


def _note_ignored(features: Sequence[Any], global_rules: Any, findings: Findings) -> None:
    """Name what zones and their rules have that GBFS does not: it may be misspelt."""
    zones = [feature.get("properties") for feature in features if isinstance(feature, dict)]
    lists = [global_rules, *(zone.get("rules") for zone in zones if isinstance(zone, dict))]
    rules = [rule for some in lists if isinstance(some, list) for rule in some]
    for what, ignored in (("properties", others(zones, _PROPERTIES)), ("rules", others(rules, _FIELDS))):
        if ignored:
            text = f"{what} have {ignored}, which is not part of GBFS; it is ignored"
            findings.without_effect("data.geofencing_zones", text)


def _told_apart(rules: Iterable[ZoneRule]) -> Iterator[ZoneRule]:
    """Yield the rules with ids of their own: zones may have the same ground, at other dates or for other types."""
    numbers: Counter[str] = Counter()
    for stay, speed in rules:
        (area,) = stay.areas
        rule_id = f"{area}.{numbers[area]}"
        numbers[area] += 1
        yield replace(stay, rule_id=rule_id), replace(speed, rule_id=rule_id)


def _zone(
    feature: Any, index: int, place: str, terms: Terms, findings: Findings
) -> Iterator[tuple[Area, list[ZoneRule]]]:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(properties, dict) or not isinstance(geometry, dict):
        findings.error(place, "a GeoJSON Feature with geometry and properties is expected")
        return
    try:
        shape, repaired = area_of(geometry)
    except GeometryError as error:
        findings.error(place, str(error))
        return
    if repaired:
        findings.note(place, repaired)
    area, name = Area.of(shape), _name(properties.get("name")) or f"zone-{index}"
    at = f"{place}.properties.rules"
    dates = _dates(properties, f"{place}.properties", findings)
    yield (
        area,
        list(_rules(properties.get("rules"), name, area, dates, "no_parking", terms, at, findings)),
    )


def _is_counterclockwise(geometry: Mapping[str, Any]) -> bool:
    parts = shapely.get_parts(shapely.geometry.shape(geometry))
    return any(part.exterior.is_ccw for part in parts if not part.is_empty)


def _dates(properties: Mapping[str, Any], place: str, findings: Findings) -> Span:
    """Return when a zone is there: seconds since the epoch (until 2.3) or RFC 3339 (3.0)."""

    def instant(key: str) -> int | None:
        value = properties.get(key)
        if value is None:
            return None
        try:
            if isinstance(value, str):
                moment = datetime.fromisoformat(value)
                seconds = moment.timestamp() if moment.tzinfo else None
            else:
                seconds = None if isinstance(value, bool) else datetime.fromtimestamp(value, UTC).timestamp()
        except (ValueError, OverflowError, OSError, TypeError):
            seconds = None
        if seconds is None or seconds < 0:
            findings.error(
                f"{place}.{key}",
                f"is {value!r}; RFC 3339 with an offset is expected (until 2.3 seconds since 1970)",
            )
            return None
        return round(seconds * 1000)

    dates = Span(instant("start") or 0, instant("end"))
    if dates.end is not None and dates.end <= dates.begin:
        given = f"is {properties['end']!r}, not after the start {properties.get('start')!r}"
        findings.note(f"{place}.end", f"{given}; the zone is never in force")
    return dates


def _global(given: Any, terms: Terms, findings: Findings) -> tuple[list[ZoneRule], list[Area]]:
    """Return the rules that hold where no zone says otherwise, and their area: outside of nothing."""
    if given is None:
        return [], []
    everywhere = Area.of(shapely.Polygon(), outside=True)
    rules = _rules(
        given,
        "global rules",
        everywhere,
        ALWAYS,
        "outside_service_area",
        terms,
        "data.global_rules",
        findings,
    )
    return list(rules), [everywhere]


def _rules(
    given: Any,
    zone: str,
    area: Area,
    dates: Span,
    kind: StayKind,
    terms: Terms,
    place: str,
    findings: Findings,
) -> Iterator[ZoneRule]:
    if given is None:
        return
    if not isinstance(given, list) or not all(isinstance(rule, dict) for rule in given):
        findings.error(place, "a list of rules is expected")
        return
    for number, rule in enumerate(given):
        at = f"{place}[{number}]"
        allowed = rule.get("ride_end_allowed", rule.get("ride_allowed"))
        if not isinstance(allowed, bool):
            findings.error(
                at, f"ride_end_allowed (until 2.3 ride_allowed) is {allowed!r}; true or false is expected"
            )
            continue
        about = terms.types.of(rule, at)
        if about is None:
            continue
        for key in _NOT_JUDGED:
            if rule.get(key) not in (None, True):
                findings.note(f"{at}.{key}", "is not evaluated")
        at_stations = rule.get("station_parking") not in (None, False)
        if at_stations:
            findings.note(
                f"{at}.station_parking",
                "where stations are is not known here, so no vehicle is reported for where it is parked",
            )
        stay = StayRule(
            rule_id=f"{area.area_id}.{number}",
            name=zone,
            kind=kind,
            zone=zone,
            areas=frozenset([area.area_id]),
            states=tuple(STANDING_STATES),
            vehicle_types=about,
            limit_ms=None if allowed or at_stations else terms.notice_ms,
            hours=Hours(),
            dates=dates,
        )
        yield stay, speed_of_zone(rule, stay, at, findings)


def _name(value: Any) -> str | None:
    """Return a text, or of localized ones (3.0) the English or else the first; what cannot be printed is a space."""
    if isinstance(value, list):
        texts = [one for one in value if isinstance(one, dict)]
        best = next((one for one in texts if one.get("language") == "en"), texts[0] if texts else {})
        value = best.get("text")
    if not isinstance(value, str) or not value.strip():
        return None
    return "".join(letter if is_printable(letter) else " " for letter in value)
