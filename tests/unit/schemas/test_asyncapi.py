"""schemas/asyncapi.yaml says what the program does: topics, keys, headers, payloads."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from schemas import envelope, generate
from schemas.alerts import SEVERITIES, AlertKind
from streams import topics
from streams.gateway.address import ADDRESSES
from streams.gateway.decode import Limits, decode
from streams.settings import Settings
from streams.topics import TopicSpec, kafka_topics

PATH = Path(generate.__file__).with_name("asyncapi.yaml")
DOCUMENT: dict[str, Any] = yaml.safe_load(PATH.read_text())
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]
NOW = 1_800_000_000_000


def resolve(reference: str) -> Any:
    """Return what a $ref of the document points to."""
    place, _, pointer = reference.partition("#")
    found = json.loads((PATH.parent / place).read_bytes()) if place else DOCUMENT
    for step in pointer.split("/")[1:]:
        found = found[step.replace("~1", "/").replace("~0", "~")]
    return found


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def channels_of(server: str) -> dict[str, dict[str, Any]]:
    """Return the channels of a server by their address."""
    wanted = {"$ref": f"#/servers/{server}"}
    return {
        channel["address"]: channel
        for channel in DOCUMENT["channels"].values()
        if wanted in channel["servers"]
    }


def kafka_messages() -> dict[str, Any]:
    """Return the messages that travel with CloudEvents headers."""
    return {name: message for name, message in MESSAGES.items() if "headers" in message}


def type_of(message: dict[str, Any]) -> str:
    _, own = message["headers"]["allOf"]
    return str(own["properties"]["ce_type"]["const"])


# ------------------------------------------------------------------ form


def test_every_reference_resolves() -> None:
    found = set(references(DOCUMENT))
    assert found
    for reference in found:
        resolve(reference)


def test_every_generated_schema_is_the_payload_of_a_message() -> None:
    used = {message["payload"]["$ref"] for message in MESSAGES.values()}
    assert used == {f"./json/{name}" for name in generate.files()}


def test_every_channel_has_one_server_and_declares_its_parameters() -> None:
    assert len(channels_of("mqtt")) + len(channels_of("kafka")) == len(DOCUMENT["channels"])
    for address, channel in {**channels_of("mqtt"), **channels_of("kafka")}.items():
        assert set(re.findall(r"{(\w+)}", address)) == set(channel.get("parameters", {})), address


def test_every_message_belongs_to_a_channel() -> None:
    used = {
        message["$ref"].rpartition("/")[2]
        for channel in DOCUMENT["channels"].values()
        for message in channel["messages"].values()
    }
    assert used == set(MESSAGES)


# ------------------------------------------------------------------ topics


def test_the_kafka_topics_are_those_that_the_program_creates() -> None:
    defaults = Settings(_env_file=None)  # type: ignore[call-arg]
    specs = {spec.name: spec for spec in kafka_topics(defaults.source_partitions, defaults.region_partitions)}
    found = channels_of("kafka")
    assert set(found) == set(specs)
    for address, channel in found.items():
        assert channel["bindings"]["kafka"] == binding_of(specs[address]), address


def binding_of(spec: TopicSpec) -> dict[str, Any]:
    assert spec.retention_hours is not None
    retention = {"cleanup.policy": ["delete"], "retention.ms": spec.retention_hours * 3_600_000}
    return {
        "bindingVersion": "0.5.0",
        "topic": spec.name,
        "partitions": spec.partitions,
        "topicConfiguration": retention,
    }


def test_the_keys_are_those_that_the_program_writes() -> None:
    for spec in kafka_topics(8, 4):
        for reference in channels_of("kafka")[spec.name]["messages"].values():
            key = resolve(reference["$ref"]).get("bindings", {}).get("kafka", {}).get("key")
            assert spec.key.startswith("none" if key is None else key["description"]), spec.name


def test_the_mqtt_topics_are_those_of_the_program() -> None:
    assert set(channels_of("mqtt")) == {
        *ADDRESSES,
        topics.alert_topic("{severity}", "{kind}", "{cell}"),
        topics.open_alert_topic("{severity}", "{kind}", "{cell}", "{alert_id}"),
        *(
            topics.open_alert_topic_by(label, f"{{{label}}}", "{severity}", "{kind}", "{cell}", "{alert_id}")
            for label in ("operator", "district")
        ),
        topics.alert_action_topic("{kind}", "{cell}", "{alert_id}"),
        topics.incident_topic("{severity}", "{incident_id}"),
        f"{topics.MQTT_GATEWAYS_AT_WORK}/{{gateway_id}}",
    }


@pytest.mark.parametrize("address", sorted(ADDRESSES))
def test_the_gateway_takes_the_examples_on_their_topics(address: str) -> None:
    topic = address.format(operator="hello", vehicle_id="bike-1", owner="city", sensor_id="air-1")
    for reference in channels_of("mqtt")[address]["messages"].values():
        for example in resolve(reference["$ref"])["examples"]:
            payload = json.dumps(example["payload"]).encode()
            decoded = decode(topic, payload, now_ms=NOW, limits=Limits(1_000_000, 0))
            assert decoded.accepted
            assert not decoded.rejected


def test_the_parameters_of_alerts_are_the_values_that_alerts_have() -> None:
    parameters = DOCUMENT["components"]["parameters"]
    assert tuple(parameters["severity"]["enum"]) == SEVERITIES
    assert tuple(parameters["kind"]["enum"]) == get_args(AlertKind)


# ------------------------------------------------------------------ messages


def test_every_type_of_the_envelope_has_its_message() -> None:
    known = {value for value in vars(envelope).values() if isinstance(value, str) and value.startswith("ub.")}
    assert {type_of(message) for message in kafka_messages().values()} == known
    for message in kafka_messages().values():
        assert message["name"] == type_of(message)


def test_the_headers_are_those_of_the_envelope() -> None:
    written = dict(envelope.headers(type_="ub.alert.v1", source="gateway-0", id_="1", time_ms=NOW))
    described = DOCUMENT["components"]["schemas"]["cloudEvents"]
    assert set(described["required"]) == set(described["properties"]) == set(written)
    Draft202012Validator(described).validate({name: value.decode() for name, value in written.items()})


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_the_examples_fit(name: str) -> None:
    message = MESSAGES[name]
    payload = Draft202012Validator(resolve(message["payload"]["$ref"]))
    whole = Registry().with_resource("urn:doc", DRAFT202012.create_resource(DOCUMENT))
    assert message["examples"]
    for example in message["examples"]:
        payload.validate(example["payload"])
        if "headers" in message:
            named = absolute(message["headers"])
            Draft202012Validator(named, registry=whole).validate(example["headers"])


def absolute(node: Any) -> Any:
    """Return `node` with references into the document that a validator finds."""
    if isinstance(node, dict):
        return {key: f"urn:doc{value}" if key == "$ref" else absolute(value) for key, value in node.items()}
    return [absolute(item) for item in node] if isinstance(node, list) else node


# ------------------------------------------------------------------ operations


def test_every_kafka_topic_but_the_last_ones_has_a_reader_and_a_writer() -> None:
    by_action: dict[str, set[str]] = {"send": set(), "receive": set()}
    for operation in DOCUMENT["operations"].values():
        by_action[operation["action"]].add(resolve(operation["channel"]["$ref"])["address"])
    kafka = set(channels_of("kafka"))
    assert kafka <= by_action["send"]
    assert kafka - by_action["receive"] == {topics.ALERT_ACTIONS, topics.INCIDENTS, topics.VEHICLE_EVENTS}
    assert set(channels_of("mqtt")) <= by_action["send"] | by_action["receive"]


def test_every_operation_is_named_after_the_room_that_performs_it() -> None:
    rooms = {"gateway", "fleet", "sensing", "requests", "grid", "incidents", "alerts", "notify", "rejects"}
    assert {operation["title"] for operation in DOCUMENT["operations"].values()} == rooms
    for name, operation in DOCUMENT["operations"].items():
        verb = {"send": "Sends", "receive": "Receives"}[operation["action"]]
        assert name.startswith(operation["title"] + verb)
