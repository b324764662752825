"""Events of alerts as they leave: records for Kafka, retained messages for MQTT, rows for the tables."""

from collections.abc import Sequence

from schemas import codec, envelope
from schemas.alerts import Alert
from streams import topics
from streams.fold.contract import MqttMessage, Output, Rows
from streams.fold.outlines import Geometry, of_cells


def announce(event: Alert, before: Alert | None, standing: Alert | None = None) -> Output:
    """Kafka gets every event; MQTT keeps the newest retained while the alert is open.

    `standing` is another open alert on the topic that this one leaves: it is retained there from then on.
    """
    value = codec.encode(event)
    topic = topic_of(event)
    mqtt: list[MqttMessage] = []
    if before is not None and topic_of(before) != topic:
        mqtt += _leave(before, standing)
    mqtt.append(MqttMessage(topic, value, retain=event.status == "active"))
    if event.status == "active":
        mqtt.append(MqttMessage(own_topic_of(event), value, retain=True))
    else:
        mqtt += _leave(event, standing)
        done = topics.alert_action_topic(event.kind, event.cell, event.alert_id)
        mqtt.append(MqttMessage(done, b"", retain=True))
    return Output(
        topic=topics.ALERTS,
        key=event.cell,
        value=value,
        type_=envelope.ALERT,
        id_=f"{event.alert_id}/{event.sequence}",
        time_ms=event.updated_at,
        mqtt=tuple(mqtt),
    )


def topic_of(alert: Alert) -> str:
    """Return the MQTT topic of an alert's events as it is now; others may share it."""
    return topics.alert_topic(alert.severity, alert.kind, alert.cell)


def own_topic_of(alert: Alert) -> str:
    """Return the MQTT topic on which the alert, as it is now, stands while it is open."""
    return topics.open_alert_topic(alert.severity, alert.kind, alert.cell, alert.alert_id)


def _leave(alert: Alert, standing: Alert | None) -> tuple[MqttMessage, MqttMessage]:
    instead = b"" if standing is None else codec.encode(standing)
    return (
        MqttMessage(topic_of(alert), instead, retain=True),
        MqttMessage(own_topic_of(alert), b"", retain=True),
    )


def rows(events: Sequence[Alert]) -> list[Rows]:
    """Return the rows of `alert` and `alert_event` after these events; none where there are none."""
    if not events:
        return []
    newest = {event.alert_id: event for event in events}
    return [Rows("alert", _alert_columns(list(newest.values()))), Rows("alert_event", _event_columns(events))]


def outlines(events: Sequence[Alert], geometry: Geometry) -> list[Rows]:
    """Return the outlines of the cells in which alerts were raised.

    The grid writes those of cells that something was told of; the middle of an area need not be one of them.
    """
    return of_cells(sorted({event.cell for event in events if event.action == "raised"}), geometry)


def _alert_columns(alerts: Sequence[Alert]) -> dict[str, list[object]]:
    same = [name for name in Alert.__struct_fields__ if name not in ("action", "cell", "evidence")]
    columns: dict[str, list[object]] = {name: [getattr(a, name) for a in alerts] for name in same}
    columns["cell"] = [int(a.cell, 16) for a in alerts]
    columns["evidence"] = [codec.encode(a.evidence).decode() for a in alerts]
    return columns


def _event_columns(events: Sequence[Alert]) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = {
        name: [getattr(a, name) for a in events]
        for name in ("alert_id", "sequence", "action", "severity", "status")
    }
    columns["at"] = [a.updated_at for a in events]
    columns["body"] = [codec.encode(a).decode() for a in events]
    return columns
