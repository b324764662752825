"""Topics read from their beginning, straight from Kafka.

Where a partition ends is not taken from the broker alone: Tansu answers the first offset of the last batch, plus
one. A partition is read until what was asked for has come, and the end that the broker named, and then nothing more.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streams.audit.records import LogRecord
from streams.brokers.kafka_login import PLAIN, KafkaLogin, kafka_unavailable
from streams.brokers.own_topics import kafka_python_makes_no_topics
from streams.errors import CannotAudit, ServiceUnavailable

Take = Callable[[LogRecord], None]

_POLL_MS = 200
_DRAIN_S = 2.0
"""On a topic that never rests: how long to go on after the end that the broker named."""
_LAST_BATCH_S = 5.0
"""How long to wait for the last batch of a partition, which may be empty for all that its end says."""
_SILENCE_S = 20.0
"""How long a partition may bring nothing before what was asked for counts as not there."""


def check_beginnings(firsts: Mapping[tuple[str, int], int]) -> None:
    """Check that every (topic, partition) still begins at offset 0; CannotAudit names those that do not."""
    lost = [
        f"{topic}[{partition}] begins at offset {n}" for (topic, partition), n in sorted(firsts.items()) if n
    ]
    if lost:
        raise CannotAudit(
            f"{', '.join(lost)}: the records before it were deleted (retention), so the tables cannot be computed from "
            "the beginning; audit from a recording that was saved in time (`urbanbrain audit --save FILE`)"
        )


class Log:
    """A consumer of our own, in no group: nothing is committed."""

    def __init__(self, bootstrap: str, login: KafkaLogin = PLAIN) -> None:
        self._bootstrap = bootstrap
        self._login = login

    def read(self, topic: str, at_least: Mapping[int, int], take: Take) -> None:
        """Hand every record of the partitions in `at_least` to `take`, each partition in the order of its offsets.

        `at_least` says up to which offset each of them must go. Raises CannotAudit where a partition has lost
        its beginning, or ends before that.
        """
        if not at_least:
            return
        wanted = {TopicPartition(topic, partition): offset for partition, offset in at_least.items()}
        with self._consumer() as consumer:
            firsts = consumer.beginning_offsets(list(wanted))
            check_beginnings({(at.topic, at.partition): offset for at, offset in firsts.items()})
            consumer.assign(list(wanted))
            consumer.seek_to_beginning(*wanted)
            ends = consumer.end_offsets(list(wanted))
            heard = time.monotonic()
            drained_by: float | None = None
            while True:
                found = consumer.poll(timeout_ms=_POLL_MS, max_records=10_000)
                for at, records in found.items():
                    for r in records:
                        take(LogRecord(at.topic, at.partition, r.offset, r.timestamp, r.value or b""))
                now = time.monotonic()
                if all(
                    consumer.position(at) >= max(offset + 1, ends[at] or 0) for at, offset in wanted.items()
                ):
                    drained_by = drained_by or now + _DRAIN_S
                    if not found or now > drained_by:
                        return
                if found:
                    heard = now
                elif now - heard > _SILENCE_S:
                    self._too_short(consumer, wanted)

    def last_offsets(self, topic: str, partitions: int) -> dict[int, int]:
        """Return the offset of the last record of each partition at this moment, or of one after it; -1 for none."""
        everything = [TopicPartition(topic, partition) for partition in range(partitions)]
        with self._consumer() as consumer:
            ends = consumer.end_offsets(everything)
            last = {at.partition: (ends[at] or 0) - 1 for at in everything}
            filled = [at for at in everything if ends[at]]
            consumer.assign(filled)
            for at in filled:
                consumer.seek(at, ends[at] - 1)
            pending = set(filled)
            deadline = time.monotonic() + _LAST_BATCH_S
            # A batch comes as a whole: the first answer that holds a partition's last batch holds its end.
            while pending and time.monotonic() < deadline:
                for at, records in consumer.poll(timeout_ms=_POLL_MS, max_records=100_000).items():
                    last[at.partition] = max(last[at.partition], records[-1].offset)
                    pending.discard(at)
        return last

    @contextmanager
    def _consumer(self) -> Iterator[KafkaConsumer]:
        try:
            kafka_python_makes_no_topics()
            consumer = KafkaConsumer(
                bootstrap_servers=self._bootstrap,
                enable_auto_commit=False,
                fetch_max_wait_ms=50,
                max_partition_fetch_bytes=8_000_000,
                receive_buffer_bytes=4_000_000,
                **self._login.options,
            )
            try:
                yield consumer
            finally:
                consumer.close()
        except (KafkaError, OSError) as error:
            raise kafka_unavailable(self._bootstrap, self._login, error) from error

    def _too_short(self, consumer: KafkaConsumer, wanted: Mapping[TopicPartition, int]) -> None:
        short = [
            f"{at.topic}[{at.partition}] ends at offset {consumer.position(at) - 1}, the tables reflect {offset}"
            for at, offset in sorted(wanted.items())
            if consumer.position(at) <= offset
        ]
        if short:
            raise CannotAudit(
                f"{'; '.join(short)}: this is not the log that the tables were made from; give the address of "
                "the right Kafka (UB_KAFKA_BOOTSTRAP)"
            )
        raise ServiceUnavailable("Kafka", self._bootstrap, f"no record for {_SILENCE_S:.0f} s")
