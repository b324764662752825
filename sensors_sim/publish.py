"""The publisher: MQTT v5, QoS 1, bounded in flight, nothing lost and the order kept (I/O lives here).

Paho calls back on its own thread while it holds its own locks, so the callbacks only put
acknowledgements on a queue and set flags; all book-keeping happens on the caller's thread.
"""

from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from random import Random
from threading import Event
from time import monotonic
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from sensors_sim.backoff import Backoff
from sensors_sim.broker import Broker
from sensors_sim.encode import Message
from sensors_sim.errors import BrokerUnavailable

MOST_IN_FLIGHT = 65_535
_POLL_S = 0.1
_QUOTA_EXCEEDED = 0x97
_QUOTA_PAUSE_S = 1.0
_MOST_PAUSES = 60
"""In a row in which the broker took nothing: its quota is one that does not come back by itself."""
_ITS_ACL = "check what this user may publish (the broker's ACL)"
_WAYS_OUT = {
    0x87: _ITS_ACL,
    0x90: "see which topics the broker allows",
    _QUOTA_EXCEEDED: "raise the limit of this user there, or publish more slowly (--speed)",
    0x99: "see what the broker expects of payloads: these are JSON",
}
"""What to do about a message that the broker refuses, by its reason (MQTT 5, 3.4.2.1)."""


@dataclass(slots=True)
class Counts:
    """What was handed to the broker, and what it acknowledged, refused, or was sent again as it was too much."""

    readings_sent: int = 0
    messages_sent: int = 0
    readings_acknowledged: int = 0
    messages_acknowledged: int = 0
    readings_refused: int = 0
    messages_repeated: int = 0
    reconnects: int = 0
    refusal: str = ""
    """The last reason, with what the broker adds to it."""
    way_out: str = _ITS_ACL


