"""Reads a policy file of any form: GeoJSON zones of capacities, an MDS policy, or geofencing zones of GBFS."""

from dataclasses import replace
from typing import Any

from streams.incidents.json_turns import loads
from streams.incidents.mds.document import Judged, read_policies
from streams.incidents.mds.envelope import data_of, enveloped, geographies_of, is_mds, read_other
from streams.incidents.mds.fields import shown
from streams.incidents.mds.geographies import City
from streams.incidents.policy import Policy, Rule, read_zones
from streams.incidents.policy_findings import Findings
from streams.incidents.stays.gbfs import Terms, is_gbfs, read_geofencing
from streams.incidents.stays.gbfs_types import VehicleTypes

GEOGRAPHIES = "geographies.json"
TYPES = "vehicle_types.json"
_FORMS = (
    "a GeoJSON FeatureCollection, MDS policies (data.policies) or geofencing zones of GBFS (data.geofencing_zones) "
    "are expected"
)


def beside(value: Any) -> str | None:
    """Return the name of the file beside it to which a document refers that holds this, None where there is none.

    An MDS policy document that does not hold its geographies itself needs them; zones of GBFS may name types.
    """
    if is_mds(value):
        return GEOGRAPHIES if geographies_of(value) is None else None
    return TYPES if is_gbfs(value) else None


def read(document: str | None, other: str | None, default: Rule, city: City, findings: Findings) -> Policy:
    """Return the policy of a file (None: the default alone); all mistakes are added to the findings.

    `other` is the text of the file `beside` it, None where there is none.
    """
    value = None if document is None else value_of(document)
    return read_value(document, value, other, default, city, findings)


def read_value(
    document: str | None, value: Any, other: str | None, default: Rule, city: City, findings: Findings
) -> Policy:
    """Return the same, where it is known what the text holds: to read it once more takes long, and so does a city."""
    if value is not None and is_gbfs(value):
        terms = Terms(VehicleTypes(other, findings), default.min_duration_ms)
        zones = read_geofencing(value, terms, findings)
        return replace(
            read_zones(None, default, findings),
            stays=zones.stays,
            areas=zones.areas,
            speeds=zones.speeds,
            speed_areas=zones.areas if zones.speeds else (),
            time_zone=city.time_zone,
        )
    if value is None or (isinstance(value, dict) and value.get("type") == "FeatureCollection"):
        return read_zones(document, default, findings, value)
    if not is_mds(value):
        if "policies" in data_of(value):
            given = shown(data_of(value)["policies"])
            findings.error("data.policies", f"is {given}; a list of MDS policies is expected")
        else:
            findings.error("", f"{_held(value)}; {_FORMS}")
        return read_zones(None, default, findings)
    others = None if other is None else read_other(other, findings)
    decides = f"{default.min_duration_ms} {city.time_zone} {sorted(city.vehicle_types)}"
    found = read_policies(value, others, Judged(decides, default.min_duration_ms), city, findings)
    return replace(
        read_zones(None, default, findings),
        counts=found.counts,
        stays=found.stays,
        areas=found.areas,
        speeds=found.speeds,
        speed_areas=found.speed_areas,
        trips=found.trips,
        time_zone=city.time_zone,
    )


def value_of(document: str) -> Any:
    """Return what a text holds, None where it is no JSON; policies in their envelope."""
    try:
        return enveloped(loads(document), "policies", "policy")
    except (ValueError, RecursionError):
        return None


def _held(value: Any) -> str:
    """Return, for people, what a document holds that is of none of the forms."""
    if not isinstance(value, dict):
        return f"is {shown(value)}"
    if isinstance(value.get("type"), str):
        return f"is of type {value['type']!r:.80}"
    return f"holds {sorted(data_of(value))!r:.200}"
