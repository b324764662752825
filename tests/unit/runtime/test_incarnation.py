"""Kafka is asked once which logs it has, by however many stages begin together; later, whether it has them still."""

import asyncio
import threading
from collections.abc import Mapping
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from kafka.admin import OffsetSpec
from kafka.errors import LeaderNotAvailableError, UnknownTopicOrPartitionError

from streams.errors import LogReplaced, ServiceUnavailable
from streams.runtime import incarnation
from streams.runtime.incarnation import Incarnation, Logs

TOPICS = ("a", "b", "c")


class Asked(Logs):
    """Answers when it is told to, and counts; refuses as often as it is told to."""

    def __init__(self, refusals: int = 0) -> None:
        super().__init__("nowhere:1", TOPICS, ends_are_true=False)
        self.times = 0
        self.may_answer = threading.Event()
        self._refusals = refusals
        self.has: dict[str, Incarnation | None] = {
            topic: Incarnation("cluster", f"id of {topic}") for topic in self._topics
        }

    def _ask(self) -> dict[str, Incarnation | None]:
        self.times += 1
        assert self.may_answer.wait(10)
        if self.times <= self._refusals:
            raise ServiceUnavailable("Kafka", "nowhere:1", "no answer")
        return dict(self.has)


async def _all_at_once(logs: Asked) -> list[Incarnation | BaseException]:
    asking = [asyncio.create_task(logs.incarnation(topic)) for topic in TOPICS]
    while not logs.times:  # noqa: ASYNC110 - a thread counts
        await asyncio.sleep(0.001)
    logs.may_answer.set()
    return await asyncio.gather(*asking, return_exceptions=True)


def test_stages_that_begin_together_ask_once_and_what_kafka_said_is_remembered() -> None:
    async def begin() -> None:
        logs = Asked()
        ids = [one.topic_id for one in await _all_at_once(logs) if isinstance(one, Incarnation)]
        assert ids == ["id of a", "id of b", "id of c"]
        assert (await logs.incarnation("b")).cluster_id == "cluster"
        assert logs.times == 1

    asyncio.run(begin())


def test_all_of_them_hear_that_kafka_is_away_and_whoever_asks_again_is_answered() -> None:
    async def begin() -> None:
        logs = Asked(refusals=1)
        assert [type(one) for one in await _all_at_once(logs)] == [ServiceUnavailable] * 3
        assert (await logs.incarnation("c")).topic_id == "id of c"
        assert logs.times == 2

    asyncio.run(begin())


def test_one_that_gives_up_leaves_the_others_their_answer() -> None:
    async def begin() -> None:
        logs = Asked()
        first, second = (asyncio.create_task(logs.incarnation(topic)) for topic in "ab")
        while not logs.times:  # noqa: ASYNC110 - a thread counts
            await asyncio.sleep(0.001)
        first.cancel()
        logs.may_answer.set()
        assert (await second).topic_id == "id of b"
        with pytest.raises(asyncio.CancelledError):
            await first

    asyncio.run(begin())


@pytest.mark.parametrize(
    "now", [Incarnation("cluster", "another id"), Incarnation("another cluster", "id of b")]
)
def test_a_topic_that_was_made_anew_is_another_log_until_the_process_ends(now: Incarnation) -> None:
    async def begin() -> None:
        logs = Asked()
        await _all_at_once(logs)
        await logs.check()
        logs.has["b"] = now
        for _ in range(2):
            with pytest.raises(LogReplaced, match="topic b is another log than before"):
                await logs.check()

    asyncio.run(begin())


def test_a_topic_that_is_gone_is_named() -> None:
    async def begin() -> None:
        logs = Asked()
        await _all_at_once(logs)
        logs.has["c"] = None
        with pytest.raises(LogReplaced, match="topic c is gone"):
            await logs.check()

    asyncio.run(begin())


def test_of_what_kafka_says_nothing_now_nothing_is_believed() -> None:
    """As where it does not answer, where its leader is not known yet, or where a login may not see it for a while."""

    async def begin() -> None:
        logs = Asked(refusals=2)
        assert [type(one) for one in await _all_at_once(logs)] == [ServiceUnavailable] * 3
        with pytest.raises(ServiceUnavailable):
            await logs.check()
        logs.has["a"] = Incarnation("cluster", "another id")
        await logs.check()  # nothing is read yet
        await logs.incarnation("a")
        del logs.has["a"]
        await logs.check()
        with pytest.raises(ServiceUnavailable, match=r"lacks a topic \(no d in its list\); restart a worker"):
            await logs.incarnation("d")

    asyncio.run(begin())


def test_a_topic_that_is_asked_for_later_hides_no_change_of_those_that_are_read() -> None:
    async def begin() -> None:
        logs = Asked()
        logs.has["c"] = None
        await _all_at_once(logs)
        logs.has |= {"a": Incarnation("cluster", "another id"), "c": Incarnation("cluster", "id of c")}
        assert (await logs.incarnation("c")).topic_id == "id of c"
        with pytest.raises(LogReplaced, match="topic a is another log than before"):
            await logs.check()

    asyncio.run(begin())


def test_a_topic_that_was_not_there_before_may_be_made() -> None:
    async def live() -> None:
        logs = Asked()
        logs.may_answer.set()
        logs.has["b"] = None
        await logs.incarnation("a")
        logs.has["b"] = Incarnation("cluster", "id of b")
        await logs.check()

    asyncio.run(live())


@pytest.mark.parametrize("true", [True, False])
def test_a_log_begins_at_its_oldest_record_and_ends_behind_its_newest(
    true: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the records 5 to 8. Where its ends are not true nothing is said of them."""

    class Asked(list[OffsetSpec]):
        def list_partition_offsets(self, which: Mapping[object, OffsetSpec]) -> dict[object, object]:
            self.extend(which.values())
            found = {OffsetSpec.EARLIEST: 5, OffsetSpec.LATEST: 9}
            return {where: SimpleNamespace(offset=found[spec]) for where, spec in which.items()}

    async def ask() -> tuple[int | None, int]:
        return await logs.ends_at("a", 0), await logs.begins_at("a", 0)

    asked = Asked()
    monkeypatch.setattr(incarnation, "admin_client", lambda *_, **__: nullcontext(asked))
    logs = Logs("nowhere:1", TOPICS, ends_are_true=true)
    assert asyncio.run(ask()) == (9 if true else None, 5)


def test_a_topic_is_gone_only_where_kafka_says_that_it_does_not_know_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of one whose leader is just being elected it says nothing."""
    described = [
        {"name": "a", "topic_id": "one", "error_code": 0},
        {"name": "b", "topic_id": "two", "error_code": UnknownTopicOrPartitionError.errno},
        {"name": "c", "topic_id": "three", "error_code": LeaderNotAvailableError.errno},
    ]
    kafka = SimpleNamespace(
        describe_cluster=lambda: {"cluster_id": "cluster"}, describe_topics=lambda _topics: described
    )
    monkeypatch.setattr(incarnation, "admin_client", lambda *_, **__: nullcontext(kafka))
    found = Logs("nowhere:1", TOPICS, ends_are_true=True)._ask()
    assert found == {"a": Incarnation("cluster", "one"), "b": None}
