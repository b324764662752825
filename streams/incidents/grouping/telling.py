"""Events of incidents as they leave: records for Kafka, retained messages for MQTT, rows for the tables."""

from collections.abc import Sequence

import msgspec

from schemas import codec, envelope
from schemas.incidents import Incident
from streams import topics
from streams.fold.contract import MqttMessage, Output, Rows
from streams.incidents.grouping.groups import Joined

_JSON = ("kinds", "zones", "cells", "rollup", "outline", "alerts")

MOST_LISTED = 50_000
"""Alerts and cells in one message: 3 MB with 2 MB of an outline. One of 140,000 is more than ub.incidents takes
(topics.LARGEST_RECORD): Kafka would refuse it, and nobody there hear of it."""


def message_of(event: Incident) -> bytes:
    """Return an incident as Kafka and MQTT get it: of very many alerts the oldest, as many cells. Tables have all."""
    if max(len(event.alerts), len(event.cells)) > MOST_LISTED:
        event = msgspec.structs.replace(
            event, alerts=event.alerts[:MOST_LISTED], cells=event.cells[:MOST_LISTED]
        )
    return codec.encode(event)


def announce(event: Incident, before: str | None) -> Output:
    """Kafka gets every event; MQTT keeps the newest retained while the incident is active.

    `before` is the topic on which the incident is retained until now.
    """
    value = message_of(event)
    topic = topic_of(event)
    mqtt = []
    if before is not None and before != topic:
        mqtt.append(MqttMessage(before, b"", retain=True))
    mqtt.append(MqttMessage(topic, value, retain=event.status == "active"))
    if event.status != "active":
        mqtt.append(MqttMessage(topic, b"", retain=True))
    return Output(
        topic=topics.INCIDENTS,
        key=event.region,
        value=value,
        type_=envelope.INCIDENT,
        id_=f"{event.incident_id}/{event.sequence}",
        time_ms=event.updated_at,
        mqtt=tuple(mqtt),
    )


def topic_of(incident: Incident) -> str:
    """Return the MQTT topic of an incident as it is now."""
    return topics.incident_topic(incident.severity, incident.incident_id)


def rows(events: Sequence[Incident], joined: Sequence[Joined]) -> list[Rows]:
    """Return the rows of `incident` and `incident_alert` after these events."""
    found = []
    if events:
        newest = list({event.incident_id: event for event in events}.values())
        same = [name for name in Incident.__struct_fields__ if name not in ("action", *_JSON)]
        columns: dict[str, list[object]] = {name: [getattr(one, name) for one in newest] for name in same}
        for name in _JSON:
            columns[name] = [codec.encode(getattr(one, name)).decode() for one in newest]
        found.append(Rows("incident", columns))
    if joined:
        first: dict[tuple[str, str], int] = {}
        for incident_id, alert_id, at in joined:
            first.setdefault((incident_id, alert_id), at)
        found.append(
            Rows(
                "incident_alert",
                {
                    "incident_id": [incident_id for incident_id, _ in first],
                    "alert_id": [alert_id for _, alert_id in first],
                    "joined_at": list(first.values()),
                },
            )
        )
    return found
