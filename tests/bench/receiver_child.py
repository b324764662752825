"""Who receives: the gateway, or a bare paho subscriber that does nothing with what it gets.

Their messages wait in the broker's session, so that the rate is what they can take in and not what a generator can
send beside them; or they come at a steady rate, once a gateway has said that it is at work. The clock starts when more
than `known` of them were taken in: a gateway learns the topic and the partition of a vehicle once, and reports come for
months. Both end when nothing has come for QUIET_S; the clock stops at the last message that was confirmed (gateway:
stored in Kafka and acknowledged) or received (paho).
"""

import logging
import threading
import time
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from streams import settings
from streams.gateway.bridge import Bridge
from tests.bench import marks
from tests.bench.marks import Mark

QUIET_S = 1.0
_FIRST_S = 30.0
_LOOK_S = 0.01  # to look costs, too: it takes the lock of the gateway that is measured
SESSION_EXPIRY_S = 3600
RECEIVE_MAXIMUM = 20_000  # as the gateway's UB_MAX_UNACKED_MESSAGES


def session_properties() -> Properties:
    """Return what makes the broker keep a session, as the gateway asks for it."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = SESSION_EXPIRY_S
    properties.ReceiveMaximum = RECEIVE_MAXIMUM
    return properties


def paho_client(client_id: str) -> Client:
    """Return a client of MQTT 5."""
    return Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5)


class Watch:
    """Notes the first message after `known` and, ever anew, the last."""

    def __init__(self, known: int) -> None:
        self._known = known
        self.begin: Mark | None = None
        self.end = marks.now()

    def follow(self, taken: Any, done: Any) -> None:
        """Look until all that was `taken()` in is `done()` and nothing has come for QUIET_S."""
        started = time.monotonic()
        while self.begin is None:
            if time.monotonic() - started > _FIRST_S:
                raise TimeoutError(f"{taken()} messages within {_FIRST_S:g} s, not more than {self._known}")
            if (count := taken()) > self._known:
                self.begin = marks.now(count)
            time.sleep(_LOOK_S)
        heard = time.monotonic()
        while time.monotonic() - heard < QUIET_S or taken() != done():
            time.sleep(_LOOK_S)
            count = done()
            if count != self.end.done:
                self.end, heard = marks.now(count), time.monotonic()


def gateway(watch: Watch) -> int:
    """Be a gateway; returns the readings that it passed on."""
    bridge, stop = Bridge(settings.load()), threading.Event()

    def look() -> None:
        watch.follow(lambda: bridge.stats().messages, lambda: bridge.stats().acked)
        stop.set()

    looking = threading.Thread(target=look, name="watch")
    looking.start()
    accepted = bridge.run(stop).accepted
    looking.join()
    return accepted


def bare_paho(watch: Watch, host: str, port: int, client_id: str) -> int:
    """Receive and do nothing; returns the number of messages."""
    received = 0

    def on_message(_client: Client, _data: Any, _message: Any) -> None:
        nonlocal received
        received += 1

    client = paho_client(client_id)
    client.on_message = on_message
    client.connect(host, port, clean_start=False, properties=session_properties())
    client.loop_start()
    watch.follow(lambda: received, lambda: received)
    client.disconnect()
    client.loop_stop()
    return received


def main() -> None:
    """Be the one that is asked for."""
    logging.basicConfig(level=logging.INFO)
    asked = marks.spec()
    watch = Watch(asked["known"])
    marks.settled()
    if asked["kind"] == "gateway":
        count = gateway(watch)
    else:
        count = bare_paho(watch, asked["host"], asked["port"], asked["client_id"])
    marks.report(begin=watch.begin, end=watch.end, count=count)


if __name__ == "__main__":
    main()
