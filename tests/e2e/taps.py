"""What goes over the wire, written down: every record of every Kafka topic, every MQTT message."""

import threading
from dataclasses import dataclass
from typing import Self

from kafka import KafkaConsumer, TopicPartition
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from streams.brokers.kafka_login import PLAIN, KafkaLogin
from streams.topics import TopicSpec
from tests.e2e.waiting import eventually


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
    """Reads all topics from their beginning. Where a topic ends is not asked: Tansu reports it wrongly."""

    def __init__(self, bootstrap: str, specs: tuple[TopicSpec, ...], login: KafkaLogin = PLAIN) -> None:
        self.records: list[KafkaRecord] = []
        self._consumer = KafkaConsumer(
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
            fetch_max_wait_ms=50,
            max_poll_records=100_000,
            **login.options,
        )
        self._consumer.assign(
            [TopicPartition(spec.name, p) for spec in specs for p in range(spec.partitions)]
        )
        self._consumer.seek_to_beginning()

    def of(self, topic: str) -> list[KafkaRecord]:
        """Take in what is there and return all records of `topic` so far."""
        for records in self._consumer.poll(timeout_ms=200).values():
            for r in records:
                headers = {name: value.decode() for name, value in r.headers}
                self.records.append(KafkaRecord(r.topic, r.partition, r.offset, r.key, r.value, headers))
        return [record for record in self.records if record.topic == topic]

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
        self._filters = [(name, SubscribeOptions(qos=1)) for name in filters]
        self._lock = threading.Lock()
        self._messages: list[MqttMessage] = []
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message

    @property
    def messages(self) -> list[MqttMessage]:
        """All messages so far."""
        with self._lock:
            return list(self._messages)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish one message and return when the broker has confirmed it."""
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)

    def _on_connect(self, client: Client, *_: object) -> None:
        client.subscribe(self._filters)

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        with self._lock:
            self._messages.append(MqttMessage(message.topic, bytes(message.payload), message.retain))

    def __enter__(self) -> Self:
        self._client.connect(*self._address)
        self._client.loop_start()
        eventually(self._ready.is_set)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
