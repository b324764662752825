"""What goes over the wire to a receiver: one file a format, all with the same function."""

from collections.abc import Callable, Mapping

from streams.notify.formats import alertmanager, alertmanager_webhook, cap, cloudevents
from streams.notify.message import Message, Payload
from streams.notify.receivers import Format

RENDER: Mapping[Format, Callable[[Message], Payload]] = {
    "cloudevents": cloudevents.render,
    "alertmanager": alertmanager.render,
    "alertmanager-webhook": alertmanager_webhook.render,
    "cap": cap.render,
}
