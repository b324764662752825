"""A policy file of any form: GeoJSON zones of capacities, an MDS policy document, or geofencing zones of GBFS."""

import json
from dataclasses import replace
from typing import Any

from streams.incidents.counts.document import (
    Judged,
    data_of,
    geographies_of,
    is_mds,
    read_other,
    read_policies,
)
from streams.incidents.counts.geographies import City
from streams.incidents.findings import Findings
from streams.incidents.policy import Policy, Rule, read_zones
from streams.incidents.stays.gbfs import is_gbfs, read_geofencing


def needs_geographies(document: str) -> bool:
    """Return whether a text is an MDS policy document whose geographies stand in another file."""
    value = _json(document)
    return is_mds(value) and geographies_of(document) is None


def read(
    document: str | None, geographies: str | None, default: Rule, city: City, findings: Findings
) -> Policy:
    """Return the policy of a file (None: the default alone); all mistakes are added to the findings.

    `geographies` is the text of the file that holds the geographies of an MDS document, where it does not itself.
    """
    value = None if document is None else _json(document)
    if value is not None and is_gbfs(value):
        zones = read_geofencing(value, default.min_duration_ms, findings)
        return replace(
            read_zones(None, default, findings),
            stays=zones.stays,
            areas=zones.areas,
            speeds=zones.speeds,
            speed_areas=zones.areas if zones.speeds else (),
            time_zone=city.time_zone,
        )
    if isinstance(value, dict) and "policies" in data_of(value) and not is_mds(value):
        findings.error("data.policies", "a list of MDS policies is expected")
        return read_zones(None, default, findings)
    if document is None or value is None or not is_mds(value):
        return read_zones(document, default, findings)
    others = None if geographies is None else read_other(geographies, findings)
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


def _json(document: str) -> Any:
    try:
        return json.loads(document)
    except (ValueError, RecursionError):
        return None
