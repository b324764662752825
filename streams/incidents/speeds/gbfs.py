"""Speed limits of GBFS geofencing zones: `maximum_speed_kph` of a rule (2.1 to 3.0)."""

from collections.abc import Mapping
from typing import Any

from streams.incidents.findings import Findings
from streams.incidents.speeds.document import RIDING
from streams.incidents.speeds.rules import SpeedRule
from streams.incidents.stays.rules import StayRule


def speed_of_zone(rule: Mapping[str, Any], stay: StayRule, place: str, findings: Findings) -> SpeedRule:
    """Return what a rule of a zone says about speed; `stay` is what the same rule says about parking."""
    limit = rule.get("maximum_speed_kph")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or not 0 <= limit < 1000):
        findings.error(
            f"{place}.maximum_speed_kph", f"is {limit!r}; a whole number of kilometres an hour is expected"
        )
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
