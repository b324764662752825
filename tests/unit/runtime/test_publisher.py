"""What Kafka does not take of a worker: an outage is waited for, a record that is too large is set aside."""

import asyncio
from collections.abc import Awaitable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import (
    BrokerResponseError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    RequestTimedOutError,
    TopicAuthorizationFailedError,
    UnknownError,
    for_code,
)
from faust.exceptions import ProducerSendError

from schemas import codec, envelope
from schemas.rejected import Rejected
from streams import topics
from streams.brokers.refused_records import InvalidRecordError, aiokafka_knows_invalid_records
from streams.fold.contract import MqttMessage, Output
from streams.partition import Partitions
from streams.runtime import publisher as publisher_module
from streams.runtime.confirming import Confirming
from streams.runtime.publisher import Publisher

LIMIT = 30_000
LARGE = b"[" + b"\xff" * LIMIT
NOTICE = MqttMessage("ub/v1/incidents/major/large", LARGE, retain=True)


class Kafka:
    """Stores what fits, unless `troubles` are ahead; as Kafka does, it refuses the batch of one that does not.

    With `checks` its client looks at the size before sending, and Faust wraps what that says.
    """

    def __init__(self, *, checks: bool = False, troubles: Sequence[KafkaError] = ()) -> None:
        self.stored: list[tuple[str, bytes]] = []
        self.types: list[bytes] = []
        self.places: set[tuple[str, bytes, int]] = set()
        self.checks = checks
        self.troubles = list(troubles)
        self._batch: list[tuple[str, bytes, asyncio.Future[None]]] = []

    async def send(
        self, topic: str, key: bytes, value: bytes, partition: int, timestamp: None, headers: Any
    ) -> Awaitable[None]:
        self.places.add((topic, key, partition))
        if self.checks and len(value) > LIMIT:
            raise ProducerSendError("Error while sending") from MessageSizeTooLargeError("too large")
        answer = asyncio.get_running_loop().create_future()
        if not self._batch:
            asyncio.get_running_loop().call_soon(self._answer)
        self._batch.append((topic, value, answer))
        self.types += [value for name, value in headers if name == "ce_type"]
        return answer

    def _answer(self) -> None:
        batch, self._batch = self._batch, []
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble is None and any(len(value) > LIMIT for _, value, _ in batch):
            trouble = MessageSizeTooLargeError()
        for topic, value, answer in batch:
            if trouble is None:
                self.stored.append((topic, value))
                answer.set_result(None)
            else:
                answer.set_exception(trouble)

    def rejected(self) -> list[Rejected]:
        return [codec.rejected.decode(value) for topic, value in self.stored if topic == topics.REJECTED]


class Mqtt:
    def __init__(self) -> None:
        self.published: list[MqttMessage] = []

    async def publish(self, messages: Sequence[MqttMessage]) -> None:
        self.published += messages


def output(value: bytes, topic: str = topics.INCIDENTS, *mqtt: MqttMessage) -> Output:
    return Output(topic, "region", value, envelope.INCIDENT, f"i-{len(value)}/3", 1, mqtt)


def published(kafka: Kafka, *outputs: Output, mqtt: Mqtt | None = None, ends: bool = False) -> None:
    app: Any = SimpleNamespace(producer=kafka, should_stop=ends)
    broker: Any = mqtt or Mqtt()
    partitions = {spec.name: spec.partitions for spec in topics.kafka_topics(8, 4)}
    publisher = Publisher(
        app,
        broker,
        Confirming("kafka:9092"),
        source="urbanbrain/worker-1",
        stage="incidents",
        partitions=partitions,
    )
    asyncio.run(asyncio.wait_for(publisher.publish(outputs), 30))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher_module, "_FIRST_DELAY_S", 0.0)


@pytest.mark.parametrize("checks", [True, False])
def test_a_record_that_is_too_large_goes_to_the_refused_ones_and_the_others_go_on(checks: bool) -> None:
    kafka, mqtt = Kafka(checks=checks), Mqtt()
    published(kafka, output(b"{}"), output(LARGE, topics.INCIDENTS, NOTICE), output(b"[]"), mqtt=mqtt)

    [refused] = kafka.rejected()
    assert (refused.source, refused.topic) == ("urbanbrain/worker-1/incidents", topics.INCIDENTS)
    assert (refused.reason, refused.count) == ("too_large", 1)
    assert refused.detail == "i-30001/3: 30001 bytes are more than Kafka takes"
    assert refused.payload.startswith("[\\xff")
    assert len(refused.payload) == 4096
    stored = [value for topic, value in kafka.stored if topic == topics.INCIDENTS]
    assert stored[-2:] == [b"{}", b"[]"]
    assert kafka.types[-2:] == [envelope.REJECTED.encode(), envelope.INCIDENT.encode()]
    assert mqtt.published == [NOTICE], "whoever looks at the board sees it nonetheless"


def test_a_batch_that_is_larger_than_a_segment_of_the_log_is_refused_alike() -> None:
    kafka = Kafka(troubles=[RecordListTooLargeError(), RecordListTooLargeError()])
    published(kafka, output(b"{}"))
    assert [refused.reason for refused in kafka.rejected()] == ["too_large"]


def test_refusals_are_numbered_and_keep_their_number_when_they_are_sent_again() -> None:
    # of the batch, of the first alone, and of its refusal
    troubles = [MessageSizeTooLargeError(), MessageSizeTooLargeError(), RequestTimedOutError()]
    kafka = Kafka(troubles=troubles)
    published(kafka, output(LARGE), output(LARGE), output(b"{}"))
    first, second = kafka.rejected()
    assert first.sequence < second.sequence
    assert not kafka.troubles