class Publisher:
    """One connection. Not thread-safe: one thread publishes.

    What is more than the broker takes at a time (Quota exceeded) is sent again each second, with all that was under way
    behind it on its topic, and nothing new before that. What it refuses for another reason is counted: it would be
    refused again.
    """

    def __init__(self, broker: Broker, client_id: str, in_flight: int, random: Random) -> None:
        self.counts = Counts()
        self._broker = broker
        self._window = in_flight
        self._largest: int | None = None
        self._retains = True
        self._pending: dict[int, Message] = {}  # by message id
        self._again: list[Message] = []  # in the order in which they were sent
        self._again_topics: set[str] = set()
        self._again_at = 0.0
        self._pauses = 0
        self._acks: SimpleQueue[tuple[int, ReasonCode, str]] = SimpleQueue()
        self._backoff = Backoff(random)
        self._connected = Event()
        self._interrupted = Event()
        self._refused = ""

        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5)
        self._client.max_inflight_messages_set(MOST_IN_FLIGHT)  # the window below is the bound
        self._client.connect_timeout = 5.0
        broker.let_in(self._client)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish

    @property
    def connected(self) -> bool:
        """Whether the broker answers at the moment."""
        return self._connected.is_set()

    @property
    def refused(self) -> str:
        """Why the broker does not let us in, at its last answer; empty: it did."""
        return self._refused

    @property
    def in_flight(self) -> int:
        """Messages that the broker has not acknowledged yet."""
        return len(self._pending) + len(self._again)

    def connect(self, timeout_s: float = 10.0) -> None:
        """Connect for the first time, or raise BrokerUnavailable. Later losses are healed in the background."""
        try:
            self._client.connect(self._broker.host, self._broker.port, keepalive=30)
        except (OSError, ValueError) as error:
            raise self._broker.unreachable(error) from None
        self._client.loop_start()
        deadline = monotonic() + timeout_s
        while not self._connected.wait(_POLL_S):
            if self._refused or monotonic() > deadline:
                self.close()
                does, check = (
                    (f"refuses this client ({self._refused})", "UB_MQTT_USERNAME and UB_MQTT_PASSWORD")
                    if self._refused
                    else (f"does not answer within {timeout_s:g} s", "whether it runs (`urbanbrain doctor`)")
                )
                asks = (
                    ""
                    if self._broker.tls is None
                    else "whether it asks for a certificate (--mqtt-cert-file), "
                )
                raise BrokerUnavailable(
                    f"the MQTT broker at {self._broker} {does}; check {check}, {asks}and that it speaks MQTT v5"
                )

    def publish(self, message: Message, give_up: Callable[[], bool]) -> bool:
        """Send `message`; waits while the window is full or the broker is away, unless `give_up()`.

        Returns whether it was sent. After a reconnection paho repeats what was not acknowledged;
        nothing new is sent until that is through, or a bike's newer position could overtake
        an older one.
        """
        if self._largest is not None and len(message.payload) + len(message.topic) + 32 > self._largest:
            raise BrokerUnavailable(
                f"a message of {len(message.payload)} bytes exceeds the {self._largest} that the broker at "
                f"{self._broker} takes; send fewer readings per message with --batch"
            )
        self.reap(block=False)
        while not self._ready():
            if give_up():
                return False
            self.reap(block=True)
        self._send(message)
        self.counts.messages_sent += 1
        self.counts.readings_sent += message.readings
        return True

    def drain(self, give_up: Callable[[], bool]) -> None:
        """Wait until all is acknowledged or refused, or `give_up()`; `in_flight` says what is left."""
        while self.in_flight and not give_up():
            self.reap(block=True)

    def close(self) -> None:
        """Disconnect and end paho's thread."""
        self._connected.clear()
        self._client.disconnect()
        self._client.loop_stop()

    def _send(self, message: Message) -> None:
        retain = message.retain and self._retains
        sent = self._client.publish(message.topic, message.payload, qos=1, retain=retain)
        self._pending[sent.mid] = message

    def _ready(self) -> bool:
        if not self._connected.is_set():
            return False
        if self._interrupted.is_set():
            if self._pending:
                return False
            self._interrupted.clear()
        return not self._again and len(self._pending) < self._window

    def reap(self, *, block: bool) -> None:
        """Book the acknowledgements that have arrived, and send again what is due; with `block`, wait a moment."""
        self._book(block=block)
        if self._again and not self._pending and self._connected.is_set() and monotonic() >= self._again_at:
            again, self._again, self._again_topics = self._again, [], set()
            self._pauses += 1
            self.counts.messages_repeated += len(again)
            for message in again:
                self._send(message)

    def _book(self, *, block: bool) -> None:
        try:
            while True:
                mid, reason, own = self._acks.get(block=block, timeout=_POLL_S if block else None)
                block = False
                message = self._pending.pop(mid)
                exceeds = reason.value == _QUOTA_EXCEEDED
                if not exceeds:
                    self._pauses = 0
                if self._pauses < _MOST_PAUSES and (exceeds or message.topic in self._again_topics):
                    self._again.append(message)
                    self._again_topics.add(message.topic)
                    self._again_at = monotonic() + _QUOTA_PAUSE_S
                elif reason.is_failure:
                    self.counts.readings_refused += message.readings
                    self.counts.refusal = f"{reason}: {own}" if own else str(reason)
                    self.counts.way_out = _WAYS_OUT.get(reason.value, "the broker's log says why")
                else:
                    self.counts.messages_acknowledged += 1
                    self.counts.readings_acknowledged += message.readings
        except Empty:
            return

    def _on_connect(
        self,
        _client: mqtt.Client,
        _data: Any,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._refused = str(reason)
            return
        if not getattr(properties, "MaximumQoS", 2):
            self._refused = "it takes messages at QoS 0 only, at which they may be lost"
            return
        # Paho does not keep to the broker's Receive Maximum; Mosquitto cuts clients that exceed it.
        window = getattr(properties, "ReceiveMaximum", None)
        if window is not None:
            self._window = min(self._window, int(window))
        self._largest = getattr(properties, "MaximumPacketSize", None)
        self._retains = bool(getattr(properties, "RetainAvailable", 1))
        self._refused = ""
        self._backoff.reset()
        self._connected.set()

    def _on_connect_fail(self, _client: mqtt.Client, _data: Any) -> None:
        self._wait_before_retry()

    def _on_disconnect(
        self,
        _client: mqtt.Client,
        _data: Any,
        _flags: mqtt.DisconnectFlags,
        _reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if self._connected.is_set():
            self.counts.reconnects += 1
        self._interrupted.set()
        self._connected.clear()
        self._wait_before_retry()

    def _wait_before_retry(self) -> None:
        delay = self._backoff.next_s()
        # Equal bounds switch paho's own doubling off, which has no jitter; it sleeps on any float.
        self._client.reconnect_delay_set(delay, delay)  # type: ignore[arg-type]

    def _on_publish(
        self, _client: mqtt.Client, _data: Any, mid: int, reason: ReasonCode, properties: Properties
    ) -> None:
        self._acks.put((mid, reason, getattr(properties, "ReasonString", "")))
