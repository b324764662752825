"""A real, small MQTT v5 broker for one publisher: it speaks TCP, records what arrives, and can misbehave.

MQTT 5.0, sections 3.1 to 3.4 and 3.12: https://docs.oasis-open.org/mqtt/mqtt/v5.0/mqtt-v5.0.html
"""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

CONNECT, PUBLISH, PINGREQ = 1, 3, 12


@dataclass
class FakeBroker:
    """`cuts` are counts of PUBLISH packets after which the connection is cut before an acknowledgement."""

    receive_maximum: int | None = None
    largest_packet: int | None = None
    connect_reason: int = 0
    puback_reason: int = 0
    puback_reasons: dict[int, int] = field(default_factory=dict)
    """Reasons of single PUBACKs, by the count of their PUBLISH packets, instead of `puback_reason`."""
    cuts: set[int] = field(default_factory=set)
    silent: bool = False
    port: int = 0
    received: list[tuple[str, bytes]] = field(default_factory=list)
    connections: int = 0
    most_unacknowledged: int = 0
    hold: int = 1
    """PUBACKs are sent in groups of this many, so that a publisher's window fills; the rest after a pause."""
    acknowledges: bool = True

    @contextmanager
    def running(self) -> Iterator["FakeBroker"]:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]
            thread = threading.Thread(target=self._accept, args=(server,), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                server.shutdown(socket.SHUT_RDWR)
                thread.join(5)

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                self.connections += 1
                try:
                    self._serve(connection)
                except (OSError, EOFError):
                    continue

    def _serve(self, connection: socket.socket) -> None:
        held: list[bytes] = []
        while True:
            if held and not select.select([connection], [], [], 0.3)[0]:
                connection.sendall(b"".join(held))
                held.clear()
            kind, body = _packet(connection)
            if kind == CONNECT and not self.silent:
                connection.sendall(self._connack())
            elif kind == PINGREQ:
                connection.sendall(b"\xd0\x00")
            elif kind == PUBLISH:
                length = int.from_bytes(body[:2])
                topic, mid = body[2 : 2 + length].decode(), body[2 + length : 4 + length]
                self.received.append((topic, body[5 + length :]))  # no properties: their length is one 0
                if len(self.received) in self.cuts:
                    return
                if not self.acknowledges:
                    continue
                held.append(b"\x40\x03" + mid + bytes([self._reason()]))
                self.most_unacknowledged = max(self.most_unacknowledged, len(held))
                if len(held) >= self.hold:
                    connection.sendall(b"".join(held))
                    held.clear()

    def _reason(self) -> int:
        return self.puback_reasons.get(len(self.received), self.puback_reason)

    def _connack(self) -> bytes:
        properties = b""
        if self.receive_maximum is not None:
            properties += b"\x21" + self.receive_maximum.to_bytes(2)
        if self.largest_packet is not None:
            properties += b"\x27" + self.largest_packet.to_bytes(4)
        body = bytes([0, self.connect_reason, len(properties)]) + properties
        return b"\x20" + bytes([len(body)]) + body


def _packet(connection: socket.socket) -> tuple[int, bytes]:
    """Return the next packet's type and body, however long it takes to come."""
    kind = _exactly(connection, 1)[0] >> 4
    length, shift = 0, 0
    while True:
        byte = _exactly(connection, 1)[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return kind, _exactly(connection, length)


def _exactly(connection: socket.socket, n: int) -> bytes:
    data = b""
    while len(data) < n:
        part = connection.recv(n - len(data))
        if not part:
            raise EOFError
        data += part
    return data
