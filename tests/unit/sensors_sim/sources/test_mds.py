"""MDS: what a status and an event say."""

import json
from pathlib import Path
from typing import Any

import pytest

from sensors_sim.errors import SourceError
from sensors_sim.sources.contract import Report
from sensors_sim.sources.mds import MdsFiles, MdsReader
from sensors_sim.told import Position
from tests.unit.sensors_sim.sources.feed_samples import OSLO, T0, device, mds_event, mds_page

AT = T0 * 1000


def read(body: dict[str, Any], owner: str | None = None) -> tuple[list[tuple[str, Position]], Report]:
    report = Report()
    return list(MdsReader(report, owner).read(body, "page")), report


def status(event: Any, telemetry: Any) -> dict[str, Any]:
    row = {"device_id": device(1), "provider_id": device(9), "last_event": event, "last_telemetry": telemetry}
    return mds_page("vehicles_status", [row], AT)


def measured(at: int) -> dict[str, Any]:
    return {"timestamp": at, "location": {"lat": 59.0, "lng": 10.0}, "battery_percent": 41}


def test_the_newer_of_event_and_telemetry_says_where_and_when_and_the_event_what() -> None:
    ((operator, position),), _ = read(status(mds_event(1, AT, "on_trip"), measured(AT + 5)))
    assert operator == device(9)
    assert position == Position(device(1), AT + 5, 59.0, 10.0, vehicle_state="on_trip", battery_percent=41)
    ((_, position),), _ = read(status(mds_event(1, AT, "on_trip"), measured(AT)))
    assert (position.ts, position.lon, position.battery_percent) == (AT, 10.0, 41), "most send both at once"
    ((_, position),), _ = read(status(mds_event(1, AT, "on_trip"), measured(AT - 5)))
    assert (position.ts, position.lon, position.battery_percent) == (AT, OSLO[1], 80)


def test_an_operator_is_not_called_like_what_the_system_uses_itself() -> None:
    page = status(mds_event(1, AT, "on_trip"), measured(AT + 5))
    page["vehicles_status"][0]["provider_id"] = "alerts"
    ((operator, _),), _ = read(page)
    assert operator == "alerts-feed"


def test_an_event_without_a_place_has_that_of_the_telemetry_before_it() -> None:
    ((_, position),), _ = read(status(mds_event(1, AT, location=None), measured(AT - 5)))
    assert (position.ts, position.lat) == (AT, 59.0)


@pytest.mark.parametrize("charge", [None, True, 101, -1, "80", 100.5])
def test_a_charge_that_is_none_is_left_out(charge: Any) -> None:
    ((_, position),), report = read(status(mds_event(1, AT, battery_percent=charge), None))
    assert position.battery_percent is None
    assert dict(report.noted) == ({} if charge is None else {"value_unreadable": 1})


@pytest.mark.parametrize(("charge", "battery"), [(80.0, 80), (79.6, 80), (0, 0), (100.0, 100)])
def test_a_charge_with_decimals_is_rounded(charge: float, battery: int) -> None:
    ((_, position),), _ = read(status(mds_event(1, AT, battery_percent=charge), None))
    assert position.battery_percent == battery
    assert type(position.battery_percent) is int


@pytest.mark.parametrize("telemetry", [None, {}, {"timestamp": AT + 5}, {"timestamp": "x", "location": {}}])
def test_a_status_without_telemetry_is_its_event(telemetry: Any) -> None:
    ((_, position),), _ = read(status(mds_event(1, AT), telemetry))
    assert position.ts == AT


def test_a_stop_of_a_ride_is_part_of_it_and_types_are_those_of_the_vehicles() -> None:
    page = mds_page("events", [mds_event(1, AT, "stopped")], AT)
    page["vehicles"] = [{"device_id": device(1), "vehicle_type": "scooter_standing"}]
    ((operator, position),), _ = read(page, "north")
    assert (operator, position.vehicle_state, position.vehicle_type) == (
        "north",
        "on_trip",
        "scooter_standing",
    )


def test_files_without_a_page_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"version": "2.0.0"}))
    with pytest.raises(SourceError, match=r"holds no MDS page: .* found: a\.json"):
        MdsFiles(tmp_path, None)
