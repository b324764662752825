"""The load generator: publishes ready-made MQTT messages at QoS 1 as fast as the broker confirms them.

MQTT 3.1.1 by hand over a socket, because a client library in Python would be the slowest part of the
measurement: packets are built before the clock runs, confirmations are only counted.
"""

import socket
import struct
import threading
import time
from collections.abc import Sequence

Message = tuple[str, bytes]
"""Topic and payload."""

_BATCH = 200
_IN_FLIGHT = 4_000
_CONNECT, _PUBLISH_QOS1, _DISCONNECT = 0x10, 0x32, 0xE0
_CONNACK_BYTES = 4
_PUBACK_BYTES = 4
_MAX_ID = 65_535
_TIMEOUT_S = 60.0


def packets(messages: Sequence[Message]) -> list[bytes]:
    """Return the PUBLISH packets of messages; packet ids go round."""
    return [
        _publish(topic, payload, number % _MAX_ID + 1) for number, (topic, payload) in enumerate(messages)
    ]


def publish(host: str, port: int, ready: Sequence[bytes], *, per_s: int | None = None) -> None:
    """Publish packets and return when the broker has confirmed them all; `per_s` evenly, some each millisecond."""
    batch = _BATCH if per_s is None else max(per_s // 1000, 1)
    with socket.create_connection((host, port), _TIMEOUT_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(_packet(_CONNECT, b"\x00\x04MQTT\x04\x02\x00\x3c" + _text("bench-load")))
        answer = connection.recv(_CONNACK_BYTES)
        if answer[3:] != b"\x00":
            raise ConnectionError(f"MQTT at {host}:{port} refuses the load generator: {answer.hex()}")
        confirmed = _Confirmed(connection)
        begun = time.monotonic()
        for start in range(0, len(ready), batch):
            confirmed.wait_for(start - _IN_FLIGHT)
            if per_s is not None:
                time.sleep(max(begun + start / per_s - time.monotonic(), 0))
            connection.sendall(b"".join(ready[start : start + batch]))
        confirmed.wait_for(len(ready))
        connection.sendall(_packet(_DISCONNECT, b""))


class _Confirmed:
    """Counts PUBACKs in a thread of its own; there is nothing else that the broker could say."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._bytes = 0
        self._changed = threading.Condition()
        threading.Thread(target=self._read, name="pubacks", daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                data = self._connection.recv(65_536)
            except OSError:
                return
            if not data:
                return
            with self._changed:
                self._bytes += len(data)
                self._changed.notify()

    def wait_for(self, count: int) -> None:
        """Wait until so many messages are confirmed."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._bytes >= count * _PUBACK_BYTES, _TIMEOUT_S):
                raise TimeoutError(
                    f"the MQTT broker confirmed {self._bytes // _PUBACK_BYTES} messages of {count} in "
                    f"{_TIMEOUT_S:g} s"
                )


def _publish(topic: str, payload: bytes, packet_id: int) -> bytes:
    return _packet(_PUBLISH_QOS1, _text(topic) + struct.pack(">H", packet_id) + payload)


def _packet(kind: int, body: bytes) -> bytes:
    length, remaining = b"", len(body)
    while True:
        remaining, digit = divmod(remaining, 128)[0], remaining % 128
        length += bytes([digit | (0x80 if remaining else 0)])
        if not remaining:
            return bytes([kind]) + length + body


def _text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack(">H", len(encoded)) + encoded
