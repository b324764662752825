"""What a gateway says of a broker that takes it no more."""

import logging
import socket
import threading
import time
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from paho.mqtt.client import DisconnectFlags
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from streams import topics
from streams.errors import ServiceUnavailable
from streams.gateway import mqtt_source
from streams.gateway.mqtt_source import SESSION_EXPIRY_S, MqttSource
from streams.gateway.receipt import Receipt
from streams.settings import Settings

_WELCOME = b"\x20\x03\x00\x00\x00"
_NOT_AUTHORIZED = b"\x20\x03\x00\x87\x00"


def _suback(subscribe: bytes) -> bytes:
    """Grant three filters at QoS 1; the packet identifier follows two bytes of header."""
    return b"\x90\x06" + subscribe[2:4] + b"\x00\x01\x01\x01"


def test_what_went_wrong_before_a_gateway_begins_to_wait_is_told_too(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING, "streams.gateway")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # where nobody listens afterwards
    source = MqttSource(Settings(mqtt_host="127.0.0.1", mqtt_port=port), lambda _message, _connection: None)
    start, deadline = source._client.loop_start, time.monotonic() + 30

    def start_and_fail() -> None:
        start()
        while source._trouble is source._silent:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    monkeypatch.setattr(source._client, "loop_start", start_and_fail)
    monkeypatch.setattr(mqtt_source, "time", SimpleNamespace(monotonic=count().__next__))
    try:
        with pytest.raises(ServiceUnavailable) as raised:  # at the second look
            source.open(1, threading.Event())
    finally:
        source.close(1)
    assert caplog.messages == [f"waiting: {raised.value}"]


def test_a_broker_that_refuses_a_gateway_at_work_is_told_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a password was changed: else the log would say that the connection was lost, and then nothing."""
    monkeypatch.setattr(mqtt_source.random, "randint", lambda _least, _most: 1)
    caplog.set_level(logging.WARNING, "streams.gateway")
    refused = threading.Semaphore(0)

    def be_broker(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(1_000)
            connection.sendall(_WELCOME)
            connection.sendall(_suback(connection.recv(1_000)))
        for _ in range(2):
            connection, _ = server.accept()
            with connection:
                connection.recv(1_000)
                connection.sendall(_NOT_AUTHORIZED)
            refused.release()

    with socket.create_server(("127.0.0.1", 0)) as server:
        broker = threading.Thread(target=be_broker, args=[server])
        broker.start()
        port = server.getsockname()[1]
        source = MqttSource(
            Settings(mqtt_host="127.0.0.1", mqtt_port=port), lambda _message, _connection: None
        )
        assert source.open(time.monotonic() + 60, threading.Event())
        assert refused.acquire(timeout=60)
        assert refused.acquire(timeout=60)
        broker.join()
        source.close(1)
    said = [record.getMessage() for record in caplog.records]
    assert said[1:] == [
        f"MQTT at 127.0.0.1:{port} refuses the connection: Not authorized; "
        "correct UB_MQTT_USERNAME and UB_MQTT_PASSWORD and start this process again, or the broker's account"
    ]


@pytest.mark.parametrize("connected", [False, True])
def test_nothing_is_said_on_a_connection_that_is_not_there_yet(
    monkeypatch: pytest.MonkeyPatch, *, connected: bool
) -> None:
    """It would stand before the CONNECT, and the broker would hang up."""
    said: list[tuple[str, int]] = []

    def publish(topic: str, _payload: bytes, *, properties: Any, **_more: object) -> None:
        said.append((topic, properties.MessageExpiryInterval))

    source = MqttSource(Settings(gateway_id="north"), lambda _message, _connection: None)
    monkeypatch.setattr(source._client, "publish", publish)
    monkeypatch.setattr(source._client, "is_connected", lambda: connected)
    source.show_life(1, 0)
    assert said == ([("ub/v1/gateway/at-work/north", SESSION_EXPIRY_S)] if connected else [])


def test_a_gateway_that_leaves_says_no_more_that_it_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    source = MqttSource(Settings(), lambda _message, _connection: None, leave=True)
    monkeypatch.setattr(source._client, "is_connected", lambda: True)
    monkeypatch.setattr(source._client, "publish", lambda *_, **_more: pytest.fail("said"))
    source.show_life(1, 0)


def test_a_broker_keeps_the_session_and_sends_no_more_than_may_wait_for_kafka(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[bool, int, int]] = []

    def connect(*_: object, clean_start: bool, properties: Any) -> None:
        asked.append((clean_start, properties.SessionExpiryInterval, properties.ReceiveMaximum))

    source = MqttSource(Settings(max_unacked_messages=77), lambda _message, _connection: None)
    monkeypatch.setattr(source._client, "connect_async", connect)
    monkeypatch.setattr(source._client, "loop_start", lambda: None)
    stop = threading.Event()
    stop.set()
    assert not source.open(time.monotonic() + 60, stop)
    assert asked == [(False, SESSION_EXPIRY_S, 77)]


def test_what_comes_before_the_subscription_is_confirmed_is_passed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No more of it is taken in than may wait for Kafka, and the confirmation comes behind it."""
    source = MqttSource(Settings(), lambda _message, _connection: None)
    monkeypatch.setattr(source._client, "loop_start", lambda: None)
    assert source.open(time.monotonic() + 60, threading.Event(), source._subscribed.set)


def test_only_what_came_on_this_connection_is_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    """On another connection the same number is that of another message, which would be lost."""
    acknowledged: list[int] = []
    source = MqttSource(Settings(), lambda _message, _connection: None)
    monkeypatch.setattr(source._client, "acknowledge", acknowledged.extend)
    before, after = _receipt(mid=7, connection=0), _receipt(mid=7, connection=1)
    assert source.acknowledge([before]) == 1
    source._client.on_disconnect(
        source._client, None, DisconnectFlags(False), ReasonCode(PacketTypes.DISCONNECT), None
    )
    assert source.acknowledge([before]) == 0
    assert source.acknowledge([before, after, _receipt(mid=0, connection=1, qos=0)]) == 2
    assert acknowledged == [7, 7]


def _receipt(mid: int, connection: int, qos: int = 1) -> Receipt:
    return Receipt(mid=mid, qos=qos, connection=connection, size=1, parts=1)


@pytest.mark.parametrize("answers", [0, 2])
def test_a_broker_that_answers_fewer_filters_than_it_was_asked_is_told_of_and_ends_nothing(
    answers: int, caplog: pytest.LogCaptureFixture
) -> None:
    source = MqttSource(Settings(), lambda _message, _connection: None)
    granted = [ReasonCode(PacketTypes.SUBACK, identifier=1)] * answers
    source._handle_subscribe(source._client, None, 1, granted, None)
    assert not source._subscribed.is_set()
    [said] = caplog.messages
    assert f"subscription to {topics.MQTT_GATEWAY_FILTERS[answers]} refused: no answer" in said
    assert said.partition(": ")[2] in str(source._trouble)
