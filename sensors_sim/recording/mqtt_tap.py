"""What passes on MQTT: a subscriber (MQTT v5, QoS 1) that keeps its session over a lost connection (I/O lives here)."""

from collections.abc import Callable, Sequence
from queue import Empty, Queue
from threading import Event
from time import monotonic
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from sensors_sim.broker import Broker
from sensors_sim.errors import BrokerUnavailable
from sensors_sim.mqtt_client import Client
from sensors_sim.recording.record import Recorded

SESSION_S = 300
"""After a lost connection the broker keeps messages for us that long, as far as its limits allow."""
_QUEUED = 100_000
_TAKEN = 10_000


class MqttTap:
    """Subscribed when entered. What was retained before is not recorded: it does not pass."""

    def __init__(
        self, broker: Broker, filters: Sequence[str], client_id: str, arrival: Callable[[], int]
    ) -> None:
        self.gaps = 0
        self._broker = broker
        self._filters = [
            (
                name,
                SubscribeOptions(
                    qos=1,
                    retainAsPublished=True,
                    retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND,
                ),
            )
            for name in filters
        ]
        self._arrival = arrival
        # Full, it holds paho's thread up, and so the broker, which queues by its own limits.
        self._queue: Queue[Recorded] = Queue(_QUEUED)
        self._subscribed = Event()
        self._closing = Event()
        self._refused = ""
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5)
        self._client.connect_timeout = 5.0
        broker.let_in(self._client)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message

    def poll(self, timeout_s: float) -> Sequence[Recorded]:
        """Return what arrived since, in the order of arrival."""
        found: list[Recorded] = []
        try:
            found.append(self._queue.get(timeout=timeout_s))
            while len(found) < _TAKEN:
                found.append(self._queue.get_nowait())
        except Empty:
            pass
        return found

    def __enter__(self) -> Self:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_S
        properties.ReceiveMaximum = 1_000
        try:
            self._client.connect(self._broker.host, self._broker.port, keepalive=30, properties=properties)
        except (OSError, ValueError) as error:
            raise self._broker.unreachable(error) from None
        self._client.loop_start()
        deadline = monotonic() + 10.0
        while not self._subscribed.wait(0.05):
            if self._refused or monotonic() > deadline:
                self._close()
                raise BrokerUnavailable(
                    f"the MQTT broker at {self._broker} does not let this client listen "
                    f"({self._refused or 'no answer within 10 s'}); check UB_MQTT_USERNAME, UB_MQTT_PASSWORD, and what "
                    "this user may read (the broker's ACL)"
                )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        self._closing.set()
        properties = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 0  # nobody comes back to this session
        self._client.disconnect(properties=properties)
        while not self._queue.empty():  # paho's thread may wait for room
            self._queue.get_nowait()
        self._client.loop_stop()

    def _on_connect(
        self,
        client: mqtt.Client,
        _data: Any,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._refused = str(reason)
        else:  # also where the session is said to be kept: then it changes nothing
            client.subscribe(self._filters)

    def _on_subscribe(
        self,
        _client: mqtt.Client,
        _data: Any,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        failed = [str(reason) for reason in reasons if reason.is_failure or not reason.value]
        if failed:
            self._refused = failed[0]
        else:
            self._subscribed.set()

    def _on_disconnect(
        self,
        _client: mqtt.Client,
        _data: Any,
        _flags: mqtt.DisconnectFlags,
        _reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if not self._closing.is_set():
            self.gaps += 1

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        if not self._closing.is_set():
            self._queue.put(
                Recorded(self._arrival(), message.topic, bytes(message.payload), retain=message.retain)
            )
