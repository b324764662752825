"""Waiting for the first of some coroutines, as Faust's consumer does for each message."""

import asyncio
import inspect
from typing import Any

import pytest

from streams.runtime.driver import Eager

OTHER = "the flow was suspended"


async def at_once(value: int) -> int:
    return value


async def for_ever(cancelled: list[bool]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        cancelled.append(True)


async def soon() -> str:
    await asyncio.sleep(0.01)
    return OTHER


def test_what_ends_at_once_makes_no_task_and_what_it_was_raced_with_never_starts() -> None:
    async def race() -> tuple[Any, int]:
        started: list[bool] = []
        other = for_ever(started)
        found = await Eager().wait_first(at_once(7), other)
        assert not started
        assert inspect.getcoroutinestate(other) == inspect.CORO_CLOSED, (
            "Python warns of what was never awaited"
        )
        return found, len(asyncio.all_tasks())

    found, tasks = asyncio.run(race())
    assert found.results == [7]
    assert not found.stopped
    assert tasks == 1


def test_what_fails_at_once_fails() -> None:
    async def fail() -> None:
        raise KeyError("a message")

    async def race() -> None:
        await Eager().wait_first(fail(), soon())

    with pytest.raises(KeyError, match="a message"):
        asyncio.run(race())


def test_what_has_to_wait_is_given_up_when_the_other_comes_first() -> None:
    async def race() -> tuple[Any, list[bool]]:
        cancelled: list[bool] = []
        found = await Eager().wait_first(for_ever(cancelled), soon())
        await asyncio.sleep(0)
        return found, cancelled

    found, cancelled = asyncio.run(race())
    assert found.results == [OTHER]
    assert cancelled == [True]


def test_a_service_that_stops_is_not_waited_for() -> None:
    async def race() -> Any:
        service = Eager()
        asyncio.get_running_loop().call_later(0.01, service._stopped.set)
        return await service.wait_first(for_ever([]), for_ever([]))

    assert asyncio.run(race()).stopped
