"""The worker's MQTT client with a broker that takes few messages at once, and cuts off who sends more."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from paho.mqtt.client import DisconnectFlags
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from streams.fold.contract import MqttMessage
from streams.runtime import mqtt as mqtt_module
from streams.runtime.board import Board
from streams.runtime.mqtt import MqttPublisher
from streams.settings import load
from tests.waiting import eventually

PAYLOADS = [str(number).encode() for number in range(50)]
MESSAGES = [MqttMessage("ub/test", payload, retain=False) for payload in PAYLOADS]
LARGEST = 1_000
"""Bytes of a packet."""
SECRET = b"secret"


class Strict:
    """Speaks as much MQTT v5 as it takes; confirms a message some ms after it came, or refuses what is secret.

    `heard` has what came over each connection; the first is cut at its `cut_at`-th message.
    """

    def __init__(self, receive_maximum: int, cut_at: int | None = None, late_s: float = 0.005) -> None:
        self.maximum = receive_maximum
        self.late_s = late_s
        self.most = 0
        self.heard: list[list[bytes]] = []
        self.cut = False
        self.rationed: set[bytes] = set()
        """What exceeds the quota the first time."""
        self.later: dict[bytes, float] = {}
        """What is answered so much later than the rest, the first time."""
        self._cut_at = cut_at

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ = 0
        heard: list[bytes] = []

        def answer(mid: bytes, payload: bytes) -> None:
            nonlocal open_
            open_ -= 1
            code = b"\x97" if payload in self.rationed else b"\x87" if payload == SECRET else b"\x00"
            self.rationed.discard(payload)
            writer.write(b"\x40\x03" + mid + code)

        self.heard.append(heard)
        try:
            while True:
                kind, body = await _packet(reader)
                if kind == 1:
                    properties = struct.pack(">BHBI", 0x21, self.maximum, 0x27, LARGEST)
                    writer.write(b"\x20\x0b\x00\x00\x08" + properties)
                elif kind == 3:
                    [length] = struct.unpack_from(">H", body)
                    heard.append(body[length + 5 :])
                    if len(self.heard) == 1 and len(heard) == self._cut_at:
                        self.cut = True
                        return
                    open_ += 1
                    self.most = max(self.most, open_)
                    if open_ > self.maximum:
                        writer.write(b"\xe0\x01\x93")
                        return
                    mid = body[length + 2 : length + 4]
                    asyncio.get_running_loop().call_later(
                        self.late_s + self.later.pop(heard[-1], 0.0), answer, mid, heard[-1]
                    )
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    kind, length, shift = (await reader.readexactly(1))[0] >> 4, 0, 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return kind, await reader.readexactly(length)


@asynccontextmanager
async def worker_of(broker: Strict) -> AsyncIterator[MqttPublisher]:
    """Give a worker's client that has just begun to connect."""
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    worker = MqttPublisher(load(mqtt_host="127.0.0.1", mqtt_port=port), "worker")
    connected: Any = worker._client.on_connect

    def slowly(*arguments: Any) -> None:  # so that the event loop may come before paho's repeats
        connected(*arguments)
        time.sleep(0.05)

    worker._client.on_connect = slowly
    worker.start()
    try:
        async with asyncio.timeout(60):
            yield worker
    finally:
        worker.stop()
        server.close()


async def publish(broker: Strict, *, before_cut: int = 0) -> None:
    """Have a worker publish all: some, and the others once the connection was cut."""
    async with worker_of(broker) as worker, asyncio.TaskGroup() as tasks:
        if before_cut:
            tasks.create_task(worker.publish(MESSAGES[:before_cut]))
            await asyncio.to_thread(
                eventually, lambda: broker.cut and (not worker._most or len(broker.heard) > 1), 30
            )
        tasks.create_task(worker.publish(MESSAGES[before_cut:]))


def test_no_more_messages_are_in_flight_than_the_broker_takes() -> None:
    broker = Strict(10)
    asyncio.run(publish(broker))
    assert (broker.heard, broker.most <= 10) == ([PAYLOADS], True)


