"""What the receiver takes over from paho does as paho does: the same messages, the same bytes back.

Without TLS and with it.
"""

import os
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from streams.gateway import receiver as receiver_module
from streams.gateway.receiver import LONGEST_S, PAUSE_S, Message, Receiver, parse_publish
from streams.tls import client_context
from tests import certificates

_CONNACK = b"\x20\x03\x00\x00\x00"


def _properties(**named: object) -> bytes:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    for name, value in named.items():
        setattr(properties, name, value)
    return bytes(properties.pack())  # type: ignore[no-untyped-call]


def _body(message: Message, properties: bytes = b"\x00", topic: bytes | None = None) -> bytes:
    """What follows the fixed header of a PUBLISH packet."""
    name = message.topic.encode() if topic is None else topic
    mid = struct.pack("!H", message.mid) if message.qos else b""
    return struct.pack("!H", len(name)) + name + mid + properties + message.payload


def _packet(message: Message, properties: bytes = b"\x00", flags: int = 0) -> bytes:
    body = _body(message, properties)
    length, left = b"", len(body)
    while left or not length:
        left, digit = divmod(left, 128)
        length += bytes([digit | (0x80 if left else 0)])
    return bytes([0x30 | flags | message.qos << 1]) + length + body


class Broker:
    """One connection of a client, in the test's hands: it sends and reads bytes."""

    def __init__(self, client: Client, tls: ssl.SSLContext | None = None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor() as pool:
            accepted = pool.submit(_accept, server, tls)
            client.connect("127.0.0.1", server.getsockname()[1])
            self._connection = accepted.result(60)
        self._client = client
        self.loop_until(lambda: self.read()[:1] == b"\x10")
        self.send(_CONNACK)
        self.loop_until(client.is_connected)

    def send(self, data: bytes) -> None:
        self._connection.setblocking(True)
        self._connection.sendall(data)

    def send_as_it_is(self, data: bytes) -> None:
        """Send past TLS."""
        with socket.socket(fileno=os.dup(self._connection.fileno())) as bare:
            bare.sendall(data)

    def read(self) -> bytes:
        self._connection.setblocking(False)
        try:
            return self._connection.recv(1 << 20)
        except (BlockingIOError, ssl.SSLWantReadError):
            return b""

    def read_bytes(self, count: int) -> bytes:
        """Let the client work until it has sent so many bytes."""
        found: list[bytes] = []

        def enough() -> bool:
            found.append(self.read())
            return sum(map(len, found)) >= count

        self.loop_until(enough)
        return b"".join(found)

    def unconfirmed(self) -> int:
        """Return how many segments the client's TCP has not confirmed (tcpi_unacked of struct tcp_info)."""
        info = self._connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 28)
        return int(struct.unpack_from("=I", info, 24)[0])

    def loop_until(self, done: Callable[[], bool]) -> int:
        """Let the client work until `done`; return how often it looked at its socket."""
        deadline, loops = time.monotonic() + 60, 0
        while not done():
            assert time.monotonic() < deadline
            self._client.loop(0.01)
            loops += 1
        return loops

    def close(self) -> None:
        self._connection.close()


def _accept(server: socket.socket, tls: ssl.SSLContext | None) -> socket.socket:
    server.settimeout(60)
    connection, _ = server.accept()
    return connection if tls is None else tls.wrap_socket(connection, server_side=True)


Link = Callable[[Client], Broker]
"""Connects a client with a broker in the test's hands."""


