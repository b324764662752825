"""What Kafka refuses for good is tried again, in order, and not without end in a second."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from kafka.errors import (
    InvalidRecordError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
)
from kafka.future import Future

from streams.gateway import kafka_sink
from streams.gateway.kafka_sink import KafkaSink, Wait
from streams.gateway.records import KafkaRecord
from streams.settings import Settings


class FakeKafka:
    """Takes records while `refusing` is false. Stands for the class of producers, too."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.refusing = False
        self.producers = 0
        self.closed = 0
        self.taken: list[bytes] = []
        self.settings: dict[str, Any] = {}
        self.settles_late = False
        self._sender = SimpleNamespace(force_close=lambda: None)

    def __call__(self, **settings: Any) -> "FakeKafka":
        self.producers += 1
        self.settings = settings
        return self

    def partitions_for(self, _topic: str) -> set[int]:
        return set(range(self.partitions))

    def send(self, _topic: str, *, value: bytes, **_more: Any) -> Future:
        if self.refusing:
            raise MessageSizeTooLargeError("larger than the topic takes")
        self.taken.append(value)
        return Future().success(None)

    def close(self, **_timeout: float) -> None:
        self.closed += 1
        if self.settles_late:
            raise KafkaTimeoutError("Timeout waiting for future")


class Clock:
    """Stands for the module `time`: goes on when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


def _record(value: bytes, partition: int = 0, topic: str = "ub.vehicles") -> KafkaRecord:
    return KafkaRecord(topic, partition, None, value, [], 1, ())


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> FakeKafka:
    fake = FakeKafka(Settings().source_partitions)
    monkeypatch.setattr(kafka_sink, "KafkaProducer", fake)
    return fake


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(kafka_sink, "time", clock)
    return clock


def _sink(confirmed: list[KafkaRecord]) -> KafkaSink:
    sink = KafkaSink(Settings(), confirmed.append)
    assert sink.open(0.0, threading.Event())
    return sink


def _pump_until_confirmed(sink: KafkaSink, clock: Clock) -> float:
    """Return how many seconds it took."""
    begun = clock.now
    while sink.unconfirmed:
        assert clock.now < begun + 10
        sink.pump()
        clock.now += 0.001
    return clock.now - begun


def test_a_producer_that_says_at_its_end_that_it_has_not_settled_is_replaced_all_the_same(
    kafka: FakeKafka, clock: Clock
) -> None:
    """It tells of each record first, and only then takes the batch for done."""
    confirmed: list[KafkaRecord] = []
    sink = _sink(confirmed)
    kafka.refusing = kafka.settles_late = True
    sink.put(_record(b"1"))
    sink.pump()
    kafka.refusing = False
    _pump_until_confirmed(sink, clock)
    assert kafka.taken == [record.value for record in confirmed] == [b"1"]
    assert kafka.producers == 2


def test_a_kafka_that_refuses_for_good_is_asked_again_ever_less_often(kafka: FakeKafka, clock: Clock) -> None:
    confirmed: list[KafkaRecord] = []
    sink = _sink(confirmed)
    kafka.refusing = True
    for value in (b"1", b"2", b"3"):
        sink.put(_record(value))
    for _ in range(1_000):
        sink.pump()
    assert kafka.producers == 2  # the first one, and one at once: a producer that was forgotten needs no more
    for _ in range(60):
        clock.now += 1
        sink.pump()
    assert kafka.producers < 30  # with the first delay it would be one a second
    sink.pump()
    assert kafka.closed == kafka.producers, "none stays open while the records wait for their next try"
    kafka.refusing = False
    clock.now += 60
    _pump_until_confirmed(sink, clock)
    assert kafka.taken == [record.value for record in confirmed] == [b"1", b"2", b"3"]


def test_what_was_refused_long_ago_delays_nothing(kafka: FakeKafka, clock: Clock) -> None:
    sink = _sink([])
    for _ in range(4):
        kafka.refusing = True
        sink.put(_record(b"1"))
        sink.pump()
        kafka.refusing = False
        assert _pump_until_confirmed(sink, clock) < 1.0


def test_topics_that_have_other_partitions_meanwhile_are_told_once(
    kafka: FakeKafka, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    sink, partitions = _sink([]), kafka.partitions
    kafka.refusing, kafka.partitions = True, partitions + 1
    sink.put(_record(b"1"))
    for _ in range(60):
        sink.pump()
        clock.now += 1
    told = [record.getMessage() for record in caplog.records if "UB_SOURCE_PARTITIONS" in record.getMessage()]
    assert len(told) == 1
    assert caplog.text.count("Kafka refused records") == 1
    kafka.refusing, kafka.partitions = False, partitions
    clock.now += 60
    _pump_until_confirmed(sink, clock)
    assert kafka.taken == [b"1"]
    kafka.refusing, kafka.partitions = True, partitions + 1
    sink.put(_record(b"2"))
    for _ in range(60):
        sink.pump()
        clock.now += 1
    assert caplog.text.count("UB_SOURCE_PARTITIONS") == 2, "it was over meanwhile"


class Choosy(FakeKafka):
    """Refuses what some topics get. As with Kafka's client, all that the producer has yet to send fails with it."""

    def __init__(self, partitions: int) -> None:
        super().__init__(partitions)
        self.refused_topics: set[str] = set()
        self.failed = False

    def __call__(self, **settings: object) -> "Choosy":
        super().__call__(**settings)
        self.failed = False
        return self

    def send(self, topic: str, *, value: bytes, **_more: Any) -> Future:
        self.failed = self.failed or topic in self.refused_topics
        if self.failed:
            return Future().failure(TopicAuthorizationFailedError(topic))
        self.taken.append(value)
        return Future().success(None)


