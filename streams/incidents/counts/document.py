"""MDS 2.0 policy documents: rules of types `count` and `time` with their geographies, and every mistake in them.

The form is that of the flat files of https://github.com/openmobilityfoundation/mobility-data-specification/tree/2.0.0/policy:
`policies.json` ({"version": …, "data": {"policies": […]}}), whose geographies stand in `data.geographies` of the same
document or of another (`geographies.json`).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from schemas.vehicles import ID_PATTERN
from streams.incidents.counts.fields import Fields
from streams.incidents.counts.geographies import City, Geography, middle, read_geographies
from streams.incidents.counts.rules import CountPolicy, CountRule, Units
from streams.incidents.findings import Findings
from streams.incidents.stays.document import stay_rule
from streams.incidents.stays.rules import Area, StayPolicy, StayRule

POLICY_FIELDS = (
    *("name", "mode_id", "policy_id", "provider_ids", "description", "currency"),
    *("start_date", "end_date", "published_date", "prev_policies", "rules"),
)
RULE_FIELDS = (
    *(
        "rule_id",
        "name",
        "rule_type",
        "geographies",
        "states",
        "rule_units",
        "vehicle_types",
        "propulsion_types",
    ),
    *("minimum", "maximum", "inclusive_minimum", "inclusive_maximum", "start_time", "end_time", "days"),
    *("rate_amount", "rate_recurrence", "rate_applies_when", "messages", "value_url"),
)
RULE_TYPES = ("count", "time", "speed", "rate", "user")
VEHICLE_TYPES = (
    *("bicycle", "bus", "cargo_bicycle", "car", "delivery_robot", "moped", "motorcycle"),
    *("scooter", "scooter_standing", "scooter_seated", "truck", "other"),
)
NOTICE_MS = 20 * 60_000
"""A policy begins so long after it was published, that all may have read it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What else policies are judged by: a text that goes into their versions, and how long a bound must be broken."""

    decides: str
    min_duration_ms: int


@dataclass(frozen=True, slots=True)
class Areas:
    """The geographies of a document, and their ground, both by id of geography."""

    geographies: Mapping[str, Geography]
    ground: Mapping[str, Area]


@dataclass(frozen=True, slots=True)
class Read:
    """What a document says: numbers of vehicles, single vehicles that stand, and the areas these are about."""

    counts: tuple[CountPolicy, ...]
    stays: tuple[StayPolicy, ...]
    areas: tuple[Area, ...]


def is_mds(document: Any) -> bool:
    """Return whether a JSON value has the form of an MDS policy document."""
    return isinstance(document, dict) and isinstance(_data(document).get("policies"), list)


def geographies_of(document: str) -> Any:
    """Return the list of geographies of an MDS document, or None."""
    try:
        value = json.loads(document)
    except (json.JSONDecodeError, RecursionError):
        return None
    return _data(value).get("geographies") if isinstance(value, dict) else None


def read_policies(
    document: Mapping[str, Any], geographies: Any, judged: Judged, city: City, findings: Findings
) -> Read:
    """Return the policies; `geographies` is the list of the other document, or None."""
    data = _data(document)
    version = document.get("version")
    if not isinstance(version, str) or not version.startswith("2."):
        findings.note("version", f"is {version!r}; the file is read as MDS 2.0")
    own = data.get("geographies")
    place = "geographies.json, data.geographies" if own is None else "data.geographies"
    areas = read_geographies(geographies if own is None else own, place, city, findings)
    ground = {name: Area.of(one.shape) for name, one in areas.items() if one.shape is not None}
    found: dict[str, tuple[CountPolicy, StayPolicy]] = {}
    superseded: dict[str, int] = {}
    rule_ids: set[str] = set()
    for index, value in enumerate(data["policies"]):
        at = f"data.policies[{index}]"
        if not isinstance(value, dict):
            findings.error(at, f"is {value!r}; an MDS policy is expected")
            continue
        fields = Fields(value, at, findings)
        counts, stays = _policy(fields, Areas(areas, ground), rule_ids, judged, city, findings)
        if counts.policy_id in found:
            fields.error("policy_id", "another policy has this id; give it one of its own")
        found[counts.policy_id] = counts, stays
        for earlier in fields.texts("prev_policies", ".+", "UUIDs"):
            superseded[earlier.lower()] = min(counts.begin, superseded.get(earlier.lower(), counts.begin))
    ended = [
        (_ended(counts, superseded.get(name)), _ended(stays, superseded.get(name)))
        for name, (counts, stays) in found.items()
    ]
    spoken_of = {area for _, stays in ended for rule in stays.rules for area in rule.areas}
    return Read(
        counts=tuple(counts for counts, _ in ended),
        stays=tuple(stays for _, stays in ended if stays.rules),
        areas=tuple({a.area_id: a for a in ground.values() if a.area_id in spoken_of}.values()),
    )


def _data(document: Mapping[str, Any]) -> Mapping[str, Any]:
    data = document.get("data", document)
    return data if isinstance(data, dict) else {}


def _ended[P: (CountPolicy, StayPolicy)](policy: P, superseded: int | None) -> P:
    """Return the policy as it ends: at its own end, or when another one replaces it."""
    ends = [end for end in (policy.end, superseded) if end is not None]
    return replace(policy, end=min(ends, default=None))


def _policy(
    fields: Fields, areas: Areas, rule_ids: set[str], judged: Judged, city: City, findings: Findings
) -> tuple[CountPolicy, StayPolicy]:
    fields.note_unknown(POLICY_FIELDS)
    begin, end = fields.timestamp("start_date", required=True), fields.timestamp("end_date", required=False)
    published = fields.timestamp("published_date", required=False)
    if begin is not None and end is not None and end <= begin:
        fields.error("end_date", f"it must lie after start_date {begin}")
    if begin is not None and published is not None and begin < published + NOTICE_MS:
        fields.note("start_date", "MDS asks for 20 minutes or more after published_date")
    rules = fields.values.get("rules")
    if not isinstance(rules, list) or not rules:
        fields.error("rules", "a list of MDS rules is expected")
        rules = []
    counted: list[CountRule] = []
    stays: list[StayRule] = []
    for index, value in enumerate(rules):
        at = f"{fields.place}.rules[{index}]"
        if not isinstance(value, dict):
            findings.error(at, f"is {value!r}; an MDS rule is expected")
            continue
        rule = _rule(Fields(value, at, findings), areas, rule_ids, judged, city)
        if isinstance(rule, CountRule):
            counted.append(rule)
        elif rule is not None:
            stays.append(rule)
    policy_id, name, version = (
        fields.uuid("policy_id"),
        fields.text("name"),
        _version(judged, fields, counted, stays),
    )
    operators = frozenset(fields.texts("provider_ids", ID_PATTERN, "operators, as MQTT topics name them,"))
    return (
        CountPolicy(policy_id, name, version, operators, begin or 0, end, tuple(counted)),
        StayPolicy(policy_id, name, version, operators, begin or 0, end, tuple(stays)),
    )


def _version(judged: Judged, fields: Fields, rules: Sequence[CountRule], stays: Sequence[StayRule]) -> str:
    ground = [sorted(rule.cells) for rule in rules] + [sorted(rule.areas) for rule in stays]
    text = json.dumps([judged.decides, fields.values, ground], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _rule(
    fields: Fields, areas: Areas, rule_ids: set[str], judged: Judged, city: City
) -> CountRule | StayRule | None:
    fields.note_unknown(RULE_FIELDS)
    kind = fields.values.get("rule_type")
    if kind not in RULE_TYPES:
        fields.error("rule_type", f"one of {', '.join(RULE_TYPES)} is expected")
        return None
    if kind not in ("count", "time"):
        fields.note("", f"a rule of type {kind} is not judged, and takes no vehicles from the rules after it")
        return None
    rule_id = fields.uuid("rule_id")
    if rule_id in rule_ids:
        fields.error("rule_id", "another rule has this id; give it one of its own")
    rule_ids.add(rule_id)
    found = _geographies(fields, areas.geographies)
    if kind == "time":
        return stay_rule(fields, rule_id, found, areas.ground, judged.min_duration_ms) if found else None
    units = _units(fields)
    if fields.values.get("value_url") is not None:
        fields.note(
            "value_url", "it is not asked; the vehicles of all operators of the policy are counted here"
        )
    applies = _applies(fields, city)
    minimum, maximum = _bounds(fields, units)
    name, states, hours = fields.text("name"), fields.states(), fields.hours()
    if units == "utilization" and "on_trip" not in states:
        fields.error("states", "on_trip must be among them: utilization is the share of vehicles on a trip")
    cells = frozenset(cell for area in found for cell in area.cells or ())
    if found and not cells:
        fields.error(
            "geographies", "they hold no centre of a cell, so nothing would be counted; draw them larger"
        )
    if not cells or not applies:
        return None
    regions = sorted({city.region(cell) for cell in cells})
    if len(regions) > 1:
        rule = f"its cells lie in the regions {', '.join(regions)}, and a rule is counted in one; divide it, or set "
        fields.error("geographies", rule + "UB_REGION_RESOLUTION lower")
        return None
    cell = middle(cells, city)
    ids, names = tuple(area.geography_id for area in found), ", ".join(area.name for area in found)
    return CountRule(
        rule_id, name, ids, names, cells, regions[0], cell, *city.centre(cell), states, minimum, maximum,
        hours, units,
    )  # fmt: skip


def _applies(fields: Fields, city: City) -> bool:
    """Return whether the rule is about the vehicles that there are."""
    if fields.values.get("propulsion_types") not in (None, []):
        fields.error("propulsion_types", "vehicles are not counted by propulsion; leave it out")
    types = set(fields.texts("vehicle_types", "|".join(VEHICLE_TYPES), "vehicle types of MDS"))
    if not types or city.vehicle_types <= types:
        return True
    if not city.vehicle_types & types:
        fields.note("vehicle_types", "no vehicle here has one of these types; the rule is not judged")
        return False
    missing = ", ".join(sorted(city.vehicle_types - types))
    fields.error(
        "vehicle_types",
        f"vehicles are not counted by type, and {missing} may be among them; leave it out, or set "
        "UB_POLICY_VEHICLE_TYPES to the types that vehicles here have",
    )
    return True


def _units(fields: Fields) -> Units:
    """Return what the bounds are in; all but devices are an extension of MDS."""
    units = fields.values.get("rule_units")
    if units in ("percent", "utilization"):
        fields.note("rule_units", f"{units} is an extension of MDS 2.0; each operator is judged by itself")
        return cast(Units, units)
    if units not in (None, "devices"):
        fields.error("rule_units", "a count is one of devices, or of percent or utilization of each operator")
    return "devices"


def _bounds(fields: Fields, units: Units) -> tuple[int | None, int | None]:
    """Return the least and the greatest number within bounds."""
    minimum, maximum = fields.number("minimum"), fields.number("maximum")
    if units != "devices":
        _check_percent(fields, minimum, maximum)
        return minimum or None, maximum
    if maximum is not None and not fields.yes("inclusive_maximum", True):
        maximum -= 1
        if maximum < 0:
            fields.error("maximum", "no number is below 0; leave inclusive_maximum out")
    if minimum is not None and not fields.yes("inclusive_minimum", True):
        minimum += 1
    if minimum is not None and maximum is not None and minimum > maximum:
        fields.error("minimum", f"it must not exceed the maximum of {maximum}")
    if fields.values.get("minimum") in (None, 0) and fields.values.get("maximum") is None:
        fields.note("", "no bounds: the rule only keeps its vehicles from the rules after it")
    return minimum or None, maximum


def _check_percent(fields: Fields, minimum: int | None, maximum: int | None) -> None:
    for key, value in (("minimum", minimum), ("maximum", maximum)):
        if value is not None and value > 100:
            fields.error(key, "per cent from 0 to 100 are expected")
        if not fields.yes(f"inclusive_{key}", True):
            fields.error(f"inclusive_{key}", "bounds in per cent are inclusive; leave it out")
    if minimum is not None and maximum is not None and minimum > maximum:
        fields.error("minimum", f"it must not exceed the maximum of {maximum}")
    if not minimum and maximum is None:
        fields.error("maximum", "a rule in per cent without bounds says nothing; give a minimum or maximum")


def _geographies(fields: Fields, areas: Mapping[str, Geography]) -> list[Geography]:
    """Return the geographies of a rule; none where one of them is missing or faulty."""
    ids = fields.texts("geographies", ".+", "UUIDs of geographies")
    if not ids and fields.values.get("geographies") in (None, []):
        fields.error("geographies", "a list of UUIDs of geographies is expected")
    found = []
    for one in ids:
        area = areas.get(one.lower())
        if area is None:
            fields.error("geographies", f"there is no geography {one}; add it to data.geographies")
            return []
        found.append(area)
    return found if all(area.cells is not None for area in found) else []
