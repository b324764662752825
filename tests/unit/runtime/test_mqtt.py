"""The worker's MQTT client with a broker that takes few messages at once, and cuts off who sends more."""

import asyncio
import struct

from streams.fold import MqttMessage
from streams.runtime.mqtt import MqttPublisher
from streams.settings import load


class Strict:
    """Speaks as much MQTT v5 as it takes; confirms a message some ms after it came."""

    def __init__(self, receive_maximum: int) -> None:
        self.maximum = receive_maximum
        self.most = 0
        self.heard: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ = 0

        def confirm(mid: bytes) -> None:
            nonlocal open_
            open_ -= 1
            writer.write(b"\x40\x02" + mid)

        try:
            while True:
                kind, body = await _packet(reader)
                if kind == 1:
                    writer.write(b"\x20\x06\x00\x00\x03\x21" + struct.pack(">H", self.maximum))
                elif kind == 3:
                    [length] = struct.unpack_from(">H", body)
                    self.heard.append(body[length + 5 :])
                    open_ += 1
                    self.most = max(self.most, open_)
                    if open_ > self.maximum:
                        writer.write(b"\xe0\x01\x93")
                        return
                    asyncio.get_running_loop().call_later(0.005, confirm, body[length + 2 : length + 4])
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


def test_no_more_messages_are_in_flight_than_the_broker_takes() -> None:
    payloads = [str(number).encode() for number in range(50)]

    async def play(broker: Strict) -> None:
        server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        worker = MqttPublisher(load(mqtt_host="127.0.0.1", mqtt_port=port), "worker")
        worker.start()
        try:
            messages = [MqttMessage("ub/test", payload, retain=False) for payload in payloads]
            await asyncio.wait_for(worker.publish(messages), 30)
        finally:
            worker.stop()
            server.close()

    broker = Strict(10)
    asyncio.run(play(broker))
    assert (broker.heard, broker.most <= 10) == (payloads, True)