def test_a_refusal_that_was_stored_is_the_same_when_what_follows_it_meets_an_outage() -> None:
    class Meets(Kafka):
        async def send(self, topic: str, key: bytes, value: bytes, *more: Any) -> Awaitable[None]:
            if value == b"{}" and self.rejected() and not self.met:
                self.met = True
                self.troubles = [RequestTimedOutError()]
            return await super().send(topic, key, value, *more)

        met = False

    kafka = Meets()
    published(kafka, output(LARGE), output(b"{}"))
    assert kafka.met
    assert len({refused.sequence for refused in kafka.rejected()}) == 1
    assert kafka.stored[-1] == (topics.INCIDENTS, b"{}")


def test_a_record_that_is_invalid_for_kafka_goes_to_the_refused_ones_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kafka, mqtt = Kafka(troubles=[InvalidRecordError(), InvalidRecordError()]), Mqtt()
    published(kafka, output(b'{"a": 1}', topics.ALERTS, NOTICE), output(b"[]", topics.ALERTS), mqtt=mqtt)
    [refused] = kafka.rejected()
    assert (refused.topic, refused.reason) == (topics.ALERTS, "invalid_record")
    assert (refused.detail, refused.payload) == ("i-8/3: Kafka's validation refuses it", '{"a": 1}')
    assert kafka.stored[-1] == (topics.ALERTS, b"[]")
    assert mqtt.published == [NOTICE]
    [said] = caplog.messages
    assert "InvalidRecordError" in said
    assert "cleanup.policy=delete" in said


def test_a_topic_that_takes_no_record_as_valid_and_that_another_stage_reads_is_waited_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kafka = Kafka(troubles=[InvalidRecordError()] * 5)
    published(kafka, output(b"{}", topics.CELLS))
    assert kafka.stored == [(topics.CELLS, b"{}")]
    assert not kafka.troubles
    said = "ub.cells does not take it as valid: set its cleanup.policy=delete"
    assert [said in line for line in caplog.messages] == [True, False], "and that it is over"


def test_the_client_of_a_worker_knows_what_kafka_says_of_an_invalid_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known: dict[int, type[BrokerResponseError]] = {}
    monkeypatch.setattr("aiokafka.errors.kafka_errors", known)
    assert for_code(87) is UnknownError
    aiokafka_knows_invalid_records()
    assert for_code(87) is InvalidRecordError


@pytest.mark.parametrize("trouble", [RequestTimedOutError(), TopicAuthorizationFailedError("ub.incidents")])
def test_what_a_record_is_not_the_reason_of_is_waited_for(
    trouble: KafkaError, caplog: pytest.LogCaptureFixture
) -> None:
    kafka = Kafka(troubles=[trouble] * 3)
    published(kafka, output(b"{}"), output(b"[]"))
    assert [value for _, value in kafka.stored] == [b"{}", b"[]"]
    assert caplog.messages == [
        f"Kafka at kafka:9092 did not confirm ({trouble}); trying again until it does",
        "Kafka at kafka:9092 confirms again",
    ]


def test_a_refusal_that_is_refused_too_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    kafka = Kafka(troubles=[MessageSizeTooLargeError()] * 3)  # of all, of the record, of its refusal
    published(kafka, output(b"{}"))
    assert [topic for topic, _ in kafka.stored] == [topics.REJECTED]
    assert "Kafka at kafka:9092 confirms again" in caplog.messages


def test_an_outage_is_tried_again_ever_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(publisher_module, "_FIRST_DELAY_S", 0.2)
    monkeypatch.setattr(publisher_module.asyncio, "sleep", noted)
    published(Kafka(troubles=[RequestTimedOutError()] * 7), output(b"{}"))
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_a_worker_that_ends_does_not_say_so_of_kafka(caplog: pytest.LogCaptureFixture) -> None:
    published(Kafka(troubles=[RequestTimedOutError()] * 3), output(b"{}"), ends=True)
    assert not caplog.messages


@pytest.mark.parametrize("topic", [topics.PARTIALS, topics.CELLS, topics.REJECTED])
def test_what_another_stage_reads_waits_until_its_topic_takes_it(
    topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    kafka = Kafka(troubles=[MessageSizeTooLargeError()] * 5)
    published(kafka, output(b'{"a": 1}', topic))
    assert not kafka.troubles
    assert kafka.stored == [(topic, b'{"a": 1}')]
    said = f"8 bytes are too large for {topic}: raise its max.message.bytes"
    assert [said in line for line in caplog.messages] == [True, False], "and that it is over"


def test_a_key_keeps_to_its_partition_though_some_are_added() -> None:
    kafka = Kafka()
    published(kafka, output(b"{}", topics.PARTIALS), output(b"[]", topics.PARTIALS))
    assert kafka.places == {(topics.PARTIALS, b"region", Partitions(4)["region"])}


def test_what_no_topic_takes_does_not_wait_on_the_way_to_another_stage_either() -> None:
    kafka = Kafka(checks=True)
    published(kafka, output(LARGE, topics.PARTIALS), output(b"{}", topics.PARTIALS))
    assert [refused.topic for refused in kafka.rejected()] == [topics.PARTIALS]
    assert kafka.stored[-1] == (topics.PARTIALS, b"{}")


def test_it_is_said_once_for_each_topic(caplog: pytest.LogCaptureFixture) -> None:
    published(Kafka(), output(LARGE), output(LARGE), output(LARGE, topics.ALERTS), output(b"{}"))
    said = [message for message in caplog.messages if "raise max.message.bytes" in message]
    assert [("ub.incidents" in line, "ub.alerts" in line) for line in said] == [(True, False), (False, True)]
    assert "30001 bytes" in said[0]
