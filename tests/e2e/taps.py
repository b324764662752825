"""What goes over the wire, written down: every record of every Kafka topic, every MQTT message."""

import secrets
import threading
from dataclasses import dataclass
from typing import Self

from kafka import KafkaConsumer, TopicPartition
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from streams.brokers.kafka_login import PLAIN, KafkaLogin
from streams.topics import TopicSpec
from tests.waiting import eventually


@dataclass(frozen=True, slots=True)
class KafkaRecord:
    """One record; headers as text."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: dict[str, str]


class KafkaTap:
    """Reads all topics from their beginning, at each look up to their ends of then.

    Tansu says of an end where the last batch begins, and one more. That is enough: a batch is read as a whole.
    """

    def __init__(self, bootstrap: str, specs: tuple[TopicSpec, ...], login: KafkaLogin = PLAIN) -> None:
        self.records: list[KafkaRecord] = []
        self._consumer = KafkaConsumer(
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
            fetch_max_wait_ms=50,
            max_poll_records=100_000,
            **login.options,
        )
        self._partitions = [TopicPartition(spec.name, p) for spec in specs for p in range(spec.partitions)]
        self._consumer.assign(self._partitions)
        self._consumer.seek_to_beginning()

    def everything(self) -> list[KafkaRecord]:
        """Return all records that Kafka has confirmed by now, of all topics."""
        ends = self._consumer.end_offsets(self._partitions)
        eventually(
            self._take_in,
            until=lambda _: all(self._consumer.position(partition) >= end for partition, end in ends.items()),
        )
        return list(self.records)

    def of(self, topic: str) -> list[KafkaRecord]:
        """Return all records of `topic` that Kafka has confirmed by now."""
        return [record for record in self.everything() if record.topic == topic]

    def _take_in(self) -> int:
        found = [r for records in self._consumer.poll(timeout_ms=200).values() for r in records]
        for r in found:
            headers = {name: value.decode() for name, value in r.headers}
            self.records.append(KafkaRecord(r.topic, r.partition, r.offset, r.key, r.value, headers))
        return len(found)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()


@dataclass(frozen=True, slots=True)
class MqttMessage:
    """One message; `retained` where it was kept for whoever subscribes late."""

    topic: str
    payload: bytes
    retained: bool


class MqttTap:
    """A subscriber, like a member of operations staff. Entering it returns once the broker has confirmed."""

    def __init__(self, host: str, port: int, *filters: str) -> None:
        self._address = (host, port)
        self._end = f"ub/test/{secrets.token_hex(4)}"
        self._filters = [(name, SubscribeOptions(qos=1)) for name in (*filters, self._end)]
        self._lock = threading.Lock()
        self._messages: list[MqttMessage] = []
        self._ends: list[bytes] = []
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message

    def everything(self) -> list[MqttMessage]:
        """Return all messages that the broker has confirmed by now, and what it has retained."""
        end = secrets.token_bytes(4)
        self.publish(self._end, end)  # comes back after them
        eventually(lambda: end in self._ends)
        with self._lock:
            return list(self._messages)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish one message and return when the broker has confirmed it."""
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        info.wait_for_publish(60)
        assert info.is_published()

    def _on_connect(self, client: Client, *_: object) -> None:
        client.subscribe(self._filters)

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        with self._lock:
            if message.topic == self._end:
                self._ends.append(bytes(message.payload))
            else:
                self._messages.append(MqttMessage(message.topic, bytes(message.payload), message.retain))

    def __enter__(self) -> Self:
        self._client.connect(*self._address)
        self._client.loop_start()
        eventually(self._ready.is_set)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
