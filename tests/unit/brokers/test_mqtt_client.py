"""What paho makes of a message whose properties it cannot read, and of any other."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from paho.mqtt.client import Client as Pahos
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

import sensors_sim.mqtt_client
import streams.brokers.mqtt_client

OURS = streams.brokers.mqtt_client, sensors_sim.mqtt_client

PROPERTIES = [
    b"\0",
    b"\x01\x01",  # payload format indicator, cut short: whatever it is, it is left out
    b"\x11\x03\x00\x0e\xef\xbb\xbftext/plain!",  # content type with U+FEFF
    b"\x0a\x26\x00\x01a\x00\x04\xef\xbb\xbfb",  # user property with U+FEFF
    b"\x80\x02" + b"\x26\x00\x01a" + (b"\x00\xf9" + b"v" * 249) + b"\0" * 1,  # 256 bytes: two for the length
]


def packet(qos: int, properties: bytes) -> tuple[int, bytearray]:
    number = b"\x00\x07" if qos else b""
    return 0x31 | qos << 1, bytearray(b"\x00\x05a/b/c" + number + properties + b"payload")


def heard_by(
    make: Callable[..., Pahos], header: int, body: bytearray
) -> tuple[MQTTErrorCode, list[MQTTMessage]]:
    client, heard = (
        make(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5),
        list[MQTTMessage](),
    )
    client.on_message = lambda _client, _data, message: heard.append(message)
    client._in_packet["command"], client._in_packet["packet"] = header, body
    return client._handle_publish(), heard


@pytest.mark.parametrize("ours", OURS)
@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("properties", PROPERTIES)
def test_a_message_is_heard_whatever_its_properties_hold(ours: Any, qos: int, properties: bytes) -> None:
    _, [message] = heard_by(ours.Client, *packet(qos, properties))
    assert (message.topic, bytes(message.payload), message.qos, message.retain) == (
        "a/b/c",
        b"payload",
        qos,
        True,
    )


@pytest.mark.parametrize("ours", OURS)
def test_a_packet_that_is_cut_short_is_left_as_it_is(ours: Any) -> None:
    header, body = packet(1, PROPERTIES[-1])
    for size in range(len(body) - len(b"payload")):
        assert ours.without_properties(header, body[:size]) == body[:size]


@pytest.mark.parametrize("ours", OURS)
def test_whatever_bytes_come_nothing_is_raised(ours: Any) -> None:
    chance = random.Random(3)
    for _ in range(2_000):
        body = bytearray(chance.randbytes(chance.randint(0, 12)))
        assert len(ours.without_properties(chance.randrange(256), body)) <= len(body)