@pytest.fixture
def choosy(monkeypatch: pytest.MonkeyPatch) -> Choosy:
    fake = Choosy(Settings().source_partitions)
    monkeypatch.setattr(kafka_sink, "KafkaProducer", fake)
    return fake


def test_a_topic_that_refuses_is_tried_ever_less_often_while_others_are_served_and_loses_nothing(
    choosy: Choosy, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    confirmed: list[KafkaRecord] = []
    sink = _sink(confirmed)
    choosy.refused_topics = {"ub.vehicles"}
    minutes = 10
    for second in range(60 * minutes):
        sink.put(_record(b"v%d" % second))
        sink.put(_record(b"s%d" % second, topic="ub.sensors"))
        begun = clock.now
        while f"s{second}".encode() not in choosy.taken:
            assert clock.now < begun + 0.1, "the other topic waits, too"
            sink.pump()
            clock.now += 0.001
        clock.now = begun + 1
    assert minutes * 6 < choosy.producers < minutes * 15, "a pause of 5 to 10 s, and one for the other topic"
    told = [record.getMessage() for record in caplog.records]
    assert (
        len([line for line in told if "ub.vehicles: allow the gateway's account to write there" in line])
        == minutes
    )
    choosy.refused_topics = set()
    while sink.unconfirmed:
        sink.pump()
        clock.now += 1
    sink.pump()
    assert [value for value in choosy.taken if value.startswith(b"v")] == [
        b"v%d" % second for second in range(60 * minutes)
    ]
    assert len(confirmed) == len(choosy.taken) == 120 * minutes
    assert [record.getMessage() for record in caplog.records][len(told) :] == [
        "Kafka takes records of ub.vehicles again"
    ]


def test_what_was_kept_apart_goes_first_where_its_time_comes_while_others_are_sent(
    choosy: Choosy, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink, send = _sink([]), choosy.send
    choosy.refused_topics = {"ub.vehicles"}
    sink.put(_record(b"v0"))
    for _ in range(3):
        sink.pump()
    choosy.refused_topics = set()

    def send_slowly(topic: str, **more: Any) -> Future:
        clock.now += 60
        return send(topic, **more)

    monkeypatch.setattr(choosy, "send", send_slowly)
    sink.put(_record(b"s0", topic="ub.sensors"))
    sink.put(_record(b"v1"))
    while sink.unconfirmed:
        sink.pump()
    assert choosy.taken == [b"s0", b"v0", b"v1"]


class Pending(FakeKafka):
    """Leaves open what becomes of each record."""

    def __init__(self, partitions: int) -> None:
        super().__init__(partitions)
        self.answers: list[Future] = []

    def send(self, _topic: str, *, value: bytes, **_more: Any) -> Future:
        self.taken.append(value)
        self.answers.append(Future())
        return self.answers[-1]


@pytest.fixture
def pending(monkeypatch: pytest.MonkeyPatch) -> Pending:
    fake = Pending(Settings().source_partitions)
    monkeypatch.setattr(kafka_sink, "KafkaProducer", fake)
    return fake


def test_what_failed_is_sent_again_in_order_once_nothing_is_under_way(pending: Pending, clock: Clock) -> None:
    sink = _sink([])
    for value in (b"1", b"2", b"3"):
        sink.put(_record(value))
    sink.pump()
    first, second, third = pending.answers
    third.failure(MessageSizeTooLargeError())
    second.failure(MessageSizeTooLargeError())
    sink.pump()
    assert pending.taken == [b"1", b"2", b"3"], "the first may fail as well, and goes before them then"
    first.failure(MessageSizeTooLargeError())
    sink.pump()
    assert pending.taken[3:] == [b"1", b"2", b"3"]


def test_a_producer_loses_doubles_and_overtakes_nothing_and_gives_up_no_batch_in_an_outage_of_a_week(
    kafka: FakeKafka,
) -> None:
    _sink([])
    assert (kafka.settings["acks"], kafka.settings["enable_idempotence"]) == ("all", True)
    assert kafka.settings["delivery_timeout_ms"] > 7 * 24 * 3_600_000


def test_what_waits_behind_a_record_that_fails_meanwhile_is_not_sent_before_it(
    kafka: FakeKafka, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink, answers, take = _sink([]), [Future().failure(MessageSizeTooLargeError())], kafka.send
    monkeypatch.setattr(
        kafka, "send", lambda topic, **record: answers.pop() if answers else take(topic, **record)
    )
    for value in (b"1", b"2"):
        sink.put(_record(value))
    sink.pump()
    sink.pump()
    assert kafka.taken == [b"1", b"2"]


def test_a_record_is_sent_with_all_that_it_has(kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, dict[str, Any]]] = []

    def take(topic: str, **record: Any) -> Future:
        sent.append((topic, record))
        return Future().success(None)

    sink = _sink([])
    monkeypatch.setattr(kafka, "send", take)
    sink.put(KafkaRecord("ub.rejected", 3, b"key", b"value", [("ce_id", b"7")], 5, ()))
    sink.pump()
    record = {
        "partition": 3,
        "key": b"key",
        "value": b"value",
        "headers": [("ce_id", b"7")],
        "timestamp_ms": 5,
    }
    assert sent == [("ub.rejected", record)]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            MessageSizeTooLargeError(),
            "3 bytes are too large for ub.vehicles: raise its max.message.bytes, or set UB_FRAME_MAX_BYTES=256000",
        ),
        (
            InvalidRecordError("no key"),
            "no key: ub.vehicles does not take it as valid: set its cleanup.policy",
        ),
    ],
)
def test_a_record_that_its_topic_does_not_take_is_told_with_the_way_out(
    pending: Pending, clock: Clock, caplog: pytest.LogCaptureFixture, error: KafkaError, says: str
) -> None:
    sink = _sink([])
    for value in (b"1", b"222", b"33"):
        sink.put(_record(value))
    sink.pump()
    for answer in pending.answers:
        answer.failure(error)
    sink.pump()
    [line] = [record.getMessage() for record in caplog.records if "reconnecting" in record.getMessage()]
    assert says in line


