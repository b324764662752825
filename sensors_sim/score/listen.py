"""Alerts of the running system, as they come over MQTT (I/O lives here)."""

from queue import Empty, SimpleQueue
from threading import Event
from time import monotonic
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from sensors_sim.broker import Broker
from sensors_sim.errors import BrokerUnavailable
from sensors_sim.mqtt_client import Client
from sensors_sim.score.files import AlertLog

ALERTS = "ub/v1/alerts/#"
RETAINED_WITHIN_S = 1.0
"""A broker sends what it retains right after it has confirmed the subscription."""

_SESSION_S = 600
_POLL_S = 0.1


class Listener:
    """Use as a context. Paho calls back on its own thread, which only puts messages on a queue.

    The session outlives a lost connection: what is published meanwhile is sent after the reconnection.
    """

    def __init__(self, broker: Broker, client_id: str) -> None:
        self._broker = broker
        self._messages: SimpleQueue[tuple[str, bytes]] = SimpleQueue()
        self._subscribed = Event()
        self._refused = ""
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5)
        broker.let_in(self._client)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        """Subscribe, or raise BrokerUnavailable."""
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = _SESSION_S
        try:
            self._client.connect(self._broker.host, self._broker.port, keepalive=30, properties=session)
        except (OSError, ValueError) as error:
            raise self._broker.unreachable(error) from None
        self._client.loop_start()
        deadline = monotonic() + 10.0
        while not self._subscribed.wait(_POLL_S):
            if self._refused or monotonic() > deadline:
                self._close()
                reason = self._refused or "no answer within 10 s"
                raise BrokerUnavailable(
                    f"the MQTT broker at {self._broker} does not let this client read {ALERTS} ({reason}); "
                    "check UB_MQTT_USERNAME and UB_MQTT_PASSWORD, and the broker's ACL"
                )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def collect(self, log: AlertLog, quiet_s: float) -> None:
        """Add the alerts that come to `log`, until none has come for `quiet_s` seconds of wall time."""
        until = monotonic() + quiet_s
        while (left := until - monotonic()) > 0:
            try:
                topic, payload = self._messages.get(timeout=min(left, _POLL_S))
            except Empty:
                continue
            if payload:  # an empty one takes a retained alert back
                log.add(payload, topic)
                until = monotonic() + quiet_s

    def _close(self) -> None:
        end = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
        end.SessionExpiryInterval = 0
        self._client.disconnect(properties=end)
        self._client.loop_stop()

    def _on_connect(
        self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        if reason.is_failure:
            self._refused = str(reason)
        else:
            client.subscribe(ALERTS, qos=1)

    def _on_subscribe(
        self, _client: Any, _data: Any, _mid: int, reasons: list[Any], _properties: Any
    ) -> None:
        if reasons[0].is_failure:
            self._refused = str(reasons[0])
        else:
            self._subscribed.set()

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        self._messages.put((message.topic, bytes(message.payload)))
