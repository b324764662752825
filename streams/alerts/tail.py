"""Follow alerts over MQTT: what is open now (retained) first, then every event as it comes."""

import random
from collections.abc import Callable
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from schemas import codec
from schemas.alerts import SEVERITIES, Alert
from streams import topics
from streams.errors import ServiceUnavailable
from streams.settings import Settings


class Tail:
    """Calls `show` for each alert event that matches. Repeats of an event are shown once."""

    def __init__(
        self,
        settings: Settings,
        show: Callable[[Alert, bytes], None],
        *,
        severity: str | None = None,
        cell: str | None = None,
    ) -> None:
        self._address = (settings.mqtt_host, settings.mqtt_port)
        self._show = show
        # At least this severe: severities are ordered.
        wanted = SEVERITIES if severity is None else SEVERITIES[SEVERITIES.index(severity) :]
        self._filters = [topics.alert_topic(name, "+", cell or "+") for name in wanted]
        self._seen: dict[str, int] = {}
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        if settings.mqtt_username is not None:
            password = settings.mqtt_password
            self._client.username_pw_set(
                settings.mqtt_username, password.get_secret_value() if password else None
            )
        self._client.reconnect_delay_set(min_delay=1, max_delay=int(5 + random.random() * 10))
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message

    def run(self) -> None:
        """Follow until `stop`; raises ServiceUnavailable when the broker does not answer at the start."""
        try:
            self._client.connect(*self._address, keepalive=30)
        except OSError as error:
            host, port = self._address
            raise ServiceUnavailable("MQTT", f"{host}:{port}", str(error)) from None
        self._client.loop_forever()

    def stop(self) -> None:
        """End `run`; may be called from another thread or a signal handler."""
        self._client.disconnect()

    def _on_connect(
        self, client: mqtt.Client, userdata: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        client.subscribe([(name, SubscribeOptions(qos=1)) for name in self._filters])

    def _on_message(self, client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
        if not message.payload:  # the retained alert was taken back: it was cleared, or changed its severity
            return
        try:
            alert = codec.alert.decode(message.payload)
        except msgspec.DecodeError:
            return  # somebody else's message under our topic; the broker's ACL is there to prevent it
        if self._seen.get(alert.alert_id, -1) >= alert.sequence:
            return
        self._seen[alert.alert_id] = alert.sequence
        if alert.status == "cleared":
            del self._seen[alert.alert_id]
        self._show(alert, bytes(message.payload))
