"""Speed limits of GBFS geofencing zones: `maximum_speed_kph` of a rule (2.1 to 3.0)."""

from collections.abc import Mapping
from typing import Any

from streams.incidents.mds.fields import whole
from streams.incidents.policy_findings import Findings
from streams.incidents.speeds.document import RIDING
from streams.incidents.speeds.rules import SpeedRule
from streams.incidents.stays.rules import StayRule

_FASTEST_KMH = 1_000


def speed_of_zone(rule: Mapping[str, Any], stay: StayRule, place: str, findings: Findings) -> SpeedRule:
    """Return what a rule of a zone says about speed; `stay` is what the same rule says about parking."""
    given = rule.get("maximum_speed_kph")
    limit = whole(given)
    if given is not None and (limit is None or limit >= _FASTEST_KMH):
        rule_of_it = f"a whole number of kilometres an hour, below {_FASTEST_KMH:,}, is expected"
        findings.error(f"{place}.maximum_speed_kph", f"is {given!r}; {rule_of_it}")
        limit = None
    return SpeedRule(
        rule_id=stay.rule_id,
        name=stay.name,
        zone=stay.zone,
        areas=stay.areas,
        states=RIDING,
        vehicle_types=stay.vehicle_types,
        limit_kmh=None if limit is None else float(limit),
        hours=stay.hours,
        dates=stay.dates,
    )
