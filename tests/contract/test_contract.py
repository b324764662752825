"""The judge of the wire is judged: it lets the contract's own examples pass and objects to what is not in it."""

import json
from typing import Any

import pytest

from tests.contract.wire import Contract

CONTRACT = Contract()
MESSAGES: dict[str, Any] = CONTRACT.document["components"]["messages"]
ALERT_TOPIC = "ub/v1/alerts/critical/oversaturation/8930994a553ffff"


def example(name: str) -> dict[str, Any]:
    return dict(MESSAGES[name]["examples"][0])


def kafka_faults(topic: str, name: str, **changes: Any) -> list[str]:
    """Judge the example of a message, with some of its headers or its payload changed."""
    given = example(name)
    headers = {key: value for key, value in (given["headers"] | changes).items() if value is not None}
    headers.pop("payload", None)
    payload = changes.get("payload", given["payload"])
    return CONTRACT.kafka_faults(topic, b"key", headers, json.dumps(payload).encode())


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        ("ub.vehicles", "frame"),
        ("ub.sensors", "sensorFrame"),
        ("ub.requests", "requestFrame"),
        ("ub.vehicle_events", "vehicleEvent"),
        ("ub.partials", "partial"),
        ("ub.partials", "sensingPartial"),
        ("ub.partials", "requestsPartial"),
        ("ub.cells", "now"),
        ("ub.cells", "window"),
        ("ub.cells", "metrics"),
        ("ub.cells", "requestWindows"),
        ("ub.alerts", "alertRecord"),
        ("ub.incidents", "incidentRecord"),
        ("ub.rejected", "rejected"),
    ],
)
def test_an_example_of_the_contract_passes_on_its_topic(topic: str, name: str) -> None:
    assert kafka_faults(topic, name) == []
    assert kafka_faults("ub.else", name)


@pytest.mark.parametrize(
    "header", ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "content-type"]
)
def test_a_header_that_is_missing_is_found(header: str) -> None:
    assert kafka_faults("ub.vehicles", "frame", **{header: None})


def test_a_message_of_another_topic_is_found() -> None:
    (fault,) = kafka_faults("ub.alerts", "now")
    assert "ub.cells.now.v1" in fault


def test_a_time_that_is_none_is_found() -> None:
    assert kafka_faults("ub.vehicles", "frame", ce_time="noon")


def test_a_record_without_its_key_is_found() -> None:
    given = example("now")
    value = json.dumps(given["payload"]).encode()
    assert CONTRACT.kafka_faults("ub.cells", None, given["headers"], value) == ["ub.cells: has no key"]


def test_a_payload_that_lacks_a_field_is_found() -> None:
    payload = example("rejected")["payload"]
    del payload["reason"]
    (fault,) = kafka_faults("ub.rejected", "rejected", payload=payload)
    assert "reason" in fault


def test_a_payload_with_a_value_out_of_range_is_found() -> None:
    payload = example("frame")["payload"] | {"lat": [91.0, 31.0, 31.0]}
    (fault,) = kafka_faults("ub.vehicles", "frame", payload=payload)
    assert "$.lat[0]" in fault


def test_mqtt_topics_carry_one_of_their_messages() -> None:
    position, positions = (
        json.dumps(example(name)["payload"]).encode() for name in ("position", "positions")
    )
    assert CONTRACT.mqtt_faults("ub/v1/hello/vehicles", positions) == []
    assert CONTRACT.mqtt_faults("ub/v1/hello/vehicles", position) == []
    assert CONTRACT.mqtt_faults("ub/v1/hello/vehicles/bike-1/position", position) == []
    assert CONTRACT.mqtt_faults("ub/v1/hello/vehicles/bike-1/position", positions) == []
    assert CONTRACT.mqtt_faults("ub/v1/hello/vehicles", b'{"vehicle_id": 7}')
    assert CONTRACT.mqtt_faults("ub/v1/hello/vehicles", b"{")
    assert CONTRACT.mqtt_faults("ub/v1/hello/bicycles", positions)


@pytest.mark.parametrize(
    ("topic", "one", "many"),
    [
        ("ub/v1/city/sensors", "sensorReading", "sensorReadings"),
        ("ub/v1/city/sensors/air-1", "sensorReading", "sensorReadings"),
        ("ub/v1/city/requests", "citizenRequest", "citizenRequests"),
    ],
)
def test_sensors_and_requests_come_one_by_one_or_as_arrays(topic: str, one: str, many: str) -> None:
    for name in (one, many):
        payload = example(name)["payload"]
        assert CONTRACT.mqtt_faults(topic, json.dumps(payload).encode()) == []
        assert CONTRACT.mqtt_faults("ub/v1/city/vehicles", json.dumps(payload).encode())
    assert CONTRACT.mqtt_faults(topic, b"[]")
    assert CONTRACT.mqtt_faults(f"{topic}/x/y", b"[]")


def test_an_empty_payload_takes_an_alert_back_and_is_nothing_else() -> None:
    assert CONTRACT.mqtt_faults(ALERT_TOPIC, b"") == []
    assert CONTRACT.mqtt_faults("ub/v1/alert-actions/oversaturation/8930994a553ffff/04443a28", b"") == []
    assert CONTRACT.mqtt_faults("ub/v1/hello/vehicles", b"")
