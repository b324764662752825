"""A paho client that does for a received message only what the gateway needs, and acknowledges many at once.

Of the time that paho takes for a message at QoS 1, more than half goes into an object for its MQTT 5 properties, which
nobody here reads; the rest into a select, four reads of the socket and the bookkeeping of a packet for each message, a
look through the callbacks' filters, and two system calls for each acknowledgement. This subclass takes four places
over: one is public (`loop_read`), three are not (`_sock_recv`, `_handle_publish`, `_packet_queue`), which is why
tests/unit/gateway/test_receiver.py holds them to paho's own. Messages that lie whole in what was read pass paho by,
while it is between two packets (`_in_packet`).
"""

import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable, Sequence

import msgspec
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

_PUBACK = struct.Struct("!BBH")
"""Type and flags, remaining length, packet identifier: 4 bytes are an acknowledgement of success (MQTT 5, 3.4)."""
_PUBACK_TYPE = 0x40
_PUBLISH_TYPE = 3
_BURST = 400
"""Messages after which nothing more is read before paho may look at what is to be written."""
LONGEST_S = 0.5
"""Seconds after which reading stops for the same reason: while Kafka is slow, each message may wait in the handler."""
_BUFFER = 262_144
"""Bytes read from the socket at once: some twelve hundred messages of one reading, taken in within milliseconds. With a
quarter of it each message costs a tenth more: whoever makes room in the socket's buffer wakes the broker."""
_RECORD = 16_384
"""Bytes of a TLS record at the most (RFC 8446, 5.1)."""
_FEW = _BUFFER // 5
"""After a read of fewer bytes than this, messages may gather (`PAUSE_S`). It is less than the 64 KB that the kernel
lets a new connection have on the way: a gateway that paused after each read of 64 KB would never be given more, and
take half of what others take."""
PAUSE_S = 0.005
"""How long messages may gather once nearly all that were there are taken in. Without it a gateway with 20,000 to 40,000
messages a second reads two or three at a time, and each costs up to a half more; a busier one never pauses."""


class Message(msgspec.Struct, gc=False, frozen=True):
    """One PUBLISH packet; `mid` is 0 at QoS 0."""

    topic: str
    payload: bytes
    mid: int
    qos: int


def parse_publish(header: int, packet: bytes | bytearray) -> Message:
    """Return the message of a PUBLISH packet of MQTT 5 (section 3.3), `packet` being what follows the length.

    Raises ValueError or IndexError when it is cut short. A topic that is not UTF-8 gets its bytes escaped.
    """
    end = 2 + (packet[0] << 8 | packet[1])
    qos = header >> 1 & 3
    mid = packet[end] << 8 | packet[end + 1] if qos else 0
    at = end + 2 if qos else end
    properties, shift = 0, 0
    while True:  # their length, seven bits a byte; mostly it is 0
        byte = packet[at]
        at += 1
        properties |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    at += properties
    if at > len(packet):
        raise ValueError(f"a PUBLISH packet of {len(packet)} bytes ends within its properties")
    topic = packet[2:end].decode(errors="backslashreplace")
    return Message(topic, bytes(packet[at:]), mid, qos)


