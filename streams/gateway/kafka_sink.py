"""Writes records to Kafka in order, for as long as it takes, and tells which were confirmed.

kafka-python retries by itself, in order, through any outage (`delivery_timeout_ms` is 24 days: a batch that
expired would be overtaken by its successors). What it does hand back has met a fatal error, such as a
broker that forgot the producer. Then nothing new is sent until all that is in flight has settled; a new
producer takes over and begins with what failed, in the original order.

A topic that refuses its records would so cost every topic its producer at each try. It is tried ever less often, and
its records are kept apart until then, while those of the others are sent.
"""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from kafka import KafkaProducer
from kafka.errors import (
    InvalidRecordError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)

from streams import topics
from streams.brokers.forgotten_producer import kafka_python_gives_up_forgotten_producers
from streams.brokers.kafka_login import PLAIN, kafka_login_of, kafka_refusal, kafka_unavailable
from streams.brokers.own_topics import kafka_python_makes_no_topics
from streams.brokers.refused_records import invalid, too_large
from streams.brokers.unlisted_leader import kafka_python_asks_again_who_leads
from streams.errors import ServiceUnavailable, SettingsError
from streams.gateway.address import KINDS
from streams.gateway.records import KafkaRecord
from streams.retry import backoff
from streams.said_once import SaidOnce, SaidSeldom
from streams.settings import Settings

log = logging.getLogger(__name__)

_NEVER_MS = 2**31 - 1
_FIRST_BACKOFF_S = 0.5
_MAX_BACKOFF_S = 10.0
_ATTEMPT_S = 2.0
_PARTITION_LIMIT_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class Wait:
    """A partition that records wait for, and for how long it has confirmed nothing."""

    topic: str
    partition: int
    seconds: float


@dataclass(slots=True)
class _Refusing:
    """A topic that refuses its records, until the one that `number` names is confirmed."""

    number: int = 0
    attempts: int = 0
    not_before: float = 0.0
    held: deque[tuple[int, KafkaRecord]] = field(default_factory=deque)
    said: bool = False
    over: bool = False


