"""A Mosquitto behind a listener that offers less, as other MQTT 5 brokers do, and cuts off who asks for more.

The listener looks into every packet. What it says of itself stands in its CONNACK (MQTT 5, 3.2.2.3), and it keeps to
that: who sends what it does not offer gets a DISCONNECT with the reason of the standard.
"""

import asyncio
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from paho.mqtt import MQTTException
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties, VariableByteIntegers

from deploy.native.ports import LOOPBACK

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, DISCONNECT = 1, 2, 3, 4, 8, 9, 14
NOT_AUTHORIZED, SERVER_BUSY, KEEP_ALIVE_TIMEOUT = 0x87, 0x89, 0x8D
USE_ANOTHER_SERVER, SERVER_MOVED = 0x9C, 0x9D
NO_MATCHING_SUBSCRIBERS, QUOTA_EXCEEDED = 0x10, 0x97
_RECEIVE_MAXIMUM, _TOO_LARGE, _NO_RETAIN, _NO_QOS = 0x93, 0x95, 0x9A, 0x9B
_NO_SHARED, _NO_WILDCARD = 0x9E, 0xA2


class Cut(Exception):
    """The listener ends a connection, with a DISCONNECT of this reason if there is one."""

    def __init__(self, reason: int | None) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True)
class StrictMqtt:
    """What it offers and answers; all of it may change while it runs.

    offers    properties of its CONNACK, by their names in paho; they stand over what Mosquitto says
    answers   properties of each packet that it changes or makes, such as ReasonString
    refuses   the reason with which it refuses each CONNECT; 0: it lets them in
    session   what it says of the session, None: what Mosquitto says
    judge     the reason with which it answers (topic, payload) of QoS 1; below 0x80 Mosquitto has the message, too
    grants    from the reasons of Mosquitto's SUBACK to those that it answers with
    late_s    how late a PUBACK comes
    away      whether it hangs up on whoever connects, as where the network is gone
    sparse    whether it keeps no session that is subscribed to nothing, and sends what is retained for filters without
              wildcards only, as RabbitMQ 4.0 does
    """

    behind: int
    port: int = 0
    offers: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    refuses: int = 0
    session: bool | None = None
    judge: Callable[[str, bytes], int] = lambda _topic, _payload: 0
    grants: Callable[[list[int]], list[int]] = lambda reasons: reasons
    late_s: float = 0.0
    away: bool = False
    sparse: bool = False
    connections: int = 0
    let_in: int = 0
    subscribed: bool = False
    """Whether anybody ever was."""
    most: int = 0
    """The most messages of a client that were not confirmed at a time."""
    acknowledged: int = 0
    """How many messages clients acknowledged."""
    out_of_turn: int = 0
    """How many of them before one that had come earlier, against MQTT-4.6.0-2."""
    ended: list[int | None] = field(default_factory=list)
    """With which reasons connections were cut."""
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    """What was published, whatever became of it."""
    _loop: asyncio.AbstractEventLoop | None = None
    _clients: dict[asyncio.Task[None], "_Client"] = field(default_factory=dict)

    def cut(self, reason: int | None = None) -> None:
        """End all connections: with a DISCONNECT, or with none."""
        assert self._loop is not None
        clients = list(self._clients.values())
        for client in clients:
            self._loop.call_soon_threadsafe(client.cut, reason)

    async def serve(self, ready: threading.Event, end: asyncio.Event) -> None:
        """Listen until `end` is set."""
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._connected, LOOPBACK, 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await end.wait()
        server.close()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.away:
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None
        client = self._clients[task] = _Client(self, reader, writer)
        self.connections += 1
        try:
            with suppress(OSError, EOFError):
                await client.serve()
        finally:
            del self._clients[task]
            writer.close()  # what was written goes out


