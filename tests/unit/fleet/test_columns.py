"""What a record of ub.vehicles may look like, and what is made of it."""

import json
from typing import Any

import pytest

from schemas.vehicles import VEHICLE_STATES
from streams.fleet.columns import Columns, decode
from streams.fold.frames import BadFrame
from tests.pipeline import T0

ONE = {"vehicle_id": "a", "ts": T0, "lat": 31.2, "lon": 121.5}
FRAME: dict[str, Any] = {
    "vehicle_id": ["a", "b"],
    "ts": [T0, T0 + 1],
    "lat": [31.2, 31.3],
    "lon": [121.5, 121.6],
    "operator": "north",
    "received_at": T0 + 9,
}


def columns(value: object) -> Columns:
    decoded = decode(json.dumps(value).encode(), T0 + 5)
    assert isinstance(decoded, Columns)
    return decoded


def bad(value: object) -> BadFrame:
    decoded = decode(value if isinstance(value, bytes) else json.dumps(value).encode(), T0)
    assert isinstance(decoded, BadFrame)
    return decoded


def test_a_frame_is_read_in_columns_and_one_value_stands_for_all() -> None:
    found = columns({**FRAME, "vehicle_state": ["on_trip", "available"], "battery_percent": [None, 55]})
    assert found.vehicle_id == ["a", "b"]
    assert found.operator == "north"
    assert found.ts.tolist() == [T0, T0 + 1]
    assert [VEHICLE_STATES[code] for code in found.state] == ["on_trip", "available"]
    assert found.battery.tolist() == [-1, 55]
    assert found.received_at == T0 + 9


def test_a_single_reading_and_an_array_of_readings_are_frames_too() -> None:
    single, array = columns({**ONE, "operator": "north"}), columns([ONE, {**ONE, "vehicle_id": "b"}])
    assert (single.vehicle_id, single.operator) == (["a"], ["north"])
    assert (array.vehicle_id, array.operator) == (["a", "b"], ["unknown", "unknown"])
    assert single.received_at == T0 + 5, "Kafka's time stands in for the gateway's"


@pytest.mark.parametrize(
    ("given", "kept"), [(0, 0), (100, 100), (101, -1), (-1, -1), (None, -1), (10**30, -1)]
)
def test_a_battery_outside_0_to_100_is_not_known(given: int | None, kept: int) -> None:
    assert columns({**FRAME, "battery_percent": [given, 50]}).battery.tolist() == [kept, 50]
    assert columns({**FRAME, "battery_percent": given}).battery.tolist() == [kept, kept]


@pytest.mark.parametrize(
    "name", ["ts", "lat", "lon", "operator", "vehicle_state", "vehicle_type", "battery_percent"]
)
def test_a_column_of_another_length_makes_the_frame_bad_for_all_its_readings(name: str) -> None:
    short = {
        "operator": ["north"],
        "vehicle_state": ["available"],
        "vehicle_type": ["moped"],
        "battery_percent": [1],
    }
    found = bad({**FRAME, name: short.get(name, [1])})
    assert found.count == 2
    assert found.detail == f"column {name} has 1 values, vehicle_id has 2"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"null",
        b"[1]",
        b"\xff",
        b'{"vehicle_id"',
        {},
        {**FRAME, "ts": ["1", "2"]},
        {**FRAME, "ts": [2**63, 1]},
        {**FRAME, "lat": [None, 1]},
        {key: FRAME[key] for key in FRAME if key != "lon"},
        b'{"x":' + b"[" * 50_000,
    ],
    ids=str,
)
def test_what_is_no_frame_is_bad_as_one(value: object) -> None:
    assert bad(value).count == 1
    assert bad(value).detail


@pytest.mark.parametrize("received_at", [10**30, 2**63, -(10**30), 0, -1])
def test_a_time_of_receipt_that_cannot_be_makes_the_frame_bad(received_at: int) -> None:
    """It would stop the watermark, or not fit the table."""
    found = bad({**FRAME, "received_at": received_at})
    assert str(received_at) in found.detail
    assert found.count == 2


def test_a_reading_is_shown_as_json_with_its_ids_cut() -> None:
    shown = json.loads(columns([{**ONE, "vehicle_id": "x" * 10_000}]).text(0))
    assert shown == {"vehicle_id": "x" * 128, "operator": "unknown", "ts": T0, "lat": 31.2, "lon": 121.5}
