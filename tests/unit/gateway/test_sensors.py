"""Sensor readings at the gateway: what it takes, what it refuses, and the frame that carries them."""

import json

import pytest

from schemas import codec
from schemas.rejected import Reason
from schemas.sensors import SensorFrame, SensorReading
from streams.gateway.decode import Decoded, Limits, Refusal, decode
from streams.gateway.framing import Framer
from streams.gateway.kind import Target
from streams.gateway.receipt import Receipt
from streams.gateway.sensors import SENSORS

NOW_MS = 1_760_000_000_000
LIMITS = Limits(max_payload_bytes=200_000, max_clock_ahead_ms=60_000)
ONE = "ub/v1/city/sensors/air-1"
MANY = "ub/v1/city/sensors"

_ABSENT = object()


def _object(**changes: object) -> dict[str, object]:
    fields: dict[str, object] = {
        "sensor_id": "air-1", "kind": "air", "metric": "pm25", "value": 12.5,
        "ts": NOW_MS - 1_000, "lat": 31.23, "lon": 121.47,
    }  # fmt: skip
    fields |= changes
    return {name: value for name, value in fields.items() if value is not _ABSENT}


def _json(**changes: object) -> bytes:
    return json.dumps(_object(**changes)).encode()


def _decode(payload: bytes, topic: str = ONE) -> Decoded:
    return decode(topic, payload, now_ms=NOW_MS, limits=LIMITS)


def _refused(payload: bytes, topic: str = ONE) -> Refusal:
    decoded = _decode(payload, topic)
    assert decoded.accepted == []
    (refusal,) = decoded.rejected
    return refusal


def test_a_reading_takes_its_owner_from_the_topic() -> None:
    decoded = _decode(_json(unit="ug/m3", status="degraded", capacity=100))
    reading = SensorReading(
        "air-1", "air", "pm25", 12.5, NOW_MS - 1_000, 31.23, 121.47, "ug/m3", "degraded", 100.0
    )
    assert decoded == Decoded(Target(SENSORS, "city", "air-1"), [reading], [])


@pytest.mark.parametrize("topic", [ONE, MANY])
@pytest.mark.parametrize("payload", [_json(), b"[" + _json() + b"]", b" \n[" + _json() + b"]\t"])
def test_one_reading_and_an_array_are_welcome_on_both_topics(topic: str, payload: bytes) -> None:
    assert [reading.sensor_id for reading in _decode(payload, topic).accepted] == ["air-1"]


def test_an_array_may_hold_readings_of_many_sensors_where_the_topic_names_none() -> None:
    array = json.dumps([_object(sensor_id=f"s-{n}", owner="city") for n in range(3)]).encode()
    assert [reading.sensor_id for reading in _decode(array, MANY).accepted] == ["s-0", "s-1", "s-2"]


@pytest.mark.parametrize(
    "changes",
    [
        {"metric": "phlogiston", "kind": "alchemy"},
        {"unit": "furlong"},
        {"value": -1e300},
        {"value": 5, "capacity": 3},
        {"kind": "k" * 64, "metric": "m" * 64, "unit": "u" * 64},
        {"ts": NOW_MS + 60_000},
        {"lat": -90, "lon": 180},
    ],
    ids=str,
)
def test_what_a_metric_may_be_is_not_for_the_gateway_to_judge(changes: dict[str, object]) -> None:
    assert len(_decode(_json(**changes)).accepted) == 1