class Receiver(Client):
    """Hands messages of QoS 0 and 1 to `on_publish_packet`, in the network thread, and acknowledges none by itself."""

    def __init__(
        self,
        client_id: str,
        on_publish_packet: Callable[[Message], None],
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5
        )
        self._on_publish_packet = on_publish_packet
        self._sleep = sleep
        self._received = 0
        self._left = _BURST
        self._until = 0.0
        self._is_empty = False
        self._read = b""
        self._read_at = 0
        self._read_from: object = None

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Queue the acknowledgements of messages of QoS 1, from any thread.

        One packet for paho, which writes what is queued as it is; many for the broker.
        """
        packet = b"".join([_PUBACK.pack(_PUBACK_TYPE, 2, mid) for mid in mids])
        self._packet_queue(_PUBACK_TYPE, packet, 0, 1)

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read the messages that are there, or one packet of another kind: paho itself reads one of any.

        All that was read from the socket is dealt with, as nothing tells paho of what waits here. After few
        messages it returns when others may have come.
        """
        self._left, self._until, self._is_empty = _BURST, time.monotonic() + LONGEST_S, False
        at_first = self._received
        while True:
            self._take_whole_messages()
            before = self._received
            result = super().loop_read(max_packets)
            self._left -= 1
            if result != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return result
            if self._read_at == len(self._read) and (self._received == before or self._left <= 0):
                break
        if self._is_empty and self._received > at_first:
            self._sleep(PAUSE_S)
        return result

    def _take_whole_messages(self) -> None:
        """Take in the messages that lie whole in what was read; paho has what is left."""
        read, at = self._read, self._read_at
        if self._in_packet["command"] or self._read_from is not self._sock:
            return  # paho is within a packet, or on another connection
        while at + 2 < len(read) and read[at] >> 4 == _PUBLISH_TYPE:
            begin, length = at + 2, read[at + 1]
            if length > 127:  # seven bits a byte
                if read[at + 2] > 127:
                    return  # three bytes or more: a large array, of which paho may copy the parts
                begin, length = at + 3, length & 127 | read[at + 2] << 7
            end = begin + length
            if end > len(read):
                return
            try:
                message = parse_publish(read[at], read[begin:end])
            except (ValueError, IndexError):
                return  # paho finds it once more, and ends the connection
            self._read_at = at = end
            self._received += 1
            self._left -= 1
            self._on_publish_packet(message)
            self._last_bytes_received = time.monotonic()  # however long that took: the broker lives

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._read_at == len(self._read) or self._read_from is not self._sock:
            self._read, self._read_at, self._read_from = b"", 0, self._sock
            if self._left <= 0 or time.monotonic() > self._until:
                raise BlockingIOError  # paho goes on where it was
            is_tls = isinstance(self._sock, ssl.SSLSocket)
            if bufsize >= _BUFFER and not is_tls:
                return self._confirmed(super()._sock_recv(bufsize))
            if self._is_empty:
                raise BlockingIOError  # what has come since may gather: it is little
            try:
                self._read = self._confirmed(self._read_records() if is_tls else super()._sock_recv(_BUFFER))
            except BlockingIOError:
                self._is_empty = True
                raise
            self._is_empty = len(self._read) < _FEW
        found = self._read[self._read_at : self._read_at + bufsize]
        self._read_at += len(found)
        return found

    def _confirmed(self, read: bytes) -> bytes:
        """Return what was read, once TCP has confirmed it.

        Until then the broker's TCP keeps what else is small (Nagle), and ours may keep its confirmation for 40 ms, as
        an answer could carry it (docs/adr/0045). The option holds for this moment only (tcp(7), TCP_QUICKACK).
        """
        if sys.platform == "linux" and isinstance(self._sock, socket.socket):
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return read

    def _read_records(self) -> bytes:
        """Return what many TLS records hold: a read gives one, and Mosquitto puts each message into one of its own.

        Each is taken whole, so nothing is left in the TLS layer, where select sees it not; what is unread is in the
        socket.
        """
        records = [super()._sock_recv(_RECORD)]
        size = len(records[0])
        try:
            while records[-1] and size < _BUFFER:
                records.append(super()._sock_recv(_RECORD))
                size += len(records[-1])
        except OSError:  # no more is there; or the connection is lost, which the next read finds, too
            pass
        return b"".join(records)

    def _handle_publish(self) -> MQTTErrorCode:
        try:
            message = parse_publish(self._in_packet["command"], self._in_packet["packet"])
        except (ValueError, IndexError):
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        self._received += 1
        self._on_publish_packet(message)
        return MQTTErrorCode.MQTT_ERR_SUCCESS
