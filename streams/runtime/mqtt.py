"""MQTT client of the worker: publishes at QoS 1, confirmed, awaited from asyncio; hears what stands retained.

paho's network thread does the I/O; everything else happens on the event loop, in the order in which the broker said it.
"""

import asyncio
import logging
import random
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from streams import topics
from streams.brokers.mqtt_client import Client
from streams.brokers.mqtt_login import QUOTA_EXCEEDED, in_words, login_of, lost, refuses, unavailable
from streams.brokers.mqtt_offer import NO_QOS, NO_RETAIN, NO_WILDCARDS, Offer, offer_of
from streams.brokers.mqtt_reconnects import Reconnects
from streams.fold.contract import MqttMessage
from streams.runtime.board import Board
from streams.runtime.rationed import PAUSE_S, Rationed
from streams.said_once import SaidOnce, SaidSeldom
from streams.settings import Settings

log = logging.getLogger(__name__)

_MOST_IN_FLIGHT = 200
"""The most messages that the broker has not confirmed. With paho's own 20, a broker 10 ms away takes 2,000 a second.

It is fewer where the broker's Receive Maximum is less (HiveMQ: 10). Paho does not heed that, and the broker would cut
the connection again and again. So messages that must wait are kept here, and paho gets only what may be sent at once.
"""

_OVERHEAD = 10
"""Bytes of a packet beside topic and payload, at most."""


