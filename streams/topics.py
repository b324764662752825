"""Every Kafka topic with its partitions, and every MQTT topic: the contract's names in one place."""

from dataclasses import dataclass
from typing import Literal

VEHICLES = "ub.vehicles"
SENSORS = "ub.sensors"
REQUESTS = "ub.requests"
PARTIALS = "ub.partials"
CELLS = "ub.cells"
ALERTS = "ub.alerts"
ALERT_ACTIONS = "ub.alert_actions"
INCIDENTS = "ub.incidents"
REJECTED = "ub.rejected"
VEHICLE_EVENTS = "ub.vehicle_events"

READ_BY = {
    "fleet": VEHICLES,
    "sensing": SENSORS,
    "requests": REQUESTS,
    "grid": PARTIALS,
    "incidents": CELLS,
    "rejects": REJECTED,
}
"""The topic that each stage folds."""

REJECTED_PARTITIONS = 2

LARGEST_RECORD = 8_000_000
"""Bytes. An incident of 20,000 alerts takes 1.2 MB, and Kafka's default is 1 MB: it would refuse it."""

MQTT_ALERTS = "ub/v1/alerts"
MQTT_OPEN_ALERTS = "ub/v1/open-alerts"
MQTT_OPEN_ALERTS_BY = "ub/v1/open-alerts-by"
MQTT_ALERT_ACTIONS = "ub/v1/alert-actions"
MQTT_INCIDENTS = "ub/v1/incidents"
MQTT_BOARD_FILTERS = tuple(
    f"{topic}/#" for topic in (MQTT_ALERTS, MQTT_OPEN_ALERTS, MQTT_OPEN_ALERTS_BY, MQTT_INCIDENTS)
)
"""What stands retained there is put right by who owns it: streams/runtime/board.py."""
MQTT_GATEWAYS_AT_WORK = "ub/v1/gateway/at-work"
MQTT_VEHICLES_FILTER = "ub/v1/+/vehicles/#"
"""Positions, and what was misspelt below them: the gateway refuses that instead of never seeing it."""
MQTT_SENSORS_FILTER = "ub/v1/+/sensors/#"
MQTT_REQUESTS_FILTER = "ub/v1/+/requests/#"
MQTT_GATEWAY_FILTERS = (MQTT_VEHICLES_FILTER, MQTT_SENSORS_FILTER, MQTT_REQUESTS_FILTER)
"""What a gateway subscribes to."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One Kafka topic. `key` says what the record key is; retention in hours, None = compacted."""

    name: str
    partitions: int
    key: str
    retention_hours: int | None


def kafka_topics(source_partitions: int, region_partitions: int) -> tuple[TopicSpec, ...]:
    """Return the topics to create. Partials and cells are keyed by region: one worker counts all of its cells."""
    return (
        TopicSpec(VEHICLES, source_partitions, "none (frames are placed by murmur2 of vehicle_id)", 24 * 7),
        TopicSpec(SENSORS, source_partitions, "none (frames are placed by murmur2 of sensor_id)", 24 * 7),
        TopicSpec(
            REQUESTS, source_partitions, "none (frames are placed by murmur2 of service_request_id)", 24 * 7
        ),
        TopicSpec(VEHICLE_EVENTS, source_partitions, "vehicle_id", 24 * 7),
        TopicSpec(PARTIALS, region_partitions, "region", 24),
        TopicSpec(CELLS, region_partitions, "region", 24 * 7),
        TopicSpec(ALERTS, region_partitions, "cell", 24 * 30),
        TopicSpec(ALERT_ACTIONS, region_partitions, "cell", 24 * 30),
        TopicSpec(INCIDENTS, region_partitions, "region", 24 * 30),
        TopicSpec(REJECTED, REJECTED_PARTITIONS, "source (who refused)", 24 * 7),
    )


def alert_topic(severity: str, kind: str, cell: str) -> str:
    """Return the MQTT topic of the events of alerts; several may be open there, of which one can be retained."""
    return f"{MQTT_ALERTS}/{severity}/{kind}/{cell}"


def open_alert_topic(severity: str, kind: str, cell: str, alert_id: str) -> str:
    """Return the MQTT topic on which one alert is retained while it is open, whatever else is open on its cell."""
    return f"{MQTT_OPEN_ALERTS}/{severity}/{kind}/{cell}/{alert_id}"


def open_alert_topic_by(
    label: Literal["operator", "district"], name: str, severity: str, kind: str, cell: str, alert_id: str
) -> str:
    """Return the MQTT topic on which an open alert is retained for who asks for one operator, or one district."""
    return f"{MQTT_OPEN_ALERTS_BY}/{label}/{as_level(name)}/{severity}/{kind}/{cell}/{alert_id}"


def as_level(name: str) -> str:
    """Return a name as one level of an MQTT topic: what a level cannot hold is percent-encoded, and `%` itself."""
    return "".join(f"%{ord(character):02X}" if character in "%/+#" else character for character in name)


def alert_action_topic(kind: str, cell: str, alert_id: str) -> str:
    """Return the MQTT topic of what people do about one alert."""
    return f"{MQTT_ALERT_ACTIONS}/{kind}/{cell}/{alert_id}"


def incident_topic(severity: str, incident_id: str) -> str:
    """Return the MQTT topic of one incident."""
    return f"{MQTT_INCIDENTS}/{severity}/{incident_id}"


def gateway_topic(gateway_id: str) -> str:
    """Return the MQTT topic on which it is retained when a gateway was last at work."""
    return f"{MQTT_GATEWAYS_AT_WORK}/{as_level(gateway_id)}"


def positions_topic(operator: str) -> str:
    """Return the MQTT topic on which an operator publishes arrays of positions."""
    return f"ub/v1/{operator}/vehicles"


def sensors_topic(owner: str, sensor_id: str | None = None) -> str:
    """Return the MQTT topic on which an owner publishes readings of one sensor, or arrays of readings of many."""
    return f"ub/v1/{owner}/sensors" if sensor_id is None else f"ub/v1/{owner}/sensors/{sensor_id}"


def requests_topic(owner: str) -> str:
    """Return the MQTT topic on which an owner publishes events of citizens' requests."""
    return f"ub/v1/{owner}/requests"
