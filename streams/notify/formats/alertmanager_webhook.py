"""The payload that Alertmanager sends to webhooks (version 4), for receivers that were written for it.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

import hashlib

from schemas import codec
from streams.notify.formats.alertmanager import annotations, labels
from streams.notify.message import Message, Payload, rfc3339

_NEVER = "0001-01-01T00:00:00Z"
"""Go's zero time: Alertmanager's endsAt of an alert that fires."""

_GROUP = ("alertname", "cell", "subject", "feed")
"""Labels that an alert keeps for its life, and has to itself while it is open: a group ends with its one alert."""


def render(message: Message) -> Payload:
    """Return a group of one alert."""
    alert = message.alert
    status = "firing" if alert.status == "active" else "resolved"
    named, said = labels(alert, message.district), {**annotations(alert), "reason": message.reason}
    group = {name: named[name] for name in _GROUP if name in named}
    one = {
        "status": status,
        "labels": named,
        "annotations": said,
        "startsAt": rfc3339(alert.starts_at),
        "endsAt": _NEVER if alert.ends_at is None else rfc3339(alert.ends_at),
        "generatorURL": "",
        # the same for the alert's whole life, whatever its severity
        "fingerprint": hashlib.sha256(alert.alert_id.encode()).hexdigest()[:16],
    }
    document = {
        "version": "4",
        "groupKey": "{}:{" + ", ".join(f'{name}="{value}"' for name, value in group.items()) + "}",
        "truncatedAlerts": 0,
        "status": status,
        "receiver": message.receiver.name,
        "groupLabels": group,
        "commonLabels": named,
        "commonAnnotations": said,
        "externalURL": "",
        "alerts": [one],
    }
    return Payload(codec.encode(document), "application/json")