class MqttPublisher:
    """Publishes messages in order and waits until the broker has confirmed them.

    With a `board` it subscribes to what stands retained there, and keeps the board up to date.
    """

    def __init__(self, settings: Settings, client_id: str, board: Board | None = None) -> None:
        self._settings = settings
        self._client_id = client_id
        self._board = board
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5
        )
        login_of(settings).give_to(self._client)
        self._longest_delay_s = int(10 + random.random() * 10)
        self._reconnects = Reconnects(time.monotonic, self._longest_delay_s)
        self._client.reconnect_delay_set(min_delay=1, max_delay=self._longest_delay_s)
        self._client.max_inflight_messages_set(0)
        self._client.on_socket_open = _send_at_once
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        if board is not None:
            self._client.on_subscribe = self._on_subscribe
            self._client.on_message = lambda _client, _data, message: self._soon(
                board.heard, message.topic, bytes(message.payload), message.retain
            )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: deque[tuple[MqttMessage, asyncio.Future[None]]] = deque()
        self._waiting: dict[int, tuple[MqttMessage, asyncio.Future[None]]] = {}
        self._refused: set[tuple[str, str]] = set()
        self._rationed: Rationed[asyncio.Future[None]] = Rationed()
        self._seldom = SaidSeldom(time.monotonic)
        self._most = 0
        self._repeats = False
        self._offer = Offer()
        self._lacks = SaidOnce()
        self._trouble = SaidOnce()
        self._is_connected = False
        self._was_connected = False

    @property
    def _address(self) -> str:
        return f"{self._settings.mqtt_host}:{self._settings.mqtt_port}"

    def start(self) -> None:
        """Connect in the background; call from the event loop that will publish."""
        self._loop = asyncio.get_running_loop()
        self._client.connect_async(self._settings.mqtt_host, self._settings.mqtt_port, keepalive=30)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect and end the network thread."""
        self._client.disconnect()
        self._client.loop_stop()

    async def publish(self, messages: Sequence[MqttMessage]) -> None:
        """Publish and wait for every PUBACK, through outages. If cancelled, what was not sent yet is not sent."""
        await asyncio.gather(*self.enqueue(messages))

    def enqueue(self, messages: Sequence[MqttMessage]) -> list[asyncio.Future[None]]:
        """Publish after everything enqueued before; returns a future for each message, done when its PUBACK comes."""
        assert self._loop is not None
        futures = [self._loop.create_future() for _ in messages]
        self._queue.extend(zip(messages, futures, strict=True))
        self._send()
        return futures

    def _send(self) -> None:
        # What was under way goes out again after a reconnection; until it is confirmed something new could overtake it.
        self._repeats = self._repeats and bool(self._waiting)
        while not self._repeats and not self._rationed and self._queue and len(self._waiting) < self._most:
            message, future = self._queue.popleft()
            if future.cancelled():
                continue
            if not self._may_be_sent(message):
                future.set_result(None)
                continue
            retain = message.retain and self._offer.retain
            try:
                info = self._client.publish(message.topic, message.payload, qos=1, retain=retain)
            except ValueError as error:  # no topic
                future.set_exception(error)
                continue
            self._waiting[info.mid] = message, future

    def _may_be_sent(self, message: MqttMessage) -> bool:
        """Whether the broker offers to take it: it would cut the connection, at each try."""
        if not self._offer.qos:
            return False  # that was said once
        size = len(message.topic.encode()) + len(message.payload) + _OVERHEAD
        if self._offer.largest is not None and size > self._offer.largest:
            log.error(
                "MQTT %r: a message of %d bytes exceeds the broker's limit (%d), not published; "
                "Kafka and the tables have it",
                *(message.topic, size, self._offer.largest),
            )
            return False
        return True

    def _on_connect(
        self, client: mqtt.Client, userdata: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        if reason.is_failure:
            refusal = refuses(self._address, reason, properties)
            if self._trouble.is_new(refusal):
                log.error("%s", refusal)
            return
        self._trouble.over()
        self._reconnects.connected()
        if self._was_connected:
            log.info("MQTT at %s: reconnected", self._address)
        self._is_connected = self._was_connected = True
        offer = offer_of(properties)
        self._say_lacks(offer)
        self._soon(self._takes, offer)
        if self._board is not None:
            self._soon(self._board.lost)
            if not (offer.retain and offer.wildcards):
                return  # nothing stands there, or nobody says what
            # As published: else the broker hides whether a message that passes is one to retain.
            options = SubscribeOptions(qos=1, retainAsPublished=True)
            client.subscribe([(name, options) for name in topics.MQTT_BOARD_FILTERS])

    def _say_lacks(self, offer: Offer) -> None:
        no_qos = None if offer.qos else f"{NO_QOS}. Nothing is published; Kafka and the tables have it"
        no_retain = None if offer.retain else str(NO_RETAIN)
        no_wildcards = None if offer.wildcards or self._board is None else str(NO_WILDCARDS)
        lacks = [lack for lack in (no_qos, no_retain, no_wildcards) if lack]
        if self._lacks.is_new(str(lacks)):
            for lack in lacks:
                log.error("MQTT at %s: %s", self._address, lack)

    def _on_disconnect(
        self, client: mqtt.Client, userdata: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        # Paho may tell of one loss twice; and who is refused was told so.
        if reason.is_failure and self._is_connected:
            log.warning("%s", lost(self._address, flags, reason, properties, self._client_id, "UB_WORKER_ID"))
            client.reconnect_delay_set(self._reconnects.delay_s(1), self._longest_delay_s)
        self._is_connected = False
        self._soon(self._lost)

    def _on_connect_fail(self, client: mqtt.Client, userdata: Any) -> None:
        s = self._settings
        trouble = str(unavailable(s.mqtt_host, s.mqtt_port, sys.exception(), tls=s.mqtt_tls))
        if self._trouble.is_new(trouble):
            log.warning("waiting: %s", trouble)

    def _on_subscribe(
        self, client: mqtt.Client, userdata: Any, mid: int, reasons: Any, properties: Any
    ) -> None:
        # An error here would end the network thread: a faulty broker may answer fewer filters than it was asked.
        answers = zip_longest(topics.MQTT_BOARD_FILTERS, reasons)
        refused = [
            f"{name} ({reason or 'no answer'})"
            for name, reason in answers
            if reason is None or reason.is_failure
        ]
        if refused:
            log.error(
                "MQTT at %s refuses the subscription to %s: wrong retained messages are not repaired; "
                "allow it in the ACL",
                *(self._address, " and ".join(refused)),
            )
        elif self._board is not None:
            self._soon(self._board.subscribed, time.monotonic())

    def _on_publish(self, client: mqtt.Client, userdata: Any, mid: int, reason: Any, properties: Any) -> None:
        refusal = in_words(reason, properties) if reason.is_failure else ""
        self._soon(self._confirmed, mid, refusal, reason.value == QUOTA_EXCEEDED)

    def _soon(self, call: Callable[..., None], *arguments: Any) -> None:
        """Have the event loop do it, from paho's thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(call, *arguments)

    def _lost(self) -> None:
        self._most = 0
        if self._board is not None:
            self._board.lost()

    def _takes(self, offer: Offer) -> None:
        self._offer, self._most, self._repeats = offer, min(offer.most, _MOST_IN_FLIGHT), True
        self._send()

    def _confirmed(self, mid: int, refusal: str, exceeds: bool) -> None:
        found = self._waiting.pop(mid, None)
        if found is None:
            return
        message, future = found
        if self._rationed.keeps(message, future, exceeds=exceeds):
            if exceeds:
                self._tell_rationed(refusal)
        else:
            if refusal:
                self._tell_refusal(message.topic, refusal)
            if not future.done():
                future.set_result(None)
        if self._rationed and not self._waiting:
            asyncio.get_running_loop().call_later(PAUSE_S, self._send_again)
        self._send()

    def _send_again(self) -> None:
        self._queue.extendleft(reversed(self._rationed.take()))
        self._send()

    def _tell_rationed(self, refusal: str) -> None:
        if self._seldom.is_due("quota"):  # whatever the broker adds to it
            log.warning(
                "MQTT at %s takes no more messages at a time (%s): they are sent again, and what comes "
                "meanwhile waits; raise the limit of this account",
                *(self._address, refusal),
            )

    def _tell_refusal(self, topic: str, refusal: str) -> None:
        kind = "/".join(topic.split("/")[:3])
        if (kind, refusal) not in self._refused:  # one of thousands
            self._refused.add((kind, refusal))
            log.error(
                "MQTT %r: the broker refuses the message (%s), and perhaps others under %s; "
                "Kafka and the tables have them",
                *(topic, refusal, kind),
            )


def _send_at_once(_client: mqtt.Client, _userdata: Any, connection: Any) -> None:
    """Keep TCP from holding back small packets (Nagle) until the broker has acknowledged the ones before.

    As the broker sends us what we publish, that delay is 40 ms for every few messages: 4,000 alerts took 19 s.
    """
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
