"""Geofencing zones of all versions: what is sound comes out as GeoJSON, what is not is counted."""

import json
from typing import Any

import pytest

from sensors_sim.sources.contract import Report
from sensors_sim.sources.gbfs_zones import collection, features, zones
from tests.realdata import real_file

SQUARE = [[[10.0, 59.0], [10.1, 59.0], [10.1, 59.1], [10.0, 59.1], [10.0, 59.0]]]
BOW_TIE = [[[10.0, 59.0], [10.1, 59.1], [10.1, 59.0], [10.0, 59.1], [10.0, 59.0]]]


def feature(coordinates: Any = SQUARE, type_: str = "Polygon", **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": type_, "coordinates": coordinates},
        "properties": properties,
    }


def test_rules_of_all_versions_say_the_same() -> None:
    old = feature(
        name="Park", rules=[{"vehicle_type_id": ["s"], "ride_allowed": False, "ride_through_allowed": True}]
    )
    new = feature(
        name=[{"text": "Parken", "language": "nb"}, {"text": "Park", "language": "en"}],
        rules=[
            {
                "vehicle_type_ids": ["s"],
                "ride_start_allowed": False,
                "ride_end_allowed": False,
                "ride_through_allowed": True,
            }
        ],
    )
    report = Report()
    one, two = zones([old, new], "zones", report)
    assert one == two
    assert one["properties"]["name"] == "Park"
    assert one["properties"]["rules"][0]["ride_end_allowed"] is False
    assert json.loads(json.dumps(collection([one])))["features"][0]["geometry"]["coordinates"] == SQUARE
    assert (report.rows, dict(report.skipped)) == (2, {})


@pytest.mark.parametrize(
    ("bad", "reason", "said"),
    [
        (feature(BOW_TIE), "zone_invalid", "Self-intersection"),
        (feature([[[10.0, 59.0], [10.1, 59.0]]]), "zone_invalid", "zones feature 1"),
        (feature([[["a", "b"]]]), "zone_invalid", "zones feature 1"),
        (
            feature([[[10**310, 59.0], [10.1, 59.0], [10.1, 59.1], [10**310, 59.0]]]),
            "zone_invalid",
            "too large",
        ),
        (
            feature([10.0, 59.0], "Point"),
            "zone_without_geometry",
            "'Point' instead of Polygon or MultiPolygon",
        ),
        ({"type": "Feature", "geometry": None}, "zone_without_geometry", "None instead of"),
        ("zone", "zone_without_geometry", "zone"),
        (
            feature([[[x + 175, y] for x, y in SQUARE[0]]]),
            "coordinates_out_of_range",
            "185.0,59.0 to 185.1,59.1",
        ),
    ],
)
def test_a_zone_that_is_none_is_counted_with_what_is_wrong(bad: Any, reason: str, said: str) -> None:
    report = Report()
    assert len(zones([feature(), bad, feature()], "zones", report)) == 2
    assert (report.rows, dict(report.skipped)) == (3, {reason: 1})
    assert said in report.examples[reason]


@pytest.mark.parametrize("data", [{}, {"bikes": []}, {"geofencing_zones": None}])
def test_other_documents_hold_no_zones(data: dict[str, Any]) -> None:
    assert features(data) is None


def test_the_zone_of_a_real_system_is_sound() -> None:
    body = json.loads(real_file("gbfs_samples/kl_beam_zeus_2025/geofencing_zones.json").read_text())
    found = features(body["data"])
    assert found
    report = Report()
    assert len(zones(found, "zones", report)) == len(found) - sum(report.skipped.values())
