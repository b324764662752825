"""Events of alerts as they leave: records for Kafka, retained messages for MQTT, rows for the tables."""

from collections.abc import Sequence

from schemas import codec, envelope
from schemas.alerts import Alert
from streams import topics
from streams.fold.contract import MqttMessage, Output, Rows
from streams.fold.outlines import District, Geometry, no_district, of_cells


def announce(
    event: Alert, before: Alert | None, standing: Alert | None = None, district: District = no_district
) -> Output:
    """Return how an event is published: to Kafka always; on MQTT the newest one is retained while the alert is open.

    `standing` is another open alert on the topic that this one leaves; it is retained there from then on.
    """
    value, topic, is_open = codec.encode(event), topic_of(event), event.status == "active"
    own = own_topics_of(event, district)
    stood = own if before is None else [*own_topics_of(before, district), *own]
    gone = [
        MqttMessage(left, b"", retain=True) for left in dict.fromkeys(stood) if not (is_open and left in own)
    ]
    mqtt = [] if before is None or topic_of(before) == topic else [_leave(before, standing)]
    if is_open:
        mqtt += [*gone, *(MqttMessage(at, value, retain=True) for at in (topic, *own))]
    else:
        done = topics.alert_action_topic(event.kind, event.cell, event.alert_id)
        mqtt += [MqttMessage(topic, value, retain=False), _leave(event, standing), *gone]
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


def own_topics_of(alert: Alert, district: District) -> list[str]:
    """Return the MQTT topics on which the alert, as it is now, stands alone while it is open.

    One for whoever wants all, one for each operator whose vehicles it counts, and one for its district.
    """
    place = alert.severity, alert.kind, alert.cell, alert.alert_id
    found = [topics.open_alert_topic(*place)]
    found += [topics.open_alert_topic_by("operator", name, *place) for name in alert.evidence.by_operator]
    name = district(alert.lat, alert.lon)
    return found if name is None else [*found, topics.open_alert_topic_by("district", name, *place)]


def _leave(alert: Alert, standing: Alert | None) -> MqttMessage:
    instead = b"" if standing is None else codec.encode(standing)
    return MqttMessage(topic_of(alert), instead, retain=True)


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
