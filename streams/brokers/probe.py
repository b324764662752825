"""Ask an MQTT broker what it offers: a short session, then gone. For `doctor` and for waiting on a start."""

import time
import uuid
from dataclasses import dataclass

from paho.mqtt.client import Client, ConnectFlags, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from streams.brokers.mqtt_login import ANONYMOUS, Login, hung_up, unavailable
from streams.errors import ServiceUnavailable
from streams.tls import speaks_tls

_SESSION_EXPIRY_S = 30


@dataclass(frozen=True, slots=True)
class MqttBroker:
    """What a broker said in its CONNACK (MQTT v5, section 3.2.2.3).

    session_kept  a session outlived its connection, so messages wait for a gateway that is away
    retain        retained messages are allowed
    max_packet    bytes, None when the broker names no limit
    """

    session_kept: bool
    retain: bool
    max_packet: int | None


def probe_mqtt(
    host: str,
    port: int,
    login: Login = ANONYMOUS,
    timeout_s: float = 3.0,
) -> MqttBroker:
    """Connect twice with one client id and return what the broker offers.

    Raises ServiceUnavailable when there is no broker, when it does not speak MQTT v5 or TLS as we do, when its
    certificate is refused, or it refuses us: within `timeout_s`, and another second to find out whether it wants TLS.
    """
    deadline = time.monotonic() + timeout_s
    client_id = f"ub-probe-{uuid.uuid4().hex[:12]}"
    address = (host, port)
    _, properties = _session(client_id, address, login, deadline, clean=True, expiry_s=_SESSION_EXPIRY_S)
    flags, _ = _session(client_id, address, login, deadline, clean=False, expiry_s=0)
    limit = getattr(properties, "MaximumPacketSize", None)
    return MqttBroker(
        session_kept=bool(flags.session_present),
        retain=bool(getattr(properties, "RetainAvailable", 1)),
        max_packet=None if limit is None else int(limit),
    )


def _session(
    client_id: str,
    address: tuple[str, int],
    login: Login,
    deadline: float,
    *,
    clean: bool,
    expiry_s: int,
) -> tuple[ConnectFlags, Properties]:
    """Open one session and close it; return the CONNACK's flags and properties."""
    answers: list[tuple[ConnectFlags, ReasonCode, Properties]] = []

    def on_connect(
        _client: Client,
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
                raise ServiceUnavailable("MQTT", where, "connected, but it sent no CONNACK")
            code = client.loop(timeout=0.05)
            if code and not answers:  # a refusal arrives as a CONNACK and an error both
                tls = login.tls is not None
                raise _wants_tls(address) if not tls and speaks_tls(*address) else hung_up(*address, tls=tls)
    except OSError as error:
        raise unavailable(*address, error, tls=login.tls is not None) from error
    finally:
        client.disconnect()
        client.loop(timeout=0.05)
    flags, reason, properties = answers[0]
    if reason.is_failure:
        raise ServiceUnavailable("MQTT", where, str(reason), refuses=True)
    return flags, properties


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