@pytest.fixture(scope="module", params=["plain", "tls"])
def link(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Link:
    if request.param == "plain":
        return Broker
    return _tls_link(tmp_path_factory)


@pytest.fixture(scope="module")
def tls_link(tmp_path_factory: pytest.TempPathFactory) -> Link:
    return _tls_link(tmp_path_factory)


def _tls_link(tmp_path_factory: pytest.TempPathFactory) -> Link:
    made = certificates.made(tmp_path_factory.mktemp("tls"))
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(made.server, made.key)

    def connect(client: Client) -> Broker:
        if client._ssl_context is None:
            client.tls_set_context(client_context(made.ca))
        return Broker(client, theirs)

    return connect


@contextmanager
def _receiving(link: Link = Broker) -> Iterator[tuple[Receiver, Broker, list[Message]]]:
    taken: list[Message] = []
    receiver = Receiver("gateway-9", taken.append)
    broker = link(receiver)
    try:
        yield receiver, broker, taken
    finally:
        broker.close()


def _by_paho(data: bytes, count: int) -> list[Message]:
    taken: list[Message] = []
    client = Client(CallbackAPIVersion.VERSION2, "bare", protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True)
    client.on_message = lambda _client, _data, message: taken.append(
        Message(message.topic, bytes(message.payload), message.mid, message.qos)
    )
    broker = Broker(client)
    broker.send(data)
    broker.loop_until(lambda: len(taken) == count)
    broker.close()
    return taken


MESSAGES = [
    (Message("ub/v1/city/sensors", b"[]", 1, 1), b"\x00", 0),
    (Message("ub/v1/城/requests", b"", 65_535, 1), b"\x00", 0),
    (Message("a", b"\x00\xff" * 40_000, 256, 1), b"\x00", 0),
    (Message("at most once", b"1", 0, 0), b"\x00", 0),
    (Message("again, retained", b"2", 7, 1), b"\x00", 0x09),
    (
        Message("with properties", b"3", 8, 1),
        _properties(UserProperty=("key", "v" * 300), ContentType="application/json", MessageExpiryInterval=9),
        0,
    ),
    # Around what one, two and three bytes can say of a length; 6 bytes of it are not of the payload.
    *((Message("t", b"x" * (length - 6), length % 65_535, 1), b"\x00", 0) for length in (126, 127, 128, 129)),
    *((Message("t", b"x" * (length - 6), length, 1), b"\x00", 0) for length in (16_383, 16_384)),
]


def test_messages_are_those_that_paho_makes_of_the_same_bytes(link: Link) -> None:
    data = b"".join(_packet(message, properties, flags) for message, properties, flags in MESSAGES)
    with _receiving(link) as (_, broker, taken):
        broker.send(data)
        broker.loop_until(lambda: len(taken) == len(MESSAGES))
    assert taken == [message for message, _, _ in MESSAGES] == _by_paho(data, len(MESSAGES))


def test_acknowledgements_are_paho_s_own_one_behind_the_other(link: Link) -> None:
    client = Client(CallbackAPIVersion.VERSION2, "bare", protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True)
    bare = Broker(client)
    for mid in (1, 258, 65_535):
        client.ack(mid, qos=1)
    wanted = bare.read_bytes(12)
    bare.close()
    with _receiving(link) as (receiver, broker, _):
        receiver.acknowledge([1, 258, 65_535])
        found = broker.read_bytes(12)
    assert found == wanted == b"\x40\x02\x00\x01\x40\x02\x01\x02\x40\x02\xff\xff"


def test_as_many_acknowledgements_as_may_be_in_flight_go_out_at_once(link: Link) -> None:
    with _receiving(link) as (receiver, broker, _):
        receiver.acknowledge(range(1, 65_536))
        found = broker.read_bytes(4 * 65_535)
    assert struct.unpack(f"!{2 * 65_535}H", found)[1::2] == tuple(range(1, 65_536))


def test_nothing_is_acknowledged_unasked(link: Link) -> None:
    with _receiving(link) as (receiver, broker, taken):
        broker.send(b"".join(_packet(Message("t", b"", mid, 1)) for mid in range(1, 50)))
        broker.loop_until(lambda: len(taken) == 49)
        receiver.acknowledge([49])
        assert broker.read_bytes(4) == b"\x40\x02\x00\x31"


def test_messages_that_are_there_are_read_together(link: Link) -> None:
    with _receiving(link) as (_, broker, taken):
        broker.send(b"".join(_packet(Message("t", b"x" * 100, mid, 1)) for mid in range(1, 1_001)))
        loops = broker.loop_until(lambda: len(taken) == 1_000)
    assert [message.mid for message in taken] == list(range(1, 1_001))
    assert loops < 100


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_QUICKACK and this tcp_info are Linux's")
def test_what_is_read_is_confirmed_at_once_so_that_the_broker_s_tcp_keeps_nothing(link: Link) -> None:
    """Where answers go out, TCP waits for one that could carry its confirmation, 40 ms at the most."""
    kept: list[int] = []
    with _receiving(link) as (receiver, broker, taken):
        for mid in range(1, 21):
            broker.send(_packet(Message("t", b"x", mid, 1)))
            broker.loop_until(lambda: len(taken) > len(kept))
            kept.append(broker.unconfirmed())
            receiver.acknowledge([mid])
            assert len(broker.read_bytes(4)) == 4
    assert sum(kept) <= 5, kept  # the kernel of a busy machine may hand one over later


def test_messages_may_gather_once_a_read_has_found_few_and_only_then(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver_module, "_BUFFER", 8_192)
    monkeypatch.setattr(receiver_module, "_FEW", 4_096)
    taken: list[Message] = []
    pauses: list[float] = []
    receiver = Receiver("gateway-9", taken.append, sleep=pauses.append)
    broker = link(receiver)
    assert pauses == []  # the broker's answer is no message
    broker.send(_packet(Message("t", b"x", 1, 1)))
    broker.loop_until(lambda: len(taken) == 1)
    assert pauses == [PAUSE_S]
    receiver.loop(0.01)
    assert pauses == [PAUSE_S]  # nothing came
    more = b"".join(_packet(Message("t", b"x" * 92, mid, 1)) for mid in range(1, 10_001))
    broker.send(more)
    receiver.loop(1)
    assert 1 < len(taken) < 10_001
    assert pauses == [PAUSE_S]  # more is there
    broker.close()


@pytest.mark.parametrize(("few", "at_once"), [(100, [1]), (5, [1, 2])])
def test_what_comes_while_a_few_are_dealt_with_may_gather_and_only_then(
    link: Link, few: int, at_once: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway that keeps pace with the broker would read two or three at a time; a window may be no more."""
    monkeypatch.setattr(receiver_module, "_FEW", few)
    taken: list[int] = []
    pauses: list[float] = []

    def take(message: Message) -> None:
        if not taken:
            broker.send(_packet(Message("t", b"x", 2, 1)))
        taken.append(message.mid)

    receiver = Receiver("gateway-9", take, sleep=pauses.append)
    broker = link(receiver)
    broker.send(_packet(Message("t", b"x", 1, 1)))
    receiver.loop(1)
    assert (taken, pauses) == (at_once, [PAUSE_S])
    broker.loop_until(lambda: taken == [1, 2])
    broker.close()


@given(st.lists(st.integers(1, 30_000), min_size=1, max_size=20))
@settings(max_examples=30, deadline=None)
def test_messages_are_the_same_wherever_the_network_cuts_them(link: Link, sizes: list[int]) -> None:
    data = 2 * b"".join(_packet(message, properties, flags) for message, properties, flags in MESSAGES)
    with _receiving(link) as (receiver, broker, taken):
        at = 0
        for size in sizes:
            broker.send(data[at : at + size])
            at += size
            receiver.loop(0.01)
        broker.send(data[at:])
        broker.loop_until(lambda: len(taken) == 2 * len(MESSAGES))
    assert taken == 2 * [message for message, _, _ in MESSAGES]


def test_paho_hears_of_each_message_however_long_it_took(link: Link) -> None:
    """Else it would take a broker for dead whose answer to a ping lies behind many messages."""
    times: list[float] = []
    receiver = Receiver("gateway-9", lambda _message: times.append(time.monotonic()))
    broker = link(receiver)
    broker.send(b"".join(_packet(Message("t", b"x", mid, 1)) for mid in range(1, 51)))
    broker.loop_until(lambda: len(times) == 50)
    broker.close()
    assert receiver._last_bytes_received > times[-1]


def test_acknowledgements_go_out_between_messages_that_do_not_end(link: Link) -> None:
    with _receiving(link) as (receiver, broker, taken):
        broker.send(b"".join(_packet(Message("t", b"x" * 92, mid, 1)) for mid in range(1, 10_001)))
        receiver.acknowledge([1])
        receiver.loop(1)
        receiver.loop(1)
        assert len(taken) < 6_000
        assert broker.read_bytes(4) == b"\x40\x02\x00\x01"
        broker.loop_until(lambda: len(taken) == 10_000)


def test_paho_gets_its_turn_between_messages_that_take_long(link: Link) -> None:
    """Else a broker that hears nothing for longer than the keep-alive ends the connection, and all come again."""
    taken: list[Message] = []

    def take(message: Message) -> None:
        time.sleep(LONGEST_S / 5)
        taken.append(message)

    receiver = Receiver("gateway-9", take)
    broker = link(receiver)
    large = b"".join(_packet(Message("t", b"x" * 400_000, mid, 1)) for mid in range(1, 21))
    sending = threading.Thread(target=broker.send, args=[large])
    sending.start()
    broker.loop_until(lambda: len(taken) > 0)
    assert len(taken) < 10
    broker.loop_until(lambda: len(taken) == 20)
    sending.join()
    broker.close()


def test_what_was_read_of_a_connection_ends_with_it(link: Link) -> None:
    taken: list[Message] = []

    def take(message: Message) -> None:
        if message.mid == 2:
            raise RuntimeError("the connection ends here")
        taken.append(message)

    receiver = Receiver("gateway-9", take)
    first = link(receiver)
    first.send(b"".join(_packet(Message("t", b"old", mid, 1)) for mid in (1, 2, 3)))
    with pytest.raises(RuntimeError, match="ends here"):
        first.loop_until(lambda: False)
    first.close()
    second = link(receiver)
    second.send(_packet(Message("t", b"new", 4, 1)))
    second.loop_until(lambda: len(taken) == 2)
    second.close()
    assert [(message.mid, message.payload) for message in taken] == [(1, b"old"), (4, b"new")]


def test_a_packet_that_ends_too_early_ends_the_connection(link: Link) -> None:
    with _receiving(link) as (receiver, broker, taken):
        broker.send(b"\x32\x05\x00\x09short")
        broker.loop_until(lambda: receiver.socket() is None)
    assert taken == []


def test_a_packet_that_ends_too_early_ends_the_connection_behind_the_messages_before_it(link: Link) -> None:
    sound = _packet(Message("t", b"x", 1, 1))
    with _receiving(link) as (receiver, broker, taken):
        broker.send(3 * sound + b"\x32\x05\x00\x09short" + 3 * sound)
        broker.loop_until(lambda: receiver.socket() is None)
    assert len(taken) == 3


def test_what_the_handler_raises_is_not_swallowed(link: Link) -> None:
    def refuse(_message: Message) -> None:
        raise RuntimeError("full")

    receiver = Receiver("gateway-9", refuse)
    broker = link(receiver)
    broker.send(_packet(MESSAGES[0][0]))
    with pytest.raises(RuntimeError, match="full"):
        broker.loop_until(lambda: False)
    broker.close()


properties = st.builds(
    lambda user, content: _properties(UserProperty=user, ContentType=content),
    st.lists(st.tuples(st.text("abc", max_size=9), st.text("de", max_size=90)), min_size=1, max_size=9),
    st.text("xyz", max_size=60),
) | st.just(b"\x00")
messages = st.builds(
    Message, st.text(max_size=30), st.binary(max_size=50), st.integers(1, 65_535), st.just(1)
) | st.builds(Message, st.text(max_size=30), st.binary(max_size=50), st.just(0), st.just(0))


@given(messages, properties, st.sampled_from([0, 1, 8, 9]))
def test_any_message_is_read_as_it_was_written(message: Message, properties: bytes, flags: int) -> None:
    header = 0x30 | flags | message.qos << 1
    assert parse_publish(header, bytearray(_body(message, properties))) == message


@given(messages, properties, st.integers(0, 400))
def test_a_packet_that_is_cut_is_refused_or_has_the_message_s_beginning(
    message: Message, properties: bytes, length: int
) -> None:
    body = _body(message, properties)[:length]
    try:
        found = parse_publish(0x30 | message.qos << 1, body)
    except (ValueError, IndexError):
        assert length < len(_body(message, properties)) - len(message.payload)
    else:
        assert (found.topic, found.mid) == (message.topic, message.mid)
        assert message.payload.startswith(found.payload)


def test_a_topic_that_is_no_utf_8_is_shown_with_its_bytes() -> None:
    body = _body(Message("", b"{}", 5, 1), topic=b"ub/\xff")
    assert parse_publish(0x32, body) == Message("ub/\\xff", b"{}", 5, 1)


# ------------------------------------------------------------------ TLS alone


def test_messages_in_a_record_each_as_mosquitto_sends_them_pass_paho_by(
    tls_link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[None] = []
    by_paho = Client._packet_read
    monkeypatch.setattr(Client, "_packet_read", lambda client: (reads.append(None), by_paho(client))[1])
    with _receiving(tls_link) as (_, broker, taken):
        reads.clear()
        for mid in range(1, 2_001):
            broker.send(_packet(Message("t", b"x" * 100, mid, 1)))
        broker.loop_until(lambda: len(taken) == 2_000)
    assert [message.mid for message in taken] == list(range(1, 2_001))
    assert len(reads) < 40


@pytest.mark.parametrize("size", [0, 100, 20_000, 300_000])
def test_nothing_stays_in_the_tls_layer_where_select_does_not_see_it(tls_link: Link, size: int) -> None:
    """Whether messages are large or share a record with others: after each turn the layer is empty."""
    count = 1_000_000 // (size + 7)
    with _receiving(tls_link) as (receiver, broker, taken):
        data = b"".join(_packet(Message("t", b"x" * size, 1, 1)) for _ in range(count))
        for at in range(0, len(data), 10_007):  # each in a record
            broker.send(data[at : at + 10_007])
        deadline = time.monotonic() + 60
        while len(taken) < count:
            assert time.monotonic() < deadline
            receiver.loop(0.01)
            connection = receiver.socket()
            assert isinstance(connection, ssl.SSLSocket)
            assert connection.pending() == 0
    assert {len(message.payload) for message in taken} == {size}


def test_acknowledgements_that_the_broker_does_not_take_wait_while_messages_come(link: Link) -> None:
    """A write that is blocked in the midst of a record goes on where it was, whatever is read meanwhile."""
    rounds = 30  # of 262 KB each: more than the buffers of both sockets hold
    with _receiving(link) as (receiver, broker, taken):
        for _ in range(rounds):
            receiver.acknowledge(range(1, 65_536))
        for _ in range(10):
            receiver.loop(0.01)
        assert receiver.want_write()
        for mid in range(1, 1_001):
            broker.send(_packet(Message("t", b"x" * 100, mid, 1)))
        broker.loop_until(lambda: len(taken) == 1_000)
        assert receiver.want_write()
        found = broker.read_bytes(4 * 65_535 * rounds)
    assert found == rounds * b"".join(struct.pack("!HH", 0x4002, mid) for mid in range(1, 65_536))


def test_messages_in_front_of_a_connection_s_end_are_taken_in(link: Link) -> None:
    with _receiving(link) as (receiver, broker, taken):
        for mid in range(1, 101):
            broker.send(_packet(Message("t", b"x", mid, 1)))
        broker.close()
        broker.loop_until(lambda: receiver.socket() is None)
    assert len(taken) == 100


def test_messages_in_front_of_a_broken_record_are_taken_in(tls_link: Link) -> None:
    with _receiving(tls_link) as (receiver, broker, taken):
        for mid in range(1, 101):
            broker.send(_packet(Message("t", b"x", mid, 1)))
        broker.send_as_it_is(b"no record of TLS")
        broker.loop_until(lambda: receiver.socket() is None)
    assert len(taken) == 100


def test_a_packet_that_lacks_the_last_byte_of_its_properties_is_none() -> None:
    whole = b"\x00\x01a\x00\x07\x02\x01\x00"
    assert parse_publish(0x32, whole) == Message("a", b"", 7, 1)
    with pytest.raises(ValueError, match="ends within its properties"):
        parse_publish(0x32, whole[:-1])
