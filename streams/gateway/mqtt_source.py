"""The MQTT side: a persistent session, QoS 1, acknowledged by hand.

Callbacks run in paho's network thread. Acknowledgements come from any thread: they are queued for the network
thread, which alone writes to the socket.
"""

import logging
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from schemas import codec
from schemas.gateways import GatewayAtWork
from streams import topics
from streams.brokers.mqtt_login import (
    hung_up,
    in_words,
    login_of,
    lost,
    refused,
    refuses,
    thrown_out,
    unavailable,
)
from streams.brokers.mqtt_offer import NO_QOS, NO_RETAIN, Offer, offer_of, short_session
from streams.brokers.mqtt_reconnects import Reconnects
from streams.errors import ServiceUnavailable
from streams.gateway.receipt import Receipt
from streams.gateway.receiver import Message, Receiver
from streams.said_once import SaidOnce
from streams.settings import Settings

log = logging.getLogger(__name__)

SESSION_EXPIRY_S = 7 * 24 * 3600
"""How long the broker keeps messages for a gateway that is away."""
KEEPALIVE_S = 60
_LONGEST_DELAY_S = 30

OnMessage = Callable[[Message, int], None]
"""Called with the message and the number of the connection that it came on."""


class MqttSource:
    """Hands messages to `on_message` and acknowledges them when told to.

    One that leaves is subscribed to nothing: it gets what its session holds.
    """

    def __init__(self, settings: Settings, on_message: OnMessage, *, leave: bool = False) -> None:
        self._settings = settings
        self._on_message = on_message
        self._leave = leave
        self._connection = 0
        self._lock = threading.Lock()  # an ack is queued on the connection it belongs to, or not at all
        self._subscribed = threading.Event()
        self._disconnected = threading.Event()
        self._disconnected.set()
        self._closing = False
        self._thrown_out = False
        self._offer = Offer()
        self._lacks = SaidOnce()
        self._reconnects = Reconnects(time.monotonic, _LONGEST_DELAY_S)
        self._silent = self._trouble = ServiceUnavailable("MQTT", self.address, "no answer yet")
        self.failure: BaseException | None = None
        """What `on_message` raised, if it ever did: the network thread is dead then."""
        self._client = self._make_client()

    @property
    def address(self) -> str:
        """Where the broker is."""
        return f"{self._settings.mqtt_host}:{self._settings.mqtt_port}"

    @property
    def is_connected(self) -> bool:
        """Whether messages may come."""
        return self._client.is_connected()

    def open(
        self, deadline: float, stop: threading.Event, meanwhile: Callable[[], None] = lambda: None
    ) -> bool:
        """Connect and subscribe; retry until `deadline` (monotonic seconds). False: told to stop.

        `meanwhile` is called again and again: a broker may send messages before it confirms the subscription, more than
        may wait at a time.
        Raises ServiceUnavailable. Later on, a lost connection is restored without end.
        """
        connect = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        connect.SessionExpiryInterval = SESSION_EXPIRY_S
        connect.ReceiveMaximum = self._settings.max_unacked_messages
        # No Maximum Packet Size: what is too large must arrive, or it could not be refused with a reason.
        self._client.connect_async(
            self._settings.mqtt_host,
            self._settings.mqtt_port,
            KEEPALIVE_S,
            clean_start=False,
            properties=connect,
        )
        last = self._trouble
        said = {str(last)}  # before anything can go wrong: that is to be told
        self._client.loop_start()
        while not self._subscribed.wait(0.1):
            if stop.is_set():
                return False
            meanwhile()
            if (trouble := self._trouble) is not self._silent:
                last = trouble  # a try that is under way has none yet
            if time.monotonic() >= deadline:
                raise last
            if str(trouble) not in said:
                said.add(str(trouble))
                log.warning("waiting: %s", trouble)
        return True

    def acknowledge(self, receipts: Sequence[Receipt]) -> int:
        """Acknowledge messages; return how many.

        Left out are those whose connection is gone: the broker delivers them again.
        """
        with self._lock:
            current = [receipt for receipt in receipts if receipt.connection == self._connection]
            mids = [receipt.mid for receipt in current if receipt.qos]
            if mids:
                self._client.acknowledge(mids)
        return len(current)

    def show_life(self, now_ms: int, unconfirmed_s: int) -> None:
        """Let the broker retain that this gateway is at work. One that leaves is at work no more.

        At QoS 0: what is lost is said again soon. Not while it connects: nothing may come before the CONNECT.
        """
        if self.is_connected and not self._leave and self._offer.retain:
            lasts = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            lasts.MessageExpiryInterval = SESSION_EXPIRY_S
            self._client.publish(
                topics.gateway_topic(self._settings.gateway_id),
                codec.encode(GatewayAtWork(self._settings.gateway_id, now_ms, unconfirmed_s)),
                retain=True,
                properties=lasts,
            )

    def close(self, timeout_s: float, *, keep_session: bool = True) -> None:
        """Wait until the broker has read all acknowledgements, then disconnect."""
        self._closing = True
        if self.is_connected:
            # Renewing the subscription changes nothing, but its answer comes after all acknowledgements were
            # read. Written is not enough: paho closes a socket that may hold unread messages, the kernel
            # answers with a reset, and acknowledgements that the broker had not read yet are gone.
            # Not unsubscribing is on purpose: the session collects what is published while we are away.
            self._subscribed.clear()
            self._subscribe()
            self._subscribed.wait(timeout_s)
        if not keep_session and self._offer.retain:
            self._client.publish(topics.gateway_topic(self._settings.gateway_id), retain=True)
        disconnect = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
        disconnect.SessionExpiryInterval = SESSION_EXPIRY_S if keep_session else 0
        self._client.disconnect(properties=disconnect)
        if self._disconnected.wait(timeout_s):
            self._client.loop_stop()
        else:  # stopping the loop would wait for a socket that takes nothing
            log.warning("MQTT at %s accepts no more packets; closing without a DISCONNECT", self.address)

    def _make_client(self) -> Receiver:
        client = Receiver(self._settings.gateway_id, self._handle_message)
        login_of(self._settings).give_to(client)
        client.connect_timeout = 5.0
        client.reconnect_delay_set(min_delay=random.randint(1, 3), max_delay=_LONGEST_DELAY_S)
        client.on_connect = self._handle_connect
        client.on_connect_fail = self._handle_connect_fail
        client.on_subscribe = self._handle_subscribe
        client.on_unsubscribe = self._handle_unsubscribe
        client.on_disconnect = self._handle_disconnect
        return client

    def _handle_connect(
        self,
        _client: Client,
        _data: Any,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            refusal = refused(self._settings.mqtt_host, self._settings.mqtt_port, reason, properties)
            self._fail(refusal, refuses(self.address, reason, properties))
            return
        self._offer = offer_of(properties)
        self._say_lacks()
        self._reconnects.connected()
        self._trouble = self._silent
        self._disconnected.clear()
        if self._subscribed.is_set():
            log.info("MQTT at %s: reconnected", self.address)
            if not flags.session_present:
                log.warning(
                    "MQTT at %s kept no session: the messages that it held for this gateway are lost",
                    self.address,
                )
        if flags.session_present and not self._thrown_out:
            # Subscribed since before. The answer to renewing it comes behind all that waited for us, and of
            # that no more is taken in than Kafka confirms: whoever opens must not wait for it.
            self._subscribed.set()
        self._subscribe()
        if flags.session_present and self._settings.mqtt_share:
            # Subscribed alone before it shared, it would get all that the others get, too. Afterwards: between
            # the two nothing is lost.
            self._client.unsubscribe(list(topics.MQTT_GATEWAY_FILTERS))

    def _say_lacks(self) -> None:
        """Say at what the broker falls short, once: with that the gateway works, but loses something."""
        short = short_session(self._offer, SESSION_EXPIRY_S)
        no_retain = None if self._offer.retain else NO_RETAIN
        no_qos = None if self._offer.qos else NO_QOS
        lacks = [str(lack) for lack in (short, no_retain, no_qos) if lack]
        if self._lacks.is_new(str(lacks)):
            for lack in lacks:
                log.warning("MQTT at %s: %s", self.address, lack)

    def _subscribe(self) -> None:
        share = self._settings.mqtt_share
        prefix = f"$share/{share}/" if share else ""
        filters = [prefix + wanted for wanted in topics.MQTT_GATEWAY_FILTERS]
        if self._leave:
            self._client.unsubscribe(filters)
            return
        # Retained readings are sent once, not again at each reconnection.
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
        self._client.subscribe([(wanted, options) for wanted in filters])

    def _handle_unsubscribe(
        self,
        _client: Client,
        _data: Any,
        _mid: int,
        _reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if self._leave:
            self._subscribed.set()

    def _handle_subscribe(
        self,
        _client: Client,
        _data: Any,
        _mid: int,
        reasons: list[ReasonCode],
        properties: Properties | None,
    ) -> None:
        # An error here would end the network thread: a faulty broker may answer fewer filters than it was asked.
        for wanted, reason in zip_longest(topics.MQTT_GATEWAY_FILTERS, reasons):
            if reason is None:
                answer = "no answer"
            elif reason.is_failure:
                answer = in_words(reason, properties)
            elif not reason.value:
                answer = "it is granted at QoS 0 only, at which messages may be lost"
            else:
                continue
            why = f"subscription to {wanted} refused: {answer}"
            self._trouble = ServiceUnavailable("MQTT", self.address, why, refuses=True)
            log.error("MQTT at %s: %s", self.address, why)
            return
        self._subscribed.set()

    def _handle_connect_fail(self, _client: Client, _data: Any) -> None:
        s = self._settings
        trouble = unavailable(s.mqtt_host, s.mqtt_port, sys.exception(), tls=s.mqtt_tls)
        # That it is away was said when it was lost.
        self._fail(trouble, str(trouble) if trouble.way_out else "")

    def _fail(self, trouble: ServiceUnavailable, line: str) -> None:
        """Keep what `open` raises or tells; at work, tell it once."""
        if line and self._subscribed.is_set() and str(trouble) != str(self._trouble):
            log.error("%s", line)
        self._trouble = trouble

    def _handle_disconnect(
        self,
        client: Client,
        _data: Any,
        flags: DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        # paho drops queued packets when it reconnects, which it does after this callback. So an ack of the
        # old connection is either dropped there, or sees the new number here and is not queued.
        with self._lock:
            self._connection += 1
        if not self._disconnected.is_set() and not self._closing:
            gateway_id = self._settings.gateway_id
            log.warning("%s", lost(self.address, flags, reason, properties, gateway_id, "UB_GATEWAY_ID"))
            self._spread_reconnects(client)
            if not self._subscribed.is_set() and self._trouble is self._silent:
                # Perhaps for what we asked: then the session that it keeps is subscribed to nothing.
                self._thrown_out = flags.is_disconnect_packet_from_server
                s = self._settings
                self._trouble = thrown_out(s.mqtt_host, s.mqtt_port, reason, properties)
        elif self._trouble is self._silent and not self._closing:
            s = self._settings
            self._trouble = hung_up(s.mqtt_host, s.mqtt_port, tls=s.mqtt_tls)
        self._disconnected.set()

    def _handle_message(self, message: Message) -> None:
        try:
            self._on_message(message, self._connection)
        except BaseException as error:
            self.failure = error
            raise

    def _spread_reconnects(self, client: Client) -> None:
        """Start over with a delay of 1 to 3 s that doubles: gateways that lost a broker do not return as one."""
        client.reconnect_delay_set(
            min_delay=self._reconnects.delay_s(random.randint(1, 3)), max_delay=_LONGEST_DELAY_S
        )
