"""Kafka as the benchmark uses it, apart from the code under test: librdkafka fills topics and reads results."""

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

if TYPE_CHECKING:  # the peers' environment has nothing of what frames are made of
    from tests.bench.frames import Frame

# librdkafka waits a second before it fetches again once its queue was full; and its idempotent producer lost
# records on Tansu (which is why `enable.idempotence` stays off).
CONSUMER = {"fetch.queue.backoff.ms": 5, "fetch.message.max.bytes": 10_000_000, "enable.auto.commit": False}
PRODUCER = {"linger.ms": 20, "batch.size": 1_000_000, "queue.buffering.max.kbytes": 1_000_000}
_FLUSH_S = 60.0
_QUIET_S = 1.0
_FIRST_S = 10.0


def producer(bootstrap: str, **options: Any) -> Producer:
    """Return a producer for bulk."""
    return Producer({"bootstrap.servers": bootstrap, **PRODUCER, **options})


def consumer(bootstrap: str, topic: str, partitions: int, **options: Any) -> Consumer:
    """Return a consumer of all partitions of a topic, from their beginning."""
    made = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": f"bench-{time.time_ns()}", **CONSUMER, **options}
    )
    made.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    return made


def create_topic(bootstrap: str, name: str, partitions: int) -> None:
    """Create a topic of the benchmark's own."""
    # Tansu 0.6 shows no retention of its own, and some clients ask for it.
    wanted = NewTopic(name, partitions, 1, config={"retention.ms": "604800000"})
    admin = AdminClient({"bootstrap.servers": bootstrap})  # named: it takes its requests with it when it goes
    for created in admin.create_topics([wanted]).values():
        created.result()


def fill(bootstrap: str, topic: str, frames: "Iterable[Frame]") -> None:
    """Append records and wait until all are confirmed."""
    sending = producer(bootstrap)
    for frame in frames:
        while True:
            try:
                sending.produce(topic, frame.value, partition=frame.partition, timestamp=frame.timestamp)
                break
            except BufferError:
                sending.poll(0.1)
        sending.poll(0)
    left = sending.flush(_FLUSH_S)
    if left:
        raise RuntimeError(
            f"Kafka at {bootstrap} did not confirm {left} records of {topic} in {_FLUSH_S:g} s"
        )


def records(bootstrap: str, topic: str, partitions: int) -> Iterator[Any]:
    """Yield the messages of a topic until nothing more comes: Tansu reports an end that may be too early."""
    reading = consumer(bootstrap, topic, partitions)
    seen, heard = False, time.monotonic()
    try:
        while time.monotonic() - heard < (_QUIET_S if seen else _FIRST_S):
            for message in reading.consume(10_000, 0.1):
                if message.error() is None:
                    seen, heard = True, time.monotonic()
                    yield message
    finally:
        reading.close()