BAD: list[tuple[str, bytes, Reason, str]] = [
    ("an empty array", b"[]", "empty", "array without a reading"),
    ("a position of a vehicle", b'{"vehicle_id":"v","ts":1,"lat":1,"lon":2}', "unknown_field", "vehicle_id"),
    ("no metric", _json(metric=_ABSENT), "missing_field", "metric"),
    ("a value as text", _json(value="12.5"), "wrong_type", "$.value"),
    ("no value", _json(value=None), "wrong_type", "$.value"),
    ("NaN", _json(value=float("nan")), "not_json", "NaN and Infinity are not JSON"),
    ("a value beyond doubles", _json().replace(b"12.5", b"1e999"), "number_out_of_range", "$.value"),
    ("a capacity beyond doubles", _json(capacity=10**400), "number_out_of_range", "$.capacity"),
    ("a status outside the list", _json(status="tired"), "wrong_type", "'tired'"),
    ("a field of another name", _json(colour="red"), "unknown_field", "colour"),
    ("a metric of 65 characters", _json(metric="m" * 65), "too_large", "metric has 65 characters"),
    ("a kind of 65 characters", _json(kind="k" * 65), "too_large", "kind has 65 characters"),
    ("a unit of 10,000 characters", _json(unit="u" * 10_000), "too_large", "unit has 10000 characters"),
    ("a unit with a zero", _json(unit="u\0g"), "wrong_type", "U+0000 at 1"),
    ("an id with a slash", _json(sensor_id="a/1"), "bad_id", "sensor_id 'a/1'"),
    ("an owner that is no id", _json(owner="ci ty"), "bad_id", "owner 'ci ty'"),
    ("another sensor", _json(sensor_id="air-2"), "topic_mismatch", "sensor_id 'air-2', but the topic names"),
    (
        "another owner",
        _json(owner="village"),
        "topic_mismatch",
        "owner 'village', but the topic names 'city'",
    ),
    ("seconds", _json(ts=NOW_MS // 1000), "time_in_seconds", "looks like seconds"),
    ("before 2001", _json(ts=5), "time_out_of_range", "ts 5"),
    ("far in the future", _json(ts=NOW_MS + 60_001), "time_in_future", "is 1 ms beyond"),
    ("swapped", _json(lat=121.47, lon=31.23), "coordinates_swapped", "lat 121.47"),
    ("out of range", _json(lat=91, lon=121), "coordinate_out_of_range", "lat 91"),
    ("0,0", _json(lat=0, lon=0), "null_island", "0,0"),
]


@pytest.mark.parametrize(
    ("payload", "reason", "detail"), [case[1:] for case in BAD], ids=[case[0] for case in BAD]
)
def test_bad_input_is_refused_with_its_reason(payload: bytes, reason: Reason, detail: str) -> None:
    refusal = _refused(payload)
    assert refusal.reason == reason
    assert detail in refusal.detail


ELEMENTS = [case for case in BAD if case[1].startswith(b"{") and case[0] != "another sensor"]
"""Readings that are bad wherever they stand: on the topic of many no sensor is named."""


@pytest.mark.parametrize(
    ("payload", "reason"), [case[1:3] for case in ELEMENTS], ids=[case[0] for case in ELEMENTS]
)
def test_one_bad_reading_of_a_hundred_leaves_99(payload: bytes, reason: Reason) -> None:
    good = [_json(sensor_id=f"s-{n}") for n in range(99)]
    decoded = _decode(b"[" + b", ".join([*good[:40], payload, *good[40:]]) + b"]", MANY)
    assert [reading.sensor_id for reading in decoded.accepted] == [f"s-{n}" for n in range(99)]
    assert [refusal.reason for refusal in decoded.rejected] == [reason]


def test_a_frame_has_its_readings_as_columns_and_constants_once() -> None:
    framer = Framer([SENSORS], 1, lambda _id: 0, max_readings=9, max_bytes=100_000, linger_ms=30)
    readings = [
        SensorReading("a", "air", "pm25", 1.0, 5, 31.0, 121.0, "ug/m3"),
        SensorReading("a", "air", "no2", 2.0, 6, 31.0, 121.0),
        SensorReading("p", "parking", "free_spaces", 3.0, 7, 31.0, 122.0, status="fault", capacity=40.0),
    ]
    framer.add(SENSORS, "city", readings[:2], Receipt(mid=1, qos=1, connection=0, size=1, parts=2), 10)
    framer.add(SENSORS, "lots", readings[2:], Receipt(mid=2, qos=1, connection=0, size=1, parts=1), 11)
    (frame,) = framer.flush_all()
    assert codec.sensor_frame.decode(frame.value) == SensorFrame(
        sensor_id=["a", "a", "p"],
        metric=["pm25", "no2", "free_spaces"],
        value=[1.0, 2.0, 3.0],
        ts=[5, 6, 7],
        lat=31.0,
        lon=[121.0, 121.0, 122.0],
        kind=["air", "air", "parking"],
        owner=["city", "city", "lots"],
        received_at=11,
        unit=["ug/m3", None, None],
        status=["ok", "ok", "fault"],
        capacity=[None, None, 40.0],
    )


def test_the_columns_of_one_reading_are_its_values() -> None:
    frame = SENSORS.frame([SensorReading("a", "air", "pm25", 1.0, 5, 31.0, 121.0)], "city", 9)
    assert frame == SensorFrame(["a"], "pm25", [1.0], [5], 31.0, 121.0, "air", "city", 9)