class _Client:
    def __init__(
        self, broker: StrictMqtt, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._broker = broker
        self._reader = reader
        self._writer = writer
        self._cut: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._open: dict[int, int] = {}
        """By number of the message, with which reason it is answered."""
        self._judged: set[int] = set()
        self._delivered: dict[int, None] = {}
        """Numbers of the messages that it has not acknowledged, the oldest first."""
        self._filters: set[str] = set()

    def cut(self, reason: int | None) -> None:
        if not self._cut.done():
            self._cut.set_result(reason)

    async def serve(self) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(LOOPBACK, self._broker.behind)
        pumps = [
            asyncio.create_task(self._from_client(inner_writer)),
            asyncio.create_task(self._from_broker(inner_reader)),
        ]
        try:
            await asyncio.wait([*pumps, self._cut], return_when=asyncio.FIRST_COMPLETED)
            if self._cut.done():
                reason = self._cut.result()
                self._broker.ended.append(reason)
                if reason is not None:
                    self._say(DISCONNECT << 4, bytes([reason]) + self._properties(DISCONNECT, b"\x00")[0])
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            inner_writer.transport.abort()  # so Mosquitto keeps the session, as if the network had broken
        if self._cut.done() and self._cut.result() is not None:
            # Who closes with something unread resets the connection, and the other may never see the DISCONNECT.
            self._writer.write_eof()
            while await self._reader.read(65_536):
                pass

    async def _from_client(self, inner: asyncio.StreamWriter) -> None:
        while True:
            first, body = await _packet(self._reader)
            try:
                passes = self._judge(first, body)
            except Cut as cut:
                self.cut(cut.reason)
                return
            if passes:
                inner.write(_packed(first, body))

    def _judge(self, first: int, body: bytes) -> bool:
        """Return whether the packet goes on to Mosquitto; raises Cut."""
        broker, kind = self._broker, first >> 4
        if kind == CONNECT and broker.refuses:
            self._say(
                CONNACK << 4,
                bytes([0, broker.refuses]) + self._properties(CONNACK, b"\x00", broker.offers)[0],
            )
            raise Cut(None)
        if kind == SUBSCRIBE:
            filters = _filters(body)
            broker.subscribed = True
            self._filters.update(filters)
            if not broker.offers.get("SharedSubscriptionAvailable", 1) and b"$share/" in body:
                raise Cut(_NO_SHARED)
            if not broker.offers.get("WildcardSubscriptionAvailable", 1) and any(
                "#" in one or "+" in one for one in filters
            ):
                raise Cut(_NO_WILDCARD)
        if kind == PUBLISH:
            return self._judge_message(first, body)
        if kind == PUBACK:
            mid = int.from_bytes(body[:2])
            broker.acknowledged += 1
            broker.out_of_turn += mid != next(iter(self._delivered))
            del self._delivered[mid]
        return True

    def _judge_message(self, first: int, body: bytes) -> bool:
        offers, qos = self._broker.offers, first >> 1 & 3
        if len(body) + 2 > offers.get("MaximumPacketSize", 1 << 28):
            raise Cut(_TOO_LARGE)
        if first & 1 and not offers.get("RetainAvailable", 1):
            raise Cut(_NO_RETAIN)
        if qos > offers.get("MaximumQoS", 2):
            raise Cut(_NO_QOS)
        topic, mid, payload = _message(first, body)
        self._broker.heard.append((topic, payload))
        if not qos:
            return True
        self._open[mid] = reason = self._broker.judge(topic, payload)
        self._broker.most = max(self._broker.most, len(self._open))
        if len(self._open) > offers.get("ReceiveMaximum", 65_535):
            raise Cut(_RECEIVE_MAXIMUM)
        if reason >= 0x80:
            self._confirm_late(mid)
            return False
        return True

    def _confirm(self, mid: int) -> None:
        """Answer this message, and those that waited for it: in the order in which they came (MQTT 5, 4.6)."""
        self._judged.add(mid)
        while self._open and (first := next(iter(self._open))) in self._judged:
            self._judged.discard(first)
            answer = struct.pack(">HB", first, self._open[first]) + self._properties(PUBACK, b"\x00")[0]
            del self._open[first]
            self._say(PUBACK << 4, answer)

    def _confirm_late(self, mid: int) -> None:
        asyncio.get_running_loop().call_later(self._broker.late_s, self._confirm, mid)

    async def _from_broker(self, inner: asyncio.StreamReader) -> None:
        while True:
            first, body = await _packet(inner)
            kind = first >> 4
            if kind == CONNACK:
                self._broker.let_in += 1
                flags = body[0] if self._broker.session is None else int(self._broker.session)
                if self._broker.sparse and not self._broker.subscribed:
                    flags = 0
                properties, _ = self._properties(CONNACK, body[2:], self._broker.offers)
                body = bytes([flags, body[1]]) + properties
            elif kind == SUBACK:
                properties, length = self._properties(SUBACK, body[2:])
                reasons = self._broker.grants(list(body[2 + length :]))
                body = body[:2] + properties + bytes(reasons)
            elif kind == PUBACK:
                self._confirm_late(int.from_bytes(body[:2]))
                continue
            elif (
                kind == PUBLISH
                and first & 1
                and self._broker.sparse
                and _message(first, body)[0] not in self._filters
            ):
                continue
            if kind == PUBLISH and first >> 1 & 3:
                self._delivered[_message(first, body)[1]] = None
            self._say(first, body)

    def _properties(self, kind: int, said: bytes, more: dict[str, Any] | None = None) -> tuple[bytes, int]:
        """Return properties of a packet and what the broker adds to them, and how long they were."""
        found = Properties(kind)  # type: ignore[no-untyped-call]
        _, length = found.unpack(said)  # type: ignore[no-untyped-call]
        for name, value in {**self._broker.answers, **(more or {})}.items():
            with suppress(MQTTException):  # it does not belong into this packet
                setattr(found, name, value)
        return found.pack(), length  # type: ignore[no-untyped-call]

    def _say(self, first: int, body: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(_packed(first, body))


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the first byte of a packet, and what follows its length."""
    first, length, shift = (await reader.readexactly(1))[0], 0, 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return first, await reader.readexactly(length)


def _packed(first: int, body: bytes) -> bytes:
    length: bytes = VariableByteIntegers.encode(len(body))  # type: ignore[no-untyped-call]
    return bytes([first]) + length + body


def _message(first: int, body: bytes) -> tuple[str, int, bytes]:
    """Return topic, number and payload of a PUBLISH."""
    end = 2 + int.from_bytes(body[:2])
    at = end + 2 if first >> 1 & 3 else end
    mid = int.from_bytes(body[end:at])
    _, length = Properties(PacketTypes.PUBLISH).unpack(body[at:])  # type: ignore[no-untyped-call]
    return body[2:end].decode(), mid, body[at + length :]


def _filters(body: bytes) -> list[str]:
    """Return the filters of a SUBSCRIBE."""
    _, length = Properties(PacketTypes.SUBSCRIBE).unpack(body[2:])  # type: ignore[no-untyped-call]
    at, found = 2 + length, []
    while at < len(body):
        end = at + 2 + int.from_bytes(body[at : at + 2])
        found.append(body[at + 2 : end].decode())
        at = end + 1
    return found


@contextmanager
def strict_mqtt(behind: int, **how: Any) -> Iterator[StrictMqtt]:
    """Give a listener before the Mosquitto on port `behind`."""
    broker = StrictMqtt(behind, **how)
    ready = threading.Event()
    loop_and_end: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        end = asyncio.Event()
        loop_and_end.append((asyncio.get_running_loop(), end))
        await broker.serve(ready, end)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(60)
    try:
        yield broker
    finally:
        [(loop, end)] = loop_and_end
        loop.call_soon_threadsafe(end.set)
        thread.join(60)
        assert not thread.is_alive()
