"""A Kafka that refuses the offsets of our group, for a while."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import (
    CommitFailedError,
    GroupAuthorizationFailedError,
    IllegalStateError,
    KafkaError,
    UnknownError,
)

from streams.runtime import group_offsets
from streams.runtime.group_offsets import GroupOffsets


class Consumer:
    """aiokafka's; `troubles` are what Kafka has against each of the next requests."""

    def __init__(self, *troubles: KafkaError) -> None:
        self._troubles = list(troubles)
        self.committed: list[Any] = []

    async def commit(self, offsets: Any) -> None:
        if self._troubles:
            raise self._troubles.pop(0)
        self.committed.append(offsets)

    async def ask(self) -> int:
        if self._troubles:
            raise self._troubles.pop(0)
        return 7


def test_a_refused_commit_is_said_once_a_minute_and_the_next_one_is_made(
    caplog: pytest.LogCaptureFixture,
) -> None:
    offsets, consumer = GroupOffsets("urbanbrain"), Consumer(UnknownError(), UnknownError())

    async def commit() -> list[bool]:
        return [await offsets.commit(consumer, {"place": number}) for number in range(3)]

    assert asyncio.run(commit()) == [False, False, True]
    assert consumer.committed == [{"place": 2}]
    [said] = caplog.messages
    assert "cannot commit the offsets of group urbanbrain" in said


@pytest.mark.parametrize("moved", [CommitFailedError("already"), IllegalStateError("moved")])
def test_a_commit_that_a_rebalance_overtakes_is_no_trouble(
    moved: KafkaError, caplog: pytest.LogCaptureFixture
) -> None:
    assert not asyncio.run(GroupOffsets("urbanbrain").commit(Consumer(moved), {}))
    assert not caplog.messages


def test_who_asks_waits_until_kafka_says_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(group_offsets, "_AGAIN_S", 0)
    consumer = Consumer(*[GroupAuthorizationFailedError("urbanbrain"), IllegalStateError("moved")] * 2)
    assert asyncio.run(GroupOffsets("urbanbrain").asked(consumer.ask)) == 7
    [said] = caplog.messages
    assert "does not say at which offsets group urbanbrain reads on" in said
