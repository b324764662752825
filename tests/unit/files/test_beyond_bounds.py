"""Zones and rules in which gateways would take no reading, as UB_BOUNDS has it, are named to who wrote the file."""

import json
from pathlib import Path
from typing import Any

import pytest

from streams.files.policy import read_policy
from streams.settings import Settings
from tests.unit.incidents.counts.mds import document, geography, policy, rule
from tests.unit.incidents.speeds.rides import speed_rule
from tests.unit.incidents.stays.zones import box, feature, gbfs, time_rule
from tests.unit.incidents.trips.riding import trip_rule

SHANGHAI = "120.8,30.6,122.3,31.9"
TOWN, CORNER = box(121.40, 31.20, 121.50, 31.26), box(122.25, 31.85, 122.35, 31.95)
EXCHANGED = box(31.20, 121.40 - 90, 31.26, 121.50 - 90)
"""Somewhere in the Sudan; a latitude of 121 would be refused."""
FIJI = "177,-20,-178,-15"


def noted(folder: Path, text: str, bounds: str | None = SHANGHAI) -> list[str]:
    """Return the notes on the file that speak of the box."""
    path = folder / "policy.json"
    path.write_text(text)
    _, findings = read_policy(Settings(policy_file=path, bounds=bounds), path)
    assert not findings.errors, findings.errors
    found = [note for note in findings.notes if "UB_BOUNDS" in note]
    assert not found or "UB_BOUNDS" in findings.noted  # so the worker's log and `doctor` say it, too
    return found


def zones(**areas: Any) -> str:
    features = [
        {"type": "Feature", "properties": {"name": name, "capacity": 5}, "geometry": area}
        for name, area in areas.items()
    ]
    return json.dumps({"type": "FeatureCollection", "features": features})


def test_zones_outside_of_the_box_are_named(tmp_path: Path) -> None:
    (note,) = noted(tmp_path, zones(town=TOWN, corner=CORNER, sudan=EXCHANGED))
    assert note == (
        "policy policy.json: outside of UB_BOUNDS=120.8,30.6,122.3,31.9, where gateways take no readings (1): "
        "zone 'sudan'; if that is not meant, look whether longitude comes first (RFC 7946)"
    )


def test_inside_in_part_or_without_a_box_is_no_matter(tmp_path: Path) -> None:
    assert noted(tmp_path, zones(town=TOWN, corner=CORNER)) == []
    assert noted(tmp_path, zones(sudan=EXCHANGED), bounds=None) == []


def test_a_few_of_many_are_named(tmp_path: Path) -> None:
    (note,) = noted(tmp_path, zones(**{f"z{n}": EXCHANGED for n in range(1200)}))
    assert "(1,200): zone 'z0', zone 'z1', zone 'z2', zone 'z3', zone 'z4', …; if" in note


@pytest.mark.parametrize(
    ("make", "fields"),
    [(rule, {"maximum": 5}), (trip_rule, {"maximum": 5}), (time_rule, {"maximum": 5}), (speed_rule, {"maximum": 9})],
)  # fmt: skip
def test_rules_of_all_types_are_named_where_none_of_their_geographies_is_inside(
    tmp_path: Path, make: Any, fields: dict[str, Any]
) -> None:
    areas = [geography(1, TOWN, "Town"), geography(2, box(121.52, 31.20, 121.54, 31.21), "Near")]
    rules = [
        make(7, 1, name="in town", **fields),
        make(8, 2, name="outside", **fields),
        make(9, 1, 2, name="in both", **fields),
    ]
    (note,) = noted(tmp_path, document([policy(1, *rules)], areas), "121.3,31.1,121.51,31.3")
    assert "(1): rule 'outside'; if" in note


def test_a_zone_of_gbfs_is_named_once_though_it_is_on_speed_too(tmp_path: Path) -> None:
    slow = {"ride_end_allowed": False, "maximum_speed_kph": 10}
    text = gbfs(
        feature(TOWN, slow, name="Town"),
        feature(EXCHANGED, slow, name="Sudan"),
        global_rules=[{"ride_end_allowed": False}],
    )
    (note,) = noted(tmp_path, text)
    assert "(1): rule 'Sudan'; if" in note


def test_the_box_may_cross_the_antimeridian(tmp_path: Path) -> None:
    taveuni = {
        "type": "MultiPolygon",
        "coordinates": [box(179.9, -17, 180, -16.8)["coordinates"], box(-180, -17, -179.9, -16.8)["coordinates"]],
    }  # fmt: skip
    found = zones(
        west=box(177.2, -18, 177.5, -17.5), both=taveuni, east=box(-179, -18, -178.9, -17.5), town=TOWN
    )
    (note,) = noted(tmp_path, found, FIJI)
    assert "(1): zone 'town'; if" in note
