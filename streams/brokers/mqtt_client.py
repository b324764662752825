"""paho's client for whoever hears messages and reads no properties of them.

paho 2.2.0 ends the connection where a text among them holds U+FEFF, which MQTT 5 allows (1.5.4-3). As the message comes
again on each connection, it would silence its reader for good.
"""

from paho.mqtt import client as mqtt
from paho.mqtt.enums import MQTTErrorCode


class Client(mqtt.Client):
    """Takes a message of MQTT 5 without its properties."""

    def _handle_publish(self) -> MQTTErrorCode:
        self._in_packet["packet"] = without_properties(self._in_packet["command"], self._in_packet["packet"])
        return super()._handle_publish()


def without_properties(header: int, packet: bytearray) -> bytearray:
    """Return a PUBLISH packet (section 3.3; `packet` is what follows its length) with none; as it is if cut short."""
    begin = at = 2 + int.from_bytes(packet[:2]) + (2 if header & 0b110 else 0)
    size = 0
    for shift in (0, 7, 14, 21):  # seven bits a byte
        if at >= len(packet):
            return packet
        size |= (packet[at] & 127) << shift
        at += 1
        if packet[at - 1] < 128:
            break
    if not size or at + size > len(packet):
        return packet
    return packet[:begin] + b"\0" + packet[at + size :]
