"""Fetches: how long the broker may hold one back that finds nothing, and where the next begins after a hole."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from streams.runtime.driver import QUIET_FETCH_WAIT_MS, FetchWaitConsumerThread
from streams.runtime.holes import Holes

PLACE, OTHER = TP("ub.vehicles", 0), TP("ub.vehicles", 1)
RECORDS = {PLACE: [SimpleNamespace(offset=0)]}


class Subscriptions:
    @contextmanager
    def fetch_context(self) -> Iterator[None]:
        yield


class Consumer:
    """What of aiokafka's is looked at; `found` is what each fetch finds."""

    def __init__(self, *found: dict[TP, list[Any]]) -> None:
        self._closed, self._found = False, list(found)
        self._fetcher = SimpleNamespace(
            _closed=False,
            _subscriptions=Subscriptions(),
            _fetch_max_wait_ms=0,
            fetched_records=self.fetched_records,
        )

    def assignment(self) -> set[TP]:
        return {PLACE, OTHER}

    async def fetched_records(self, *_: Any, **__: Any) -> dict[TP, list[Any]]:
        return self._found.pop(0)


@pytest.mark.parametrize(("usual", "quiet"), [(20, QUIET_FETCH_WAIT_MS), (500, 500)])
def test_it_is_longer_while_no_record_comes(usual: int, quiet: int) -> None:
    thread = object.__new__(FetchWaitConsumerThread)
    thread._assigned, thread._holes = set(), Holes()
    thread.consumer = SimpleNamespace(flow_active=True)
    thread.transport = SimpleNamespace(fetch_wait_ms=usual)
    consumer = Consumer({}, RECORDS, {})

    async def waits() -> list[int]:
        found = []
        for _ in range(3):
            await thread._fetch_records(consumer, {PLACE}, timeout=1.0)
            found.append(consumer._fetcher._fetch_max_wait_ms)
        return found

    assert asyncio.run(waits()) == [quiet, usual, quiet]


def test_what_was_assigned_now_is_not_taken_for_stuck_since_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a rebalance Faust called each partition stuck that had not given it a record yet, in a dozen lines."""
    monkeypatch.setattr("time.monotonic", lambda: 900.0)
    thread = object.__new__(FetchWaitConsumerThread)
    thread._assigned, thread._holes, thread.time_started = set(), Holes(), 0.0
    thread.consumer = SimpleNamespace(flow_active=True)
    thread.transport = SimpleNamespace(fetch_wait_ms=20)
    asyncio.run(thread._fetch_records(Consumer({}), {PLACE}, timeout=1.0))
    assert thread.time_started == 900.0


class Rebalanced(Consumer):
    """Loses its partitions as soon as anything is waited for."""

    def __init__(self, *found: dict[TP, list[Any]]) -> None:
        super().__init__(*found)
        self.sought: list[tuple[TP, int]] = []
        self.ours = True

    def seek(self, tp: TP, offset: int) -> None:
        assert self.ours, "no such partition is assigned"
        self.sought.append((tp, offset))


def test_holes_in_several_partitions_are_asked_for_before_a_rebalance_can_take_one_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = {tp: [SimpleNamespace(offset=0)] for tp in (PLACE, OTHER)}
    ahead = {tp: [SimpleNamespace(offset=2)] for tp in (PLACE, OTHER)}
    consumer = Rebalanced(first, ahead)

    async def sleep(_seconds: float) -> None:
        consumer.ours = False

    monkeypatch.setattr("streams.runtime.driver.asyncio.sleep", sleep)
    thread = object.__new__(FetchWaitConsumerThread)
    thread._assigned, thread._holes = set(), Holes()
    thread.consumer = SimpleNamespace(flow_active=True)
    thread.transport = SimpleNamespace(fetch_wait_ms=20)

    async def fetched() -> list[dict[TP, list[Any]]]:
        return [await thread._fetch_records(consumer, {PLACE, OTHER}, timeout=1.0) for _ in range(2)]

    assert asyncio.run(fetched()) == [first, {}]
    assert consumer.sought == [(PLACE, 1), (OTHER, 1)]
