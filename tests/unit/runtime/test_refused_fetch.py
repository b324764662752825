"""What Kafka has against a fetch is said and waited for; what may have cost us records is not."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import CorruptRecordException, KafkaError, TopicAuthorizationFailedError

from streams.runtime import driver
from streams.runtime.driver import FetchWaitConsumerThread
from streams.runtime.holes import Holes
from streams.said_once import SaidSeldom
from tests.unit.runtime.test_fetch_wait import PLACE, RECORDS, Consumer


class Refusing(Consumer):
    """`troubles` come before what it finds; `joining`: whether it waits for its group."""

    def __init__(self, *troubles: KafkaError, joining: bool = False) -> None:
        super().__init__(RECORDS)
        self._troubles = list(troubles)
        self._subscription = SimpleNamespace(reassignment_in_progress=joining)

    async def fetched_records(self, *_: Any, **__: Any) -> Any:
        if self._troubles:
            raise self._troubles.pop(0)
        return await super().fetched_records()


def fetched(consumer: Refusing, times: int, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    monkeypatch.setattr(driver, "_READ_AGAIN_S", 0)
    thread = object.__new__(FetchWaitConsumerThread)
    thread._assigned, thread._holes, thread._refusals = set(), Holes(), SaidSeldom(lambda: 0.0)
    thread.consumer = SimpleNamespace(flow_active=True)
    thread.transport = SimpleNamespace(fetch_wait_ms=20)

    async def fetch() -> list[Any]:
        return [await thread._fetch_records(consumer, {PLACE}, timeout=1.0) for _ in range(times)]

    return asyncio.run(fetch())


def test_a_refused_fetch_is_said_once_a_minute_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refused = TopicAuthorizationFailedError("ub.partials")
    assert fetched(Refusing(refused, refused), 3, monkeypatch) == [{}, {}, RECORDS]
    [said] = caplog.messages
    assert said.startswith("cannot read from Kafka")
    assert "ub.partials" in said


def test_what_the_group_has_against_us_is_said_elsewhere(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert fetched(Refusing(KafkaError("UnknownError()"), joining=True), 2, monkeypatch) == [{}, RECORDS]
    assert not caplog.messages


def test_a_corrupt_record_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """aiokafka may have read others before it, which it would not hand out any more."""
    with pytest.raises(CorruptRecordException):
        fetched(Refusing(CorruptRecordException()), 1, monkeypatch)