def test_a_record_counts_as_unconfirmed_until_its_confirmation_was_passed_on(pending: Pending) -> None:
    """Whoever waits until all is confirmed closes the connection on which it is acknowledged."""
    unconfirmed: list[int] = []
    sink = KafkaSink(Settings(), lambda _record: unconfirmed.append(sink.unconfirmed))
    assert sink.open(0.0, threading.Event())
    sink.put(_record(b"1"))
    sink.pump()
    pending.answers[0].success(None)
    assert [*unconfirmed, sink.unconfirmed] == [1, 0]


def test_the_longest_wait_is_that_of_a_partition_where_nothing_moves(pending: Pending, clock: Clock) -> None:
    sink = _sink([])
    assert sink.longest_wait() is None
    for value, partition in ((b"1", 3), (b"2", 4), (b"3", 3)):
        sink.put(_record(value, partition))
        sink.pump()
        clock.now += 10
    assert sink.longest_wait() == Wait("ub.vehicles", 3, 30.0)
    pending.answers[0].success(None)
    assert sink.longest_wait() == Wait("ub.vehicles", 4, 20.0)
    pending.answers[1].success(None)
    clock.now += 1
    assert sink.longest_wait() == Wait("ub.vehicles", 3, 1.0), "this one has moved since it was put"
    pending.answers[2].success(None)
    assert sink.longest_wait() is None


def test_a_record_that_failed_waits_since_it_was_put(pending: Pending, clock: Clock) -> None:
    sink = _sink([])
    sink.put(_record(b"1"))
    sink.pump()
    pending.answers[0].failure(KafkaError())
    clock.now += 5
    assert sink.longest_wait() == Wait("ub.vehicles", 0, 5.0)
    sink.pump()
    clock.now += 5
    assert sink.longest_wait() == Wait("ub.vehicles", 0, 10.0)