@pytest.mark.parametrize("before_cut", [0, 7])
def test_what_was_under_way_as_the_connection_broke_comes_again_before_anything_new(before_cut: int) -> None:
    cut_at = before_cut or 25
    broker = Strict(10, cut_at)
    asyncio.run(publish(broker, before_cut=before_cut))
    before, after = ([int(payload) for payload in heard] for heard in broker.heard)
    assert before == list(range(cut_at))
    assert after[0] < cut_at
    assert after == list(range(after[0], 50))
    assert broker.most <= 10


def test_a_lost_connection_that_is_back_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "streams.runtime.mqtt")
    asyncio.run(publish(Strict(10, cut_at=5)))
    lost, back = caplog.messages
    assert lost.endswith("; trying again")
    assert back == lost[: lost.index(": connection lost")] + ": reconnected"


def test_what_nobody_waits_for_any_more_is_not_sent() -> None:
    async def give_up() -> None:
        async with worker_of(broker) as worker:
            task = asyncio.create_task(worker.publish(MESSAGES[:5]))
            await asyncio.sleep(0)
            task.cancel()
            await worker.publish(MESSAGES[5:])

    broker = Strict(10)
    asyncio.run(give_up())
    assert broker.heard == [PAYLOADS[5:]]


def test_what_nobody_waits_for_any_more_as_it_is_confirmed_holds_up_nothing() -> None:
    async def give_up() -> None:
        async with worker_of(broker) as worker:
            task = asyncio.create_task(worker.publish(MESSAGES[:1]))
            await asyncio.to_thread(eventually, lambda: broker.heard == [PAYLOADS[:1]], 30)
            task.cancel()
            await asyncio.wait_for(worker.publish(MESSAGES[1:3]), 10)

    broker = Strict(1, late_s=0.5)
    asyncio.run(give_up())
    assert broker.heard == [PAYLOADS[:3]]


def test_while_the_broker_is_away_nothing_is_known_of_it_and_nothing_is_handed_to_the_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def play() -> None:
        board = Board(lambda _region: 0)
        worker = MqttPublisher(load(), "worker", board)
        worker._loop = asyncio.get_running_loop()
        board.subscribed(-100.0)
        board.heard("ub/v1/alerts/x", b"1", retain=True)
        worker._most, worker._is_connected = 10, True
        ended = ReasonCode(PacketTypes.DISCONNECT, "Keep alive timeout")
        for _ in range(2):  # as paho may tell of it
            worker._on_disconnect(worker._client, None, DisconnectFlags(True), ended, None)
        await asyncio.sleep(0)
        assert not board.known(time.monotonic())
        assert not board.notices
        worker.enqueue(MESSAGES)
        assert not worker._waiting

    asyncio.run(play())
    assert len(caplog.messages) == 1


def test_the_broker_is_to_retain_what_says_so_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        async with worker_of(Strict(10)) as worker:
            send = worker._client.publish

            def noted(*message: Any, retain: bool, **more: Any) -> Any:
                asked.append(retain)
                return send(*message, retain=retain, **more)

            monkeypatch.setattr(worker._client, "publish", noted)
            await worker.publish([MqttMessage("ub/test", b"", retain=retain) for retain in (True, False)])

    asked: list[bool] = []
    asyncio.run(play())
    assert asked == [True, False]


