"""When Kafka answered last and what it has left, as aiokafka knows it: asked from another thread, at any time."""

import asyncio
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.subscription_state import TopicPartitionState
from faust.types import TP

from streams.brokers.hearing import SILENT_S
from streams.runtime.driver import FetchWaitConsumer, FetchWaitConsumerThread
from streams.runtime.holes import Holes

PLACE = TP("ub.vehicles", 0)


def asked(look: Callable[[FetchWaitConsumer, AIOKafkaConsumer], Any], *, assigned: bool = True) -> Any:
    """Return what a look at a consumer gives that owns PLACE, or owns nothing yet; nobody is connected."""

    async def body() -> Any:
        of_aiokafka = AIOKafkaConsumer(PLACE.topic, bootstrap_servers="nowhere:1")
        of_aiokafka._fetcher = SimpleNamespace(_records={})
        if assigned:
            of_aiokafka._subscription.assign_from_subscribed([PLACE])
        mine = object.__new__(FetchWaitConsumer)
        mine._thread = thread = object.__new__(FetchWaitConsumerThread)
        thread._consumer, thread._assigned, thread._holes = of_aiokafka, {PLACE}, Holes()
        of_aiokafka._closed = True  # nothing was opened
        return look(mine, of_aiokafka)

    return asyncio.run(body())


def state(consumer: AIOKafkaConsumer) -> TopicPartitionState:
    return consumer._subscription.subscription.assignment.state_value(PLACE)


def test_it_is_not_known_before_the_first_answer_nor_of_what_is_not_ours() -> None:
    assert asked(lambda mine, _: mine.answered_at(PLACE)) is None
    assert asked(lambda mine, _: mine.answered_at(PLACE), assigned=False) is None
    assert asked(lambda mine, _: mine.answered_at(TP("other", 0))) is None

    def before_the_start(mine: FetchWaitConsumer, _: AIOKafkaConsumer) -> float | None:
        mine._thread = SimpleNamespace(_consumer=None)
        return mine.answered_at(PLACE)

    assert asked(before_the_start) is None


def test_it_is_when_a_fetch_was_answered() -> None:
    def look(mine: FetchWaitConsumer, consumer: AIOKafkaConsumer) -> float | None:
        state(consumer).timestamp = 1_796_000_000_250
        return mine.answered_at(PLACE)

    assert asked(look) == 1_796_000_000.25


def test_an_answer_that_waits_for_us_counts_as_one_of_now() -> None:
    """Where we take no more, as the database is away, Kafka is not asked: it is not Kafka that is silent."""

    def look(mine: FetchWaitConsumer, consumer: AIOKafkaConsumer) -> float | None:
        state(consumer).timestamp = 1_796_000_000_250
        consumer._fetcher._records[PLACE] = ["records"]
        return mine.answered_at(PLACE)

    began = time.time()
    assert began <= asked(look) <= time.time()


def test_a_partition_that_is_taken_away_meanwhile_fails_nobody() -> None:
    """The consumer's own thread does that; an error would end the worker."""

    def look(mine: FetchWaitConsumer, consumer: AIOKafkaConsumer) -> float | None:
        def assignment() -> set[TP]:
            consumer._subscription._subscription = None
            return {PLACE}

        consumer.assignment = assignment
        return mine.answered_at(PLACE)

    assert asked(look) is None


@pytest.mark.parametrize(
    ("position", "highwater", "silent_s", "unread"),
    [
        (None, None, 0, False),  # Kafka was not asked yet
        (100, 100, 0, False),
        (100, 101, 0, True),
        (100, 101, SILENT_S + 1, False),  # it does not answer: it may be gone for good
        (200, 150, 0, False),  # retention took what was to be read
    ],
)
def test_what_kafka_keeps_for_us_is_unread(
    position: int | None, highwater: int | None, silent_s: float, unread: bool
) -> None:
    def look(mine: FetchWaitConsumer, consumer: AIOKafkaConsumer) -> bool:
        if position is not None:
            state(consumer).seek(position)
            state(consumer).timestamp = (time.time() - silent_s) * 1000
        state(consumer).highwater = highwater
        return mine.has_unread(PLACE, 99)

    assert asked(look) is unread
    assert asked(lambda mine, _: mine.has_unread(PLACE, 99), assigned=False) is False


def test_what_is_on_its_way_to_us_is_unread() -> None:
    def waits(mine: FetchWaitConsumer, consumer: AIOKafkaConsumer) -> bool:
        state(consumer).timestamp = 1
        consumer._fetcher._records[PLACE] = ["records"]
        return mine.has_unread(PLACE, 99)

    def handed_out(mine: FetchWaitConsumer, _: AIOKafkaConsumer) -> list[bool]:
        mine._thread._holes.whole(PLACE, [SimpleNamespace(offset=100), SimpleNamespace(offset=101)])
        return [mine.has_unread(PLACE, offset) for offset in (99, 100, 101)]

    assert asked(waits) is True
    assert asked(handed_out) == [True, True, False]
