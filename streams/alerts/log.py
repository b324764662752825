"""Records of one partition, from its beginning up to an offset, straight from Kafka and in no consumer group."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streams.brokers.admin import quiet_kafka
from streams.brokers.kafka_login import kafka_login_of, kafka_unavailable
from streams.brokers.own_topics import kafka_python_makes_no_topics
from streams.errors import CannotReplay
from streams.fold.contract import Record
from streams.settings import Settings

_POLL_MS = 200
_SILENCE_S = 10.0
"""How long a partition may bring nothing before the rest of it counts as not there."""


class LogPart:
    """One partition as Kafka has it now; `begins` is its first offset: greater than 0 where retention took some."""

    def __init__(self, consumer: KafkaConsumer, at: TopicPartition) -> None:
        self._consumer = consumer
        self._at = at
        self.begins = int(consumer.beginning_offsets([at])[at] or 0)

    def records(self, last: int) -> Iterator[Record]:
        """Yield the records up to offset `last`; CannotReplay where the partition ends before."""
        consumer, at = self._consumer, self._at
        consumer.assign([at])
        consumer.seek(at, self.begins)
        heard, reached = time.monotonic(), -1
        while reached < last:
            for records in consumer.poll(timeout_ms=_POLL_MS, max_records=10_000).values():
                for record in records:
                    reached = record.offset
                    if reached > last:
                        return
                    yield Record(at.topic, at.partition, reached, record.value or b"", record.timestamp)
                heard = time.monotonic()  # that whoever takes them is slow is no silence
            if time.monotonic() - heard > _SILENCE_S:
                raise CannotReplay(
                    f"{at.topic}[{at.partition}] ends at offset {reached}, and offset {last} decided: this is another "
                    "log than that which the alert came from; give the address of the right Kafka "
                    "(UB_KAFKA_BOOTSTRAP)"
                )


@contextmanager
def open_log(settings: Settings, topic: str, partition: int) -> Iterator[LogPart]:
    """Open a partition; raises ServiceUnavailable while Kafka is away."""
    login = kafka_login_of(settings)
    try:
        with quiet_kafka():
            kafka_python_makes_no_topics()
            consumer = KafkaConsumer(
                bootstrap_servers=settings.kafka_bootstrap,
                enable_auto_commit=False,
                fetch_max_wait_ms=50,
                max_partition_fetch_bytes=8_000_000,
                **login.options,
            )
            try:
                yield LogPart(consumer, TopicPartition(topic, partition))
            finally:
                consumer.close()
    except (KafkaError, OSError) as error:
        raise kafka_unavailable(settings.kafka_bootstrap, login, error) from error
