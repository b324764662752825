"""MDS 2.0 policy documents: rules of types `count`, `time` and `speed`, their geographies, and every mistake in them.

The form is that of the flat files of https://github.com/openmobilityfoundation/mobility-data-specification/tree/2.0.0/policy:
`policies.json` ({"version": …, "data": {"policies": […]}}), whose geographies stand in `data.geographies` of the same
document or of another (`geographies.json`).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from schemas.vehicles import COUNTED_STATES, ID_PATTERN
from streams.incidents.counts.document import count_rule
from streams.incidents.counts.rules import CountPolicy, CountRule
from streams.incidents.mds.envelope import data_of
from streams.incidents.mds.fields import Fields
from streams.incidents.mds.geographies import City, Geography, read_geographies
from streams.incidents.policy_findings import Findings
from streams.incidents.speeds.document import speed_rule
from streams.incidents.speeds.rules import SpeedPolicy, SpeedRule
from streams.incidents.stays.document import stay_rule
from streams.incidents.stays.rules import Area, StayPolicy, StayRule
from streams.incidents.trips.rules import TripPolicy, TripRule
from streams.printable import quoted

FILE_FIELDS = ("version", "last_updated", "ttl", "end_date", "data", "policies", "geographies")
POLICY_FIELDS = (
    *("name", "mode_id", "policy_id", "provider_ids", "description", "currency"),
    *("start_date", "end_date", "published_date", "prev_policies", "rules"),
)
DECIDE_NOTHING = ("description", "currency", "published_date", "end_date", "prev_policies")
"""Not in the version of a policy: while it is in force it decides the same, whatever they say."""
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
JUDGED = ("count", "time", "speed")
RULE_TYPES = (*JUDGED, "rate", "user")
MODE = "micromobility"
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
    """What a document says: numbers of vehicles, single vehicles that stand or ride, and the areas these are in."""

    counts: tuple[CountPolicy, ...]
    stays: tuple[StayPolicy, ...]
    areas: tuple[Area, ...]
    speeds: tuple[SpeedPolicy, ...]
    speed_areas: tuple[Area, ...]
    trips: tuple[TripPolicy, ...]


Made = tuple[CountPolicy, StayPolicy, SpeedPolicy, TripPolicy]
"""What is made of one MDS policy, by type of rule."""


def read_policies(
    document: Mapping[str, Any], geographies: Any, judged: Judged, city: City, findings: Findings
) -> Read:
    """Return the policies; `geographies` is the list of the other document, or None."""
    data = data_of(document)
    whole = Fields(document, "", findings)
    whole.note_unknown(FILE_FIELDS)
    until = whole.timestamp("end_date", required=False)
    version = document.get("version")
    if not isinstance(version, str) or not version.startswith("2."):
        findings.note("version", f"is {version!r}; the file is read as MDS 2.0")
    own = data.get("geographies")
    place = "geographies.json, data.geographies" if own is None else "data.geographies"
    given = geographies if own is None else own
    areas = read_geographies(given, _asked(data["policies"]), place, city, findings)
    ground = {name: Area.of(one.shape) for name, one in areas.items() if one.shape is not None}
    found: dict[str, Made] = {}
    superseded: dict[str, int] = {}
    rule_ids: set[str] = set()
    for index, value in enumerate(data["policies"]):
        at = f"data.policies[{index}]"
        if not isinstance(value, dict):
            findings.error(at, f"is {value!r}; an MDS policy is expected")
            continue
        fields = Fields(value, at, findings)
        made = _policy(fields, Areas(areas, ground), rule_ids, judged, city, findings)
        policy_id, begin = made[0].policy_id, made[0].begin
        if policy_id in found:
            fields.error("policy_id", "another policy has this id; give it one of its own")
        found[policy_id] = made
        for earlier in fields.uuids("prev_policies", "UUIDs"):
            if earlier == policy_id:
                fields.error("prev_policies", "it would end as it begins; leave its own id out")
            superseded[earlier] = min(begin, superseded.get(earlier, begin))
    ends = {name: _ends(made[0], superseded.get(name), until, findings) for name, made in found.items()}
    counts = tuple(replace(one, end=ends[name]) for name, (one, _, _, _) in found.items())
    stays = tuple(replace(one, end=ends[name]) for name, (_, one, _, _) in found.items() if one.rules)
    speeds = tuple(replace(one, end=ends[name]) for name, (_, _, one, _) in found.items() if one.rules)
    trips = tuple(replace(one, end=ends[name]) for name, (_, _, _, one) in found.items() if one.rules)
    return Read(counts, stays, _spoken_of(stays, ground), speeds, _spoken_of(speeds, ground), trips)


def _asked(policies: Sequence[Any]) -> frozenset[str]:
    """Return the ids of the geographies that rules speak of which are judged; what is wrong with them is said later."""
    lists = [
        one.get("rules") for one in policies if isinstance(one, dict) and one.get("mode_id") in (None, MODE)
    ]
    rules = (rule for some in lists if isinstance(some, list) for rule in some if isinstance(rule, dict))
    judged = (
        Fields(rule, "", Findings(""))
        for rule in rules
        if rule.get("rule_type") in JUDGED and not _is_fee(rule)
    )
    return frozenset(one for rule in judged for one in rule.uuids("geographies", ""))


def _spoken_of(
    policies: Sequence[StayPolicy] | Sequence[SpeedPolicy], ground: Mapping[str, Area]
) -> tuple[Area, ...]:
    """Return the areas that rules are about, each once."""
    ids = {area for one in policies for rule in one.rules for area in rule.areas}
    return tuple({area.area_id: area for area in ground.values() if area.area_id in ids}.values())


def _ends(policy: CountPolicy, superseded: int | None, until: int | None, findings: Findings) -> int | None:
    """Return when a policy ends: at its own end, when another one replaces it, or with all of the file."""
    if superseded is not None and superseded <= policy.begin:
        findings.note(
            f"policy {quoted(policy.name)}",
            "it is never in force: another one that names it in prev_policies begins no later",
        )
    return min((end for end in (policy.end, superseded, until) if end is not None), default=None)


def _policy(
    fields: Fields, areas: Areas, rule_ids: set[str], judged: Judged, city: City, findings: Findings
) -> Made:
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
    if fields.values.get("mode_id") not in (None, MODE):
        fields.note("mode_id", f"is {fields.values['mode_id']!r}; only rules on {MODE} are evaluated")
        rules = []
    counted: list[CountRule] = []
    stays: list[StayRule] = []
    speeds: list[SpeedRule] = []
    trips: list[TripRule] = []
    for index, value in enumerate(rules):
        at = f"{fields.place}.rules[{index}]"
        if not isinstance(value, dict):
            findings.error(at, f"is {value!r}; an MDS rule is expected")
            continue
        of_rule = Fields(value, at, findings)
        rule = _rule(of_rule, areas, rule_ids, judged, city)
        if isinstance(rule, CountRule):
            _note_taken(of_rule, rule, counted)
            counted.append(rule)
        elif isinstance(rule, StayRule):
            stays.append(rule)
        elif isinstance(rule, SpeedRule):
            speeds.append(rule)
        elif rule is not None:
            trips.append(rule)
    policy_id, name, version = (
        fields.uuid("policy_id"),
        fields.text("name"),
        _version(judged, fields, [*counted, *trips], [*stays, *speeds]),
    )
    operators = frozenset(fields.texts("provider_ids", ID_PATTERN, "operators, as MQTT topics name them,"))
    return (
        CountPolicy(policy_id, name, version, operators, begin or 0, end, tuple(counted)),
        StayPolicy(policy_id, name, version, operators, begin or 0, end, tuple(stays)),
        SpeedPolicy(policy_id, name, version, operators, begin or 0, end, tuple(speeds)),
        TripPolicy(policy_id, name, version, operators, begin or 0, end, tuple(trips)),
    )


def _note_taken(fields: Fields, rule: CountRule, before: Sequence[CountRule]) -> None:
    """Note a minimum for which vehicles do not count as an earlier rule counts them: they would be told as missing."""
    if rule.minimum is None or rule.units == "utilization":
        return
    taker = next((one for one in before if one.takes_from(rule)), None)
    if taker is not None:
        fields.note(
            "minimum",
            f"vehicles that rule {quoted(taker.name)} counts do not count here, and are reported as too few; "
            "if they are meant, too, put the minimum into a policy of its own",
        )


def _version(
    judged: Judged,
    fields: Fields,
    by_cell: Sequence[CountRule | TripRule],
    by_position: Sequence[StayRule | SpeedRule],
) -> str:
    ground = [_ground(rule) for rule in by_cell] + [sorted(rule.areas) for rule in by_position]
    decide = {key: value for key, value in fields.values.items() if key not in DECIDE_NOTHING}
    text = json.dumps([judged.decides, decide, ground], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _ground(rule: CountRule | TripRule) -> list[str]:
    return sorted(rule.cells) + ([rule.area.area_id] if isinstance(rule, CountRule) else [])


def _rule(
    fields: Fields, areas: Areas, rule_ids: set[str], judged: Judged, city: City
) -> CountRule | TripRule | StayRule | SpeedRule | None:
    former = fields.values.get("statuses") and not fields.values.get("states")
    fields.note_unknown((*RULE_FIELDS, "statuses") if former else RULE_FIELDS)
    kind = fields.values.get("rule_type")
    if kind not in RULE_TYPES:
        fields.error("rule_type", f"one of {', '.join(RULE_TYPES)} is expected")
        return None
    if kind not in JUDGED:
        fields.note(
            "", f"a rule of type {kind} is not evaluated, and takes no vehicles from the rules after it"
        )
        return None
    if _is_fee(fields.values):
        fields.note(
            "rate_amount",
            f"is {fields.values['rate_amount']!r:.80}; the rule sets a fee and forbids nothing: "
            "it is not evaluated, and takes no vehicles from the rules after it",
        )
        return None
    if former:
        fields.error(
            "statuses",
            "since MDS 1.0 this field is called states; rename it, and use the states of 2.0 "
            f"({', '.join(COUNTED_STATES)})",
        )
    if fields.values.get("rate_amount") is not None:
        given = f"is {fields.values['rate_amount']!r:.80}"
        fields.note("rate_amount", f"{given}; fees are not computed, the bounds are evaluated as they are")
    if fields.values.get("value_url") is not None:
        fields.note("value_url", "this address is not queried; the bounds in the file are evaluated")
    rule_id = fields.uuid("rule_id")
    if rule_id in rule_ids:
        fields.error("rule_id", "another rule has this id; give it one of its own")
    rule_ids.add(rule_id)
    found = _geographies(fields, areas.geographies)
    if kind == "count":
        return count_rule(fields, rule_id, found, city)
    if not found:
        return None
    if kind == "speed":
        return speed_rule(fields, rule_id, found, areas.ground)
    return stay_rule(fields, rule_id, found, areas.ground, judged.min_duration_ms)


def _is_fee(rule: Mapping[str, Any]) -> bool:
    """Return whether a rule is the price of what is within its bounds, or of all: no limit that can be broken."""
    unbounded = not rule.get("minimum") and rule.get("maximum") is None
    return rule.get("rate_amount") not in (None, 0) and (
        unbounded or rule.get("rate_applies_when") == "in_bounds"
    )


def _geographies(fields: Fields, areas: Mapping[str, Geography]) -> list[Geography]:
    """Return the geographies of a rule; none where one of them is missing or faulty."""
    ids = fields.uuids("geographies", "UUIDs of geographies")
    if not ids and fields.values.get("geographies") in (None, []):
        fields.error("geographies", "a list of UUIDs of geographies is expected")
    found = []
    for one in ids:
        area = areas.get(one)
        if area is None:
            fields.error("geographies", f"there is no geography {one}; add it to data.geographies")
            return []
        found.append(area)
    return found if all(area.cells is not None for area in found) else []
