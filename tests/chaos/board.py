"""What stands retained on MQTT against what is open in the tables: the newest events of alerts and incidents."""

import json
import time
from collections import defaultdict

from streams import topics
from tests import oracle
from tests.chaos.city import City
from tests.e2e.taps import MqttTap

_PATIENCE_S = 30.0
"""Longer than it takes a worker to see what is wrong, and to put it right."""
_POLL_S = 1.0
_ALERTS = """
SELECT alert_id, sequence, severity, kind, to_hex(cell) AS cell,
       coalesce(evidence::jsonb -> 'by_operator', '{}') AS by_operator
FROM ub.alert
WHERE status = 'active' ORDER BY updated_at, alert_id
"""
_INCIDENTS = "SELECT incident_id, sequence, severity FROM ub.incident WHERE status = 'active'"

Event = tuple[str, int]
"""Of an alert or incident: its id, and the number of the event."""


def board_differences(city: City) -> tuple[int, list[str]]:
    """Return how many topics were compared, and what differs once the workers have had time to put it right."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        city.tend()
        wanted, stands = _open(city), _retained(city)
        # Alerts that share a topic: any of them may stand there.
        right = {
            topic: stands[topic] if stands.get(topic) in events else events[-1]
            for topic, events in wanted.items()
        }
        lines = [f"retained on MQTT: {line}" for line in oracle.differences(right, stands, limit=4)]
        if not lines or time.monotonic() > deadline:
            return len(right), lines
        time.sleep(_POLL_S)


def _open(city: City) -> dict[str, list[Event]]:
    found = defaultdict(list)
    for row in city.query(_ALERTS):
        topic = topics.alert_topic(row["severity"], row["kind"], row["cell"])
        found[topic].append((row["alert_id"], row["sequence"]))
        place = row["severity"], row["kind"], row["cell"], row["alert_id"]
        own = [topics.open_alert_topic(*place)]
        own += [topics.open_alert_topic_by("operator", name, *place) for name in row["by_operator"]]
        for topic in own:
            found[topic].append((row["alert_id"], row["sequence"]))
    for row in city.query(_INCIDENTS):
        topic = topics.incident_topic(row["severity"], row["incident_id"])
        found[topic].append((row["incident_id"], row["sequence"]))
    return found


def _retained(city: City) -> dict[str, Event]:
    """Return what a subscriber is told first who comes only now."""
    with MqttTap(city.mosquitto.host, city.mosquitto.port, *topics.MQTT_BOARD_FILTERS) as tap:
        return {message.topic: _event(message.payload) for message in tap.everything() if message.retained}


def _event(payload: bytes) -> Event:
    told = json.loads(payload)
    return told.get("alert_id") or told["incident_id"], told["sequence"]
