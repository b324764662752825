"""Holds what went over the wire against schemas/asyncapi.yaml and the JSON Schemas that it refers to."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

import schemas

SCHEMAS = Path(schemas.__file__).parent
_BASE = "file:///schemas/"
_DOCUMENT = _BASE + "asyncapi.yaml"
RETAINED = tuple(
    f"ub/v1/{name}/"
    for name in ("alerts", "open-alerts", "open-alerts-by", "alert-actions", "incidents", "gateway/at-work")
)
_PARAMETER = re.compile(r"\\{\w+\\}")


class Contract:
    """The channels of the AsyncAPI document, ready to be asked what is wrong with a message."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text())
        resources = {_DOCUMENT: self.document} | {
            f"{_BASE}json/{path.name}": json.loads(path.read_bytes()) for path in SCHEMAS.glob("json/*.json")
        }
        self._registry: Registry[Any] = Registry().with_resources(
            (uri, Resource.from_contents(contents, default_specification=DRAFT202012))
            for uri, contents in resources.items()
        )

    def mqtt_faults(self, topic: str, payload: bytes) -> list[str]:
        """Return what is wrong with an MQTT message; one is enough of the payloads that its topic may carry."""
        messages = self._messages("mqtt", topic)
        if not messages:
            return [f"{topic}: no channel has this address"]
        if not payload and topic.startswith(RETAINED):
            return []  # takes back what was retained
        return self._payload_faults(topic, messages, payload)

    def kafka_faults(
        self, topic: str, key: bytes | None, headers: Mapping[str, str], value: bytes
    ) -> list[str]:
        """Return what is wrong with a Kafka record; its `ce_type` names the message that it must be."""
        name = headers.get("ce_type", "")
        messages = [m for m in self._messages("kafka", topic) if self._message(m)["name"] == name]
        if not messages:
            return [f"{topic}: carries no message of the type {name!r}"]
        (message,) = messages
        faults = [
            f"{topic}: headers: {error.message}"
            for error in self._validator(f"{message}/headers").iter_errors(dict(headers))
        ]
        try:
            datetime.fromisoformat(headers.get("ce_time", ""))
        except ValueError:
            faults.append(f"{topic}: ce_time {headers.get('ce_time')!r} is no RFC 3339 time")
        has_key = "key" in self._message(message).get("bindings", {}).get("kafka", {})
        if has_key and not key:
            faults.append(f"{topic}: has no key")
        return faults + self._payload_faults(topic, messages, value)

    def _messages(self, server: str, topic: str) -> list[str]:
        """Return the references of the messages that a topic may carry."""
        for channel in self.document["channels"].values():
            on_server = {"$ref": f"#/servers/{server}"} in channel["servers"]
            if on_server and re.fullmatch(_PARAMETER.sub("[^/]+", re.escape(channel["address"])), topic):
                return [message["$ref"] for message in channel["messages"].values()]
        return []

    def _message(self, reference: str) -> dict[str, Any]:
        found: Any = self.document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        return dict(found)

    def _payload_faults(self, topic: str, messages: list[str], payload: bytes) -> list[str]:
        try:
            value = json.loads(payload, parse_constant=_no_json)
        except ValueError as error:
            return [f"{topic}: not JSON: {error}"]
        faults: list[str] = []
        for message in messages:
            fault = next(self._validator(f"{message}/payload").iter_errors(value), None)
            if fault is None:
                return []
            faults.append(f"{topic}: {fault.json_path}: {fault.message[:300]}")
        return faults

    def _validator(self, reference: str) -> Draft202012Validator:
        return Draft202012Validator({"$ref": _DOCUMENT + reference}, registry=self._registry)


def _no_json(name: str) -> None:
    """Python reads NaN and Infinity; JSON has neither."""
    raise ValueError(f"{name} is not JSON")
