"""What a worker's Kafka client asks of its group, and what it leaves alone."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError
from faust.transport.drivers import aiokafka as faust_driver
from faust.types import TP

from streams.runtime import driver, group_offsets
from streams.runtime.driver import FetchWaitConsumer, FetchWaitConsumerThread
from streams.runtime.group_offsets import GroupOffsets
from streams.runtime.holes import Holes
from tests.unit.runtime.test_fetch_wait import OTHER, PLACE, Consumer


def thread_with(consumer: object = None, **transport: object) -> Any:
    thread: Any = object.__new__(FetchWaitConsumerThread)
    thread._ensure_consumer = lambda: consumer
    thread.transport = SimpleNamespace(**transport)
    thread._assigned, thread._holes = set(), Holes()
    thread._offsets = GroupOffsets("urbanbrain")
    return thread


def consumer_on(**thread: object) -> Any:
    consumer: Any = object.__new__(FetchWaitConsumer)
    consumer._thread = SimpleNamespace(**thread)
    return consumer


def test_of_partitions_that_moved_no_offset_is_committed_and_of_ours_they_are() -> None:
    """Kafka's client refuses all of them for one that is not ours."""
    committed: list[Mapping[TopicPartition, int]] = []

    async def commit(offsets: Mapping[TopicPartition, int]) -> None:
        committed.append(offsets)

    thread = thread_with(SimpleNamespace(assignment=lambda: {PLACE}, commit=commit))
    assert asyncio.run(thread._commit({PLACE: 3, OTHER: 5}))
    assert committed == [{TopicPartition(*PLACE): 3}]


@pytest.mark.parametrize(("ended", "committed"), [(False, True), (True, False)])
def test_nobody_waits_for_a_commit_of_a_thread_that_has_ended(
    ended: bool, committed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def commit(*_: object) -> bool:
        return True

    monkeypatch.setattr(faust_driver.Consumer, "_commit", commit)
    assert asyncio.run(consumer_on(should_stop=ended)._commit({PLACE: 3})) is committed


def test_a_group_that_does_not_say_where_to_read_on_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    troubles = [GroupAuthorizationFailedError("urbanbrain")]

    async def seek(_consumer: object) -> dict[TP, int]:
        if troubles:
            raise troubles.pop()
        return {PLACE: 7}

    monkeypatch.setattr(group_offsets, "_AGAIN_S", 0)
    monkeypatch.setattr(faust_driver.Consumer, "seek_to_committed", seek)
    consumer = consumer_on(_offsets=GroupOffsets("urbanbrain"))
    assert asyncio.run(consumer.seek_to_committed()) == {PLACE: 7}


def test_where_the_group_took_a_partition_up_is_known() -> None:
    consumer = consumer_on()
    consumer._committed_offset = {PLACE: 7, OTHER: None}
    assert (consumer.resumes_at(PLACE), consumer.resumes_at(OTHER)) == (7, 0)


def test_it_is_looked_again_and_again_whether_the_group_refuses_us(monkeypatch: pytest.MonkeyPatch) -> None:
    async def twice(*_: object, **__: object) -> AsyncIterator[float]:
        yield 0.0
        yield 0.0

    looked: list[object] = []
    monkeypatch.setattr(driver, "Membership", lambda *_: SimpleNamespace(look=looked.append))
    thread = thread_with("consumer")
    thread.itertimer, thread.app = twice, SimpleNamespace(conf=SimpleNamespace(id="urbanbrain"))
    asyncio.run(cast(Any, FetchWaitConsumerThread._join_again).fun(thread))
    assert looked == ["consumer", "consumer"]


@pytest.mark.parametrize("silent", [True, False])
def test_a_leader_falls_silent_only_where_the_transport_says_so(
    silent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def started(_thread: object) -> None: ...

    fallen: list[object] = []
    monkeypatch.setattr(faust_driver.AIOKafkaConsumerThread, "on_start", started)
    monkeypatch.setattr(driver, "SilentLeader", fallen.append)
    thread = thread_with(SimpleNamespace(_coordinator="coordinator"), leaders_fall_silent=silent)
    asyncio.run(thread.on_start())
    assert fallen == ["coordinator"] * silent


def test_the_first_fetch_waits_no_longer_than_those_that_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    made = SimpleNamespace(_fetch_max_wait_ms=1500)
    monkeypatch.setattr(
        faust_driver.AIOKafkaConsumerThread, "_create_worker_consumer", lambda _thread, _transport: made
    )
    assert thread_with(fetch_wait_ms=20)._create_worker_consumer(None)._fetch_max_wait_ms == 20


def test_a_partition_that_comes_back_is_read_from_where_its_group_is() -> None:
    """What lies between was read by another worker: it is no hole."""

    class Moving(Consumer):
        ours = frozenset({PLACE})

        def assignment(self) -> set[TP]:
            return set(self.ours)

    def records(offset: int) -> dict[TP, list[Any]]:
        return {PLACE: [SimpleNamespace(offset=offset)]}

    consumer = Moving(records(0), {}, records(9))
    thread = thread_with(fetch_wait_ms=20)
    thread.consumer = SimpleNamespace(flow_active=True)

    async def fetch() -> dict[TP, list[Any]]:
        found: dict[TP, list[Any]] = {}
        for ours in ({PLACE}, {OTHER}, {PLACE}):
            consumer.ours = frozenset(ours)
            found = await thread._fetch_records(consumer, ours, timeout=1.0)
        return found

    assert asyncio.run(fetch()) == records(9)


def test_what_is_given_up_at_the_end_may_still_clean_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "_STOP_S", 0.01)
    cleaned: list[bool] = []

    async def for_good() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    async def end() -> list[bool]:
        await driver._briefly(for_good())
        return list(cleaned)

    assert asyncio.run(end()) == [True]