class KafkaSink:
    """Not thread-safe: one thread calls it. `on_confirmed` is called from the producer's own thread."""

    def __init__(self, settings: Settings, on_confirmed: Callable[[KafkaRecord], None]) -> None:
        self._settings = settings
        self._login = kafka_login_of(settings)
        self._on_confirmed = on_confirmed
        self._producer: KafkaProducer | None = None
        self._trouble = SaidOnce()
        self._seldom = SaidSeldom(time.monotonic)
        self._attempts = 0
        self._not_before = 0.0
        self._waiting: deque[tuple[int, KafkaRecord]] = deque()
        self._number = 0
        self._lock = threading.Lock()  # what follows belongs to the producer's thread, too
        self._unconfirmed: dict[int, tuple[float, KafkaRecord]] = {}
        """Since when each record waits (monotonic seconds), the oldest first."""
        self._confirmed_at: dict[tuple[str, int], float] = {}
        """When a record of a topic's partition was confirmed last."""
        self._failed: list[tuple[int, KafkaRecord, Exception]] = []
        self._in_flight = 0
        self._refusing: dict[str, _Refusing] = {}
        """By topic."""

    @property
    def unconfirmed(self) -> int:
        """How many records wait or are in flight."""
        with self._lock:
            return len(self._unconfirmed)

    def longest_wait(self) -> Wait | None:
        """Return where the oldest record waits that is not confirmed; None: nothing waits."""
        with self._lock:
            oldest = next(iter(self._unconfirmed.values()), None)
            if oldest is None:
                return None
            since, record = oldest
            since = max(since, self._confirmed_at.get((record.topic, record.partition), since))
        return Wait(record.topic, record.partition, time.monotonic() - since)

    def open(self, deadline: float, stop: threading.Event) -> bool:
        """Connect and check the topics; retry until `deadline` (monotonic seconds). False: told to stop.

        Raises ServiceUnavailable, or SettingsError when the topic has another number of partitions.
        """
        # It logs every attempt; we say once what is wrong.
        logging.getLogger("kafka").setLevel(logging.CRITICAL)
        said = ""
        while not stop.is_set():
            try:
                self._connect()
                return True
            except KafkaError as error:
                away = kafka_unavailable(self._settings.kafka_bootstrap, self._login, error)
            if time.monotonic() >= deadline:
                raise away
            if str(away) != said:
                said = str(away)
                log.warning("waiting: %s", said)
            stop.wait(random.uniform(0.2, 0.6))
        return False

    def refusal(self) -> ServiceUnavailable | None:
        """Return what a broker has against our TLS or our login, if it has. Blocks for seconds at most."""
        if self._login == PLAIN:
            return None
        return kafka_refusal(self._settings.kafka_bootstrap, self._login)

    def put(self, record: KafkaRecord) -> None:
        """Take over a record; `pump` sends it."""
        self._number += 1
        with self._lock:
            self._unconfirmed[self._number] = time.monotonic(), record
        self._waiting.append((self._number, record))

    def pump(self) -> None:
        """Send what can be sent. Blocks for seconds at most, and only while Kafka is away."""
        if self._failed and not self._take_back():
            return
        self._try_again()
        while not self._failed and self._set_apart():
            if self._producer is None and not self._reconnect():
                return
            number, record = self._waiting[0]
            try:
                self._send(number, record)
            except (KafkaError, ValueError) as error:  # ValueError: the topic has vanished from the metadata
                self._waiting.popleft()
                with self._lock:
                    self._failed.append((number, record, error))
                return
            self._waiting.popleft()

    def close(self) -> None:
        """Close the producer. What is not confirmed by now is given up."""
        self._close_producer(0 if self.unconfirmed else 1)

    def _close_producer(self, timeout_s: float) -> None:
        if self._producer is not None:
            try:
                self._producer.close(timeout=timeout_s)
            except KafkaError:
                # kafka-python 3.0.12 leaves it half open where something is not confirmed, or was only just
                self._producer._sender.force_close()
                self._producer._closed = True  # or it tries once more when it is collected
            self._producer = None

    def _send(self, number: int, record: KafkaRecord) -> None:
        assert self._producer is not None
        future = self._producer.send(
            record.topic,
            value=record.value,
            key=record.key,
            headers=record.headers,
            partition=record.partition,
            timestamp_ms=record.timestamp_ms,
        )
        with self._lock:
            self._in_flight += 1
        future.add_callback(self._confirm, number, record)
        future.add_errback(self._refuse, number, record)

    def _confirm(self, number: int, record: KafkaRecord, _metadata: object) -> None:
        self._on_confirmed(record)  # first: once nothing is in flight, every confirmation was passed on
        with self._lock:
            del self._unconfirmed[number]
            self._confirmed_at[record.topic, record.partition] = time.monotonic()
            self._in_flight -= 1
            refusing = self._refusing.get(record.topic)
            if refusing is not None and refusing.number == number:
                refusing.over = True

    def _refuse(self, number: int, record: KafkaRecord, error: Exception) -> None:
        with self._lock:
            self._failed.append((number, record, error))
            self._in_flight -= 1

    def _take_back(self) -> bool:
        """Give up the producer; return whether the failed records stand in front of the waiting ones again."""
        if self._in_flight:
            return False
        # Of what a topic refuses, kafka-python tells first; then it fails all others with the same error.
        self._blame(*self._failed[0])
        self._close_producer(0)
        again = sorted(self._failed, key=lambda item: item[0])
        self._failed = []  # nothing is in flight: the lock has no one to keep out
        self._waiting.extendleft((number, record) for number, record, _ in reversed(again))
        return True

    def _blame(self, number: int, record: KafkaRecord, error: Exception) -> None:
        """Have a topic's records wait, ever longer, for the next try; the first one is made at once."""
        with self._lock:
            refusing = self._refusing.setdefault(record.topic, _Refusing())
        if refusing.over:
            refusing.over, refusing.attempts = False, 0
        elif refusing.attempts:
            pause_s = backoff(refusing.attempts - 1, _FIRST_BACKOFF_S, _MAX_BACKOFF_S, random.random())
            refusing.not_before = time.monotonic() + pause_s
        refusing.number = number
        refusing.attempts += 1
        if self._seldom.is_due(f"{record.topic}: {type(error).__name__}"):
            refusing.said = True
            log.error(
                "Kafka refused records of %s (%s): reconnecting, then sending them again in order",
                *(record.topic, self._reason(record.topic, error)),
            )

    def _try_again(self) -> None:
        """Put the records of topics that are to be tried again, or that take them again, before those that wait."""
        for topic, refusing in list(self._refusing.items()):
            if refusing.over or time.monotonic() >= refusing.not_before:
                self._waiting.extendleft(reversed(refusing.held))
                refusing.held.clear()
            if refusing.over:
                with self._lock:
                    del self._refusing[topic]
                if refusing.said:
                    log.warning("Kafka takes records of %s again", topic)

    def _set_apart(self) -> bool:
        """Keep records apart whose topic is not tried yet; return whether another one is the first that waits."""
        while self._waiting:
            refusing = self._refusing.get(self._waiting[0][1].topic)
            if refusing is None or (not refusing.held and time.monotonic() >= refusing.not_before):
                return True  # what is held goes before what came later, also where its time comes just now
            refusing.held.append(self._waiting.popleft())
        return False

    def _reconnect(self) -> bool:
        if time.monotonic() < self._not_before:
            return False
        try:
            self._connect()
        except SettingsError as error:  # the topics are others now
            if self._trouble.is_new(str(error)):
                log.error("%s", error)
        except KafkaError as error:
            log.debug("Kafka is still unavailable: %s", error)
        else:
            self._attempts = 0
            self._trouble.over()
            return True
        pause_s = backoff(self._attempts, _FIRST_BACKOFF_S, _MAX_BACKOFF_S, random.random())
        self._attempts += 1
        self._not_before = time.monotonic() + pause_s
        return False

    def _reason(self, topic: str, error: Exception) -> str:
        """Return why records of a topic failed."""
        if isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError):
            size = max(len(record.value) for _, record, _ in self._failed if record.topic == topic)
            limit = f"or set UB_FRAME_MAX_BYTES={self._settings.frame_max_bytes} below it and start again"
            return f"{too_large(topic, size)}, {limit}"
        if isinstance(error, InvalidRecordError):
            return f"{error}: {invalid(topic)}"
        if isinstance(error, TopicAuthorizationFailedError):
            return f"{error}: allow the gateway's account to write there (the broker's ACL)"
        return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__

    def _connect(self) -> None:
        kafka_python_makes_no_topics()
        kafka_python_gives_up_forgotten_producers()
        kafka_python_asks_again_who_leads()
        producer = KafkaProducer(
            bootstrap_servers=self._settings.kafka_bootstrap,
            client_id=self._settings.gateway_id,
            acks="all",
            enable_idempotence=True,  # said, not left to the default, which a clash would turn off quietly
            delivery_timeout_ms=_NEVER_MS,
            request_timeout_ms=10_000,
            reconnect_backoff_max_ms=2_000,  # kafka-python adds jitter of a fifth
            retry_backoff_ms=100,
            linger_ms=2,
            batch_size=_PARTITION_LIMIT_BYTES,
            max_block_ms=int(_ATTEMPT_S * 1000),
            bootstrap_timeout_ms=int(_ATTEMPT_S * 1000),
            metrics_enabled=False,
            **self._login.options,
        )
        try:
            producer.partitions_for(topics.REJECTED)
            for kind in KINDS:
                found = len(producer.partitions_for(kind.kafka_topic))
                if found != self._settings.source_partitions:
                    raise SettingsError(
                        f"UB_SOURCE_PARTITIONS={self._settings.source_partitions}, but Kafka's topic "
                        f"{kind.kafka_topic} has {found} partitions; {kind.name} would land on partitions where "
                        "their history is not: set the number of the topic, or, where partitions were added since, "
                        "delete the topic once the workers have read it"
                    )
        except BaseException:
            producer.close(timeout=0)
            raise
        self._producer = producer
