"""Schemas of sensor readings and citizens' requests: they refuse what the gateway refuses, and nothing else."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas import generate
from schemas.limits import END_MS
from schemas.requests import MAX_NAME, MAX_TEXT
from schemas.sensors import MAX_CODE
from streams import topics
from streams.gateway.address import KINDS
from streams.gateway.decode import Limits, decode
from streams.gateway.framing import Framer
from streams.gateway.receipt import Receipt

NOW = 1_772_406_000_000
LIMITS = Limits(max_payload_bytes=1_000_000, max_clock_ahead_ms=4_000_000_000_000)
READING = {
    "sensor_id": "air-1", "kind": "air", "metric": "pm25", "value": 12.5, "ts": NOW, "lat": 31.2, "lon": 121.5,
}  # fmt: skip
EVENT = {
    "service_request_id": "r-1", "event": "opened", "ts": NOW, "service_code": "heating",
    "lat": 31.2, "lon": 121.5,
}  # fmt: skip
BARE = {"service_request_id": "r-1", "event": "closed", "ts": NOW}


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((generate.FOLDER / f"{name}.json").read_bytes()))


VALIDATORS = {"sensors": validator("SensorReading"), "requests": validator("CitizenRequest")}
TOPICS = {"sensors": topics.sensors_topic("city"), "requests": topics.requests_topic("city")}


def judged(kind: str, reading: dict[str, Any]) -> bool:
    """Whether gateway and schema accept; they must agree."""
    decoded = decode(TOPICS[kind], json.dumps(reading).encode(), now_ms=NOW, limits=LIMITS)
    accepted = bool(decoded.accepted)
    assert VALIDATORS[kind].is_valid(reading) is accepted, decoded.rejected
    return accepted


@pytest.mark.parametrize(
    ("change", "sound"),
    [
        ({}, True),
        ({"unit": None, "capacity": None, "owner": None, "status": "fault"}, True),
        ({"status": None}, False),
        ({"status": "tired"}, False),
        ({"kind": "k" * MAX_CODE}, True),
        ({"kind": "k" * (MAX_CODE + 1)}, False),
        ({"metric": "m" * (MAX_CODE + 1)}, False),
        ({"unit": "u" * (MAX_CODE + 1)}, False),
        ({"unit": ""}, True),
        ({"unit": "a\0"}, False),
        ({"value": 1}, True),
        ({"value": None}, False),
        ({"capacity": -1}, True),
        ({"sensor_id": "a 1"}, False),
        ({"owner": "a/b"}, False),
        ({"ts": NOW // 1000}, False),
        ({"lat": 90.5}, False),
        ({"lat": 0, "lon": 0}, False),
        ({"colour": "red"}, False),
    ],
)
def test_readings(change: dict[str, Any], sound: bool) -> None:
    assert judged("sensors", READING | change) is sound


@pytest.mark.parametrize("field", sorted(READING))
def test_a_reading_must_have(field: str) -> None:
    assert not judged("sensors", {name: value for name, value in READING.items() if name != field})


@pytest.mark.parametrize(
    ("event", "change", "sound"),
    [
        (EVENT, {}, True),
        (EVENT, {"service_code": None}, False),
        (EVENT, {"lat": None, "lon": None}, False),
        (EVENT, {"resolved": True}, False),
        (EVENT, {"resolved": None, "satisfaction": None}, True),
        (EVENT, {"lat": 0, "lon": 0}, False),
        (EVENT, {"expected_datetime": END_MS - 1}, True),
        (EVENT, {"expected_datetime": NOW // 1000}, False),
        (EVENT, {"description": "x" * MAX_TEXT}, True),
        (EVENT, {"description": "x" * (MAX_TEXT + 1)}, False),
        (EVENT, {"address": "a\0b"}, False),
        (EVENT, {"status_notes": "a\nb"}, True),
        (EVENT, {"district": "x" * (MAX_NAME + 1)}, False),
        (EVENT, {"district": ""}, False),
        (EVENT, {"agency_responsible": "a\n"}, False),
        (EVENT, {"agency_responsible": "a\x7f"}, False),
        (EVENT, {"agency_responsible": "a\x9b31m"}, False),
        (EVENT, {"event": "lost"}, False),
        (BARE, {}, True),
        (BARE, {"lat": None, "lon": None}, True),
        (BARE, {"lat": 31.2}, False),
        (BARE, {"lon": 31.2, "lat": None}, False),
        (BARE, {"lat": 31.2, "lon": 121.5}, True),
        (BARE, {"satisfaction": 3}, False),
        (BARE, {"event": "rated"}, False),
        (BARE, {"event": "rated", "resolved": False}, True),
        (BARE, {"event": "rated", "satisfaction": 5}, True),
        (BARE, {"event": "rated", "satisfaction": 6}, False),
        (BARE, {"event": "rated", "satisfaction": None, "resolved": None}, False),
    ],
)
def test_events(event: dict[str, Any], change: dict[str, Any], sound: bool) -> None:
    assert judged("requests", event | change) is sound


texts = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["x" * 65, "x" * 129, "x" * 4_001]
)
places = st.one_of(st.none(), st.floats(-200, 200), st.sampled_from([0, 0.0005, -90, 90, 180]))
times = st.one_of(st.integers(0, 2**63), st.integers(NOW - 1000, NOW), st.none())
ids = st.from_regex(r"[A-Za-z0-9_.:\-]{1,64}", fullmatch=True) | st.sampled_from(["", "a b", "x" * 65])
owners = st.sampled_from(["city", None, "", 5])


@given(
    st.fixed_dictionaries(
        {"sensor_id": ids, "kind": texts, "metric": texts, "value": st.floats(-1e9, 1e9) | st.none()}
        | {"ts": times, "lat": places, "lon": places},
        optional={
            "unit": texts | st.none(),
            "status": st.sampled_from(["ok", "maintenance", "", None]),
            "capacity": st.floats(-10, 10) | st.none() | st.booleans(),
            "owner": owners,
        },
    )
)
def test_schema_and_gateway_agree_on_any_reading(reading: dict[str, Any]) -> None:
    judged("sensors", reading)


@given(
    st.fixed_dictionaries(
        {
            "service_request_id": ids,
            "event": st.sampled_from(["opened", "updated", "closed", "rated", "", None]),
            "ts": times,
        },
        optional={
            "lat": places,
            "lon": places,
            "expected_datetime": times,
            "resolved": st.sampled_from([True, False, None, 1]),
            "satisfaction": st.none() | st.integers(-1, 7) | st.just(3.5),
            "owner": owners,
        }
        | dict.fromkeys(
            ["service_code", "description", "agency_responsible", "address", "district", "status_notes"],
            texts | st.none(),
        ),
    )
)
@example(EVENT | {"district": "\n"})
def test_schema_and_gateway_agree_on_any_event(event: dict[str, Any]) -> None:
    judged("requests", event)


@pytest.mark.parametrize(("kind", "name"), [("sensors", "SensorFrame"), ("requests", "RequestFrame")])
def test_frames_of_the_gateway_fit_their_schema(kind: str, name: str) -> None:
    framer = Framer(KINDS, 1, lambda _id: 0, max_readings=500, max_bytes=256_000, linger_ms=30)
    payloads = {
        "sensors": [READING, READING | {"unit": "ug/m3", "capacity": 5, "lat": 30}],
        "requests": [EVENT, BARE],
    }
    for owner in ("city", "village"):
        topic = TOPICS[kind].replace("city", owner)
        decoded = decode(topic, json.dumps(payloads[kind]).encode(), now_ms=NOW, limits=LIMITS)
        assert decoded.target is not None
        receipt = Receipt(mid=1, qos=1, connection=1, size=1, parts=2)
        framer.add(decoded.target.kind, owner, decoded.accepted, receipt, NOW)
        (frame,) = framer.flush_all()
        validator(name).validate(json.loads(frame.value))