def test_what_is_larger_than_the_broker_takes_is_left_out_and_said(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        async with worker_of(broker) as worker:
            await worker.publish(
                [MESSAGES[0], MqttMessage("ub/large", b"x" * LARGEST, retain=True), MESSAGES[1]]
            )

    broker = Strict(10)
    asyncio.run(play())
    assert broker.heard == [PAYLOADS[:2]]
    [said] = caplog.messages
    assert said.startswith(
        "MQTT 'ub/large': a message of 1018 bytes exceeds the broker's limit (1000), not published"
    )


def test_what_the_broker_refuses_holds_up_nothing_and_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    refused = [MqttMessage(f"ub/v1/open-alerts/{number}", SECRET, retain=True) for number in range(3)]

    async def play() -> None:
        async with worker_of(broker) as worker:
            await worker.publish([*refused, MESSAGES[0]])

    broker = Strict(10)
    asyncio.run(play())
    assert broker.heard == [[SECRET] * 3 + PAYLOADS[:1]]
    [said] = caplog.messages
    assert said.startswith(
        "MQTT 'ub/v1/open-alerts/0': the broker refuses the message (Not authorized), and perhaps others under "
    )


def test_what_exceeds_the_quota_is_sent_again_in_order_and_before_anything_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On one topic what is newer would else be replaced by what is older."""
    monkeypatch.setattr(mqtt_module, "PAUSE_S", 0.05)
    broker = Strict(3)
    broker.rationed = set(PAYLOADS[:3])
    asyncio.run(publish(broker))
    assert broker.heard == [PAYLOADS[:3] + PAYLOADS]


def test_what_exceeds_the_quota_waits_for_what_is_under_way_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mqtt_module, "PAUSE_S", 0.05)
    broker = Strict(2)
    broker.rationed, broker.later = {PAYLOADS[0]}, {PAYLOADS[1]: 0.5}
    asyncio.run(publish(broker))
    assert broker.heard == [PAYLOADS[:2] + PAYLOADS]


@pytest.mark.parametrize(("retain", "wildcards", "asks"), [(1, 1, True), (0, 1, False), (1, 0, False)])
def test_where_nothing_can_be_heard_of_what_stands_nobody_asks_for_it(
    retain: int, wildcards: int, asks: bool
) -> None:
    """Else a board would be taken for known that shows nothing."""
    asked: list[object] = []
    offers = Properties(PacketTypes.CONNACK)
    offers.RetainAvailable, offers.WildcardSubscriptionAvailable = retain, wildcards

    async def play() -> None:
        worker = MqttPublisher(load(), "worker", Board(lambda _region: 0))
        worker._loop = asyncio.get_running_loop()
        success: Any = ReasonCode(PacketTypes.CONNACK, "Success")
        client: Any = SimpleNamespace(subscribe=asked.append)
        worker._on_connect(client, None, None, success, offers)

    asyncio.run(play())
    assert bool(asked) is asks


def test_a_broker_that_refuses_the_account_is_told_once_with_the_way_out(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a password was changed while the worker runs."""
    connections: list[int] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _packet(reader)
        connections.append(1)
        writer.write(b"\x20\x03\x00\x87\x00")
        writer.close()

    async def play() -> None:
        broker = Strict(10)
        monkeypatch.setattr(broker, "serve", refuse)
        async with worker_of(broker):
            await asyncio.to_thread(eventually, lambda: len(connections) > 2, 30)

    asyncio.run(play())
    [said] = caplog.messages
    assert said.endswith(
        " refuses the connection: Not authorized; correct UB_MQTT_USERNAME and UB_MQTT_PASSWORD and start this process "
        "again, or the broker's account"
    )


def test_a_refusal_that_comes_back_after_the_broker_let_us_in_is_told_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def play() -> None:
        async with worker_of(Strict(10)) as worker:
            await worker.publish(MESSAGES[:1])
            for answer in ("Not authorized", "Not authorized", "Success", "Not authorized"):
                worker._on_connect(worker._client, None, None, ReasonCode(PacketTypes.CONNACK, answer), None)

    asyncio.run(play())
    assert [" refuses the connection: Not authorized" in line for line in caplog.messages] == [True, True]


def test_what_is_no_topic_is_the_callers_fault_and_holds_up_nobody_else() -> None:
    async def play() -> None:
        async with worker_of(broker) as worker:
            with pytest.raises(ValueError, match="wildcards"):
                await worker.publish([MqttMessage("ub/+", b"", retain=False)])
            await worker.publish(MESSAGES)

    broker = Strict(10)
    asyncio.run(play())
    assert broker.heard == [PAYLOADS]


def test_a_broker_that_answers_fewer_filters_than_it_was_asked_is_told_of_and_ends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    worker = MqttPublisher(load(), "worker")
    worker._on_subscribe(worker._client, None, 1, [ReasonCode(PacketTypes.SUBACK, identifier=1)], None)
    [said] = caplog.messages
    assert "ub/v1/alerts/#" not in said
    assert "refuses the subscription to ub/v1/open-alerts/# (no answer) and " in said
