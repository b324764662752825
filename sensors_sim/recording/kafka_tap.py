"""What passes on Kafka: a consumer in no group, so that nothing is committed (I/O lives here)."""

import logging
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Self

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from sensors_sim.errors import RecordingError
from sensors_sim.recording.kafka_login import Kafka
from sensors_sim.recording.record import Recorded

_TAKEN = 10_000


class KafkaTap:
    """Reads all partitions of the topics whose names match, from their ends or from their beginnings.

    Partitions that are added later are not followed.
    """

    def __init__(
        self, kafka: Kafka, topics: Sequence[str], from_beginning: bool, arrival: Callable[[], int]
    ) -> None:
        self.gaps = 0
        self._kafka = kafka
        self._patterns = topics
        self._from_beginning = from_beginning
        self._arrival = arrival

    def poll(self, timeout_s: float) -> Sequence[Recorded]:
        """Return what arrived since; within a partition in the order of offsets."""
        try:
            found = self._consumer.poll(timeout_ms=int(timeout_s * 1_000), max_records=_TAKEN)
        except KafkaError as error:
            raise self._kafka.unreachable(error) from error
        at = self._arrival()
        return [
            Recorded(
                at,
                record.topic,
                record.value,
                record.partition,
                record.offset,
                record.timestamp,
                record.key,
                tuple(record.headers or ()),
            )
            for records in found.values()
            for record in records
        ]

    def __enter__(self) -> Self:
        logging.getLogger("kafka").setLevel(logging.CRITICAL)  # it logs every attempt; errors are raised
        self._kafka.greet()
        try:
            self._consumer = KafkaConsumer(
                enable_auto_commit=False,
                fetch_max_wait_ms=50,
                max_partition_fetch_bytes=8_000_000,
                **self._kafka.options,
            )
            try:
                self._assign()
            except BaseException:
                self._consumer.close()
                raise
        except (KafkaError, OSError) as error:
            raise self._kafka.unreachable(error) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def _assign(self) -> None:
        there = sorted(self._consumer.topics())  # asked by name, some brokers create a topic
        for pattern in self._patterns:
            if not any(fnmatchcase(topic, pattern) for topic in there):
                raise RecordingError(
                    f"Kafka at {self._kafka} has no topic {pattern!r}; it has: {', '.join(there) or 'none'}"
                )
        chosen = [
            TopicPartition(topic, partition)
            for topic in there
            if any(fnmatchcase(topic, pattern) for pattern in self._patterns)
            for partition in sorted(self._consumer.partitions_for_topic(topic) or ())
        ]
        self._consumer.assign(chosen)
        if self._from_beginning:
            self._consumer.seek_to_beginning(*chosen)
            return
        for at, end in self._consumer.end_offsets(chosen).items():
            self._consumer.seek(at, end or 0)
