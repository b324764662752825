"""CloudEvents 1.0, structured mode in JSON: the alert as it is on Kafka, in its envelope.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

from schemas import codec, envelope
from streams.notify.message import Message, Payload, rfc3339


def render(message: Message) -> Payload:
    """Return the event.

    Extension attributes: `reason` (event, escalation, overdue or repeat), and `assignee` where there is one.
    """
    alert = message.alert
    event = {
        "specversion": "1.0",
        "id": message.id_,
        "source": "urbanbrain/notify",
        "type": envelope.ALERT,
        "subject": alert.cell,
        "time": rfc3339(alert.updated_at),
        "datacontenttype": "application/json",
        "dataschema": "urn:urbanbrain:schema:Alert:v1",
        "reason": message.reason,
        **({"assignee": message.assignee} if message.assignee else {}),
        "data": alert,
    }
    return Payload(codec.encode(event), "application/cloudevents+json; charset=utf-8")
