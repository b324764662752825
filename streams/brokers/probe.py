"""Ask an MQTT broker what it offers, or what it retains: a short session, then gone. For `doctor` and for waiting."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from paho.mqtt.client import ConnectFlags, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from streams import topics
from streams.brokers.mqtt_client import Client
from streams.brokers.mqtt_login import ANONYMOUS, Login, hung_up, refused, unavailable
from streams.brokers.mqtt_offer import Offer, offer_of
from streams.errors import ServiceUnavailable
from streams.tls import speaks_tls

_SESSION_EXPIRY_S = 30


@dataclass(frozen=True, slots=True)
class MqttBroker:
    """What a broker said in its CONNACK.

    session_kept  a session outlived its connection, so messages wait for a gateway that is away
    """

    session_kept: bool
    offer: Offer = field(default_factory=Offer)


def probe_mqtt(
    host: str,
    port: int,
    login: Login = ANONYMOUS,
    timeout_s: float = 3.0,
    session_s: int = _SESSION_EXPIRY_S,
) -> MqttBroker:
    """Connect twice with one client id and return what the broker offers to who asks for a session of so long.

    Raises ServiceUnavailable when there is no broker, when it does not speak MQTT v5 or TLS as we do, when its
    certificate is refused, or it refuses us: within `timeout_s`, and another second to find out whether it wants TLS.
    """
    deadline = time.monotonic() + timeout_s
    client_id = _new_id()
    address = (host, port)
    with _session(client_id, address, login, deadline, expiry_s=session_s) as (client, _, properties):
        # RabbitMQ keeps no session that is subscribed to nothing. Nobody publishes on this topic.
        _subscribe(client, address, topics.gateway_topic(client_id), deadline, SubscribeOptions(qos=1))
    with _session(client_id, address, login, deadline, clean=False) as (_, flags, _):
        pass
    return MqttBroker(bool(flags.session_present), offer_of(properties))


def retained(
    host: str,
    port: int,
    wanted: str,
    login: Login = ANONYMOUS,
    timeout_s: float = 3.0,
) -> dict[str, bytes]:
    """Return what stands retained on the topics of a filter, by topic; nothing where we may not read it.

    Raises ServiceUnavailable as `probe_mqtt` does.
    """
    deadline = time.monotonic() + timeout_s
    found: dict[str, bytes] = {}
    with _session(_new_id(), (host, port), login, deadline) as (client, _, _):
        client.on_message = lambda _client, _data, message: found.update(
            {message.topic: bytes(message.payload)}
        )
        # The answer to a second subscription comes behind all that the first one brings.
        again = SubscribeOptions(qos=0, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        _subscribe(client, (host, port), wanted, deadline, SubscribeOptions(qos=0), again)
    return found


def _subscribe(
    client: Client, address: tuple[str, int], wanted: str, deadline: float, *options: SubscribeOptions
) -> None:
    """Subscribe once with each of the options, and wait for the answers, whatever they are."""
    answers: list[object] = []
    client.on_subscribe = lambda *answer: answers.append(answer)
    for one in options:
        client.subscribe(wanted, options=one)
    while len(answers) < len(options):
        if time.monotonic() > deadline:
            raise ServiceUnavailable("MQTT", f"{address[0]}:{address[1]}", "it answers no subscription")
        if client.loop(timeout=0.05):  # some brokers hang up on who may not read
            break


@contextmanager
def _session(
    client_id: str,
    address: tuple[str, int],
    login: Login,
    deadline: float,
    *,
    clean: bool = True,
    expiry_s: int = 0,
) -> Iterator[tuple[Client, ConnectFlags, Properties]]:
    """Open one session and close it; gives its client, and the CONNACK's flags and properties."""
    answers: list[tuple[ConnectFlags, ReasonCode, Properties]] = []

    def on_connect(
        _client: object,
        _userdata: object,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        answers.append((flags, reason, properties or _properties(PacketTypes.CONNACK)))

    client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTv5)
    client.on_connect = on_connect
    login.give_to(client)
    wanted = _properties(PacketTypes.CONNECT)
    wanted.SessionExpiryInterval = expiry_s
    where = f"{address[0]}:{address[1]}"
    client.connect_timeout = max(0.05, deadline - time.monotonic())
    try:
        client.connect(*address, keepalive=10, clean_start=clean, properties=wanted)
        while not answers:
            if time.monotonic() > deadline:
                raise ServiceUnavailable(
                    "MQTT", where, "connected, but it sent no CONNACK: perhaps it does not speak MQTT 5"
                )
            code = client.loop(timeout=0.05)
            if code and not answers:  # a refusal arrives as a CONNACK and an error both
                tls = login.tls is not None
                raise _wants_tls(address) if not tls and speaks_tls(*address) else hung_up(*address, tls=tls)
        flags, reason, properties = answers[0]
        if reason.is_failure:
            raise refused(*address, reason, properties)
        yield client, flags, properties
    except OSError as error:
        raise unavailable(*address, error, tls=login.tls is not None) from error
    finally:
        client.disconnect()
        client.loop(timeout=0.05)


def _new_id() -> str:
    return f"ub-probe-{uuid.uuid4().hex[:12]}"


def _wants_tls(address: tuple[str, int]) -> ServiceUnavailable:
    return ServiceUnavailable(
        "MQTT",
        f"{address[0]}:{address[1]}",
        "it ended the connection, which was without",
        what="speaks TLS there",
        way_out="set UB_MQTT_TLS=true, or UB_MQTT_PORT to a listener without TLS",
    )


def _properties(packet: int) -> Properties:
    return Properties(packet)  # type: ignore[no-untyped-call]
