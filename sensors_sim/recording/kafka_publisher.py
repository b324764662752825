"""Sends recorded Kafka records again: their own partitions, keys, headers, times and bytes (I/O lives here)."""

import logging
from collections.abc import Callable
from queue import Empty, SimpleQueue

from kafka import KafkaProducer
from kafka.errors import KafkaError

from sensors_sim.errors import BrokerUnavailable, RecordingError
from sensors_sim.publish import Counts
from sensors_sim.recording.kafka_login import Kafka
from sensors_sim.recording.record import Recorded

_POLL_S = 0.1


class KafkaPublisher:
    """One idempotent producer with acks=all: the order within a partition is that of the calls. Not thread-safe."""

    def __init__(self, kafka: Kafka, in_flight: int) -> None:
        self.counts = Counts()
        self.connected = True
        self._kafka = kafka
        self._window = in_flight
        self._pending = 0
        self._settled: SimpleQueue[tuple[int, Exception | None]] = SimpleQueue()
        self._partitions: dict[str, int] = {}

    @property
    def in_flight(self) -> int:
        """Records that are not acknowledged yet."""
        return self._pending

    def connect(self) -> None:
        """Connect; BrokerUnavailable where nobody answers."""
        logging.getLogger("kafka").setLevel(logging.CRITICAL)  # it logs every attempt; errors are raised
        self._kafka.greet()
        try:
            self._producer = KafkaProducer(
                enable_idempotence=True,
                acks="all",
                linger_ms=0,
                max_request_size=8_000_000,
                delivery_timeout_ms=120_000,
                **self._kafka.options,
            )
        except (KafkaError, OSError) as error:
            raise self._kafka.unreachable(error) from None

    def publish(self, message: Recorded, readings: int, give_up: Callable[[], bool]) -> bool:
        """Send a record; waits while the window is full, unless `give_up()`. Returns whether it was sent."""
        self._reap(block=False)
        while self._pending >= self._window:
            if give_up():
                return False
            self._reap(block=True)
        partition = message.partition or 0
        there = self._partitions.get(message.topic)
        if there is None:
            there = self._partitions[message.topic] = len(self._known(message.topic))
        if partition >= there:
            raise RecordingError(
                f"{message.topic}[{partition}] was recorded, Kafka at {self._kafka} has {there} partitions of it; "
                "give the topic as many as it had"
            )
        try:
            future = self._producer.send(
                message.topic,
                value=message.payload,
                key=message.key,
                headers=list(message.headers),
                partition=partition,
                timestamp_ms=message.timestamp,
            )
        except ValueError as error:  # a record that the client refuses, such as one without key and value
            self.counts.readings_refused += readings
            self.counts.refusal = f"{message.topic}[{partition}] offset {message.offset}: {error}"
            return True
        except KafkaError as error:
            raise BrokerUnavailable(
                f"Kafka at {self._kafka} does not take a record of {message.topic} "
                f"({str(error) or type(error).__name__}); check the topic and max.message.bytes"
            ) from None
        self._pending += 1
        self.counts.messages_sent += 1
        self.counts.readings_sent += readings
        future.add_callback(lambda _: self._settled.put((readings, None)))
        future.add_errback(lambda error: self._settled.put((readings, error)))
        return True

    def drain(self, give_up: Callable[[], bool]) -> None:
        """Wait until all is acknowledged or refused, or `give_up()`; `in_flight` says what is left."""
        while self._pending and not give_up():
            self._reap(block=True)

    def close(self) -> None:
        """Close the producer; what is not acknowledged by now is given up."""
        self._producer.close(timeout=0 if self._pending else 5)

    def _known(self, topic: str) -> set[int]:
        try:
            return set(self._producer.partitions_for(topic) or ())
        except KafkaError as error:
            raise RecordingError(
                f"Kafka at {self._kafka} has no topic {topic!r} ({type(error).__name__}); create it with the "
                "partitions that it had, or leave it out with --only"
            ) from None

    def _reap(self, *, block: bool) -> None:
        try:
            while True:
                readings, error = self._settled.get(block=block, timeout=_POLL_S if block else None)
                block = False
                self._pending -= 1
                if error is None:
                    self.counts.messages_acknowledged += 1
                    self.counts.readings_acknowledged += readings
                else:
                    self.counts.readings_refused += readings
                    self.counts.refusal = str(error) or type(error).__name__
        except Empty:
            return
