"""Waiting for a service that is away."""

import asyncio
from types import SimpleNamespace

import pytest

from streams import retry
from streams.errors import ServiceUnavailable
from streams.retry import Waiting, backoff, before, retrying


class Flaky:
    """Fails a number of times, then answers."""

    def __init__(self, failures: int) -> None:
        self.calls = 0
        self._failures = failures

    async def __call__(self) -> int:
        self.calls += 1
        if self.calls <= self._failures:
            raise ServiceUnavailable("PostgreSQL", "db:5432", "refused", retry_after=0.001)
        return self.calls


def test_the_wait_doubles_up_to_a_limit() -> None:
    assert [backoff(attempt, 1.0, 15.0, 0.0) for attempt in range(6)] == [1, 2, 4, 8, 15, 15]
    assert backoff(10_000, 1.0, 15.0, 0.0) == 15


def test_jitter_takes_off_up_to_a_half() -> None:
    assert backoff(2, 1.0, 15.0, 0.5) == 3.0
    assert 2.0 < backoff(2, 1.0, 15.0, 0.999) < 2.01


class Clock:
    """Goes on when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def away(service: str = "PostgreSQL", reason: str = "refused", what: str = "") -> ServiceUnavailable:
    return ServiceUnavailable(service, "db:5432", reason, what=what)


def test_an_outage_is_told_once_and_its_end_once() -> None:
    lines: list[str] = []
    assert asyncio.run(retrying(Flaky(3), None, Waiting(lines.append))) == 4
    assert len(lines) == 2
    assert lines[0].startswith("PostgreSQL at db:5432 does not answer (refused)")
    assert lines[1] == "PostgreSQL answers again after 0 s"


def test_an_outage_that_goes_on_is_told_again_each_minute_however_many_wait() -> None:
    lines, clock = list[str](), Clock()
    waiting = Waiting(lines.append, clock)
    for clock.now in range(0, 200, 5):
        for who in "abcdef":
            waiting.failed(who, away())
    assert [line.rpartition("; ")[2] for line in lines] == [
        "waiting for it",
        "still waiting after 60 s",
        "still waiting after 120 s",
        "still waiting after 180 s",
    ]


def test_the_end_is_told_when_nobody_waits_any_more_and_the_next_outage_at_once() -> None:
    lines, clock = list[str](), Clock()
    waiting = Waiting(lines.append, clock)
    waiting.answered("a")
    for who in "abc":
        waiting.failed(who, away())
    clock.now = 20.0
    waiting.answered("a")
    waiting.given_up("b")
    assert len(lines) == 1
    waiting.answered("c")
    assert lines[1:] == ["PostgreSQL answers again after 20 s"]
    waiting.failed("a", away())
    assert lines[2:] == lines[:1]


def test_another_trouble_and_another_service_are_told_apart_but_not_each_reason() -> None:
    lines = list[str]()
    waiting = Waiting(lines.append, Clock())
    waiting.failed("a", away())
    for file in range(10):
        waiting.failed("a", away(reason=f"cannot extend file {file}", what="has no disk left"))
    waiting.failed("a", away("Kafka"))
    waiting.answered("a")
    assert [line.partition(" (")[0] for line in lines] == [
        "PostgreSQL at db:5432 does not answer",
        "PostgreSQL at db:5432 has no disk left",
        "PostgreSQL answers again after 0 s",
        "Kafka at db:5432 does not answer",
        "Kafka answers again after 0 s",
    ]


def test_who_is_cancelled_waits_no_more() -> None:
    lines, told = list[str](), asyncio.Event()

    def log(line: str) -> None:
        lines.append(line)
        told.set()

    waiting = Waiting(log)

    async def run() -> None:
        task = asyncio.create_task(retrying(Flaky(10**9), None, waiting))
        await asyncio.wait_for(told.wait(), 60)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(run())
    waiting.failed("another", away())
    waiting.answered("another")
    assert lines[1:] == [*lines[:1], "PostgreSQL answers again after 0 s"]


def test_success_at_once_says_nothing() -> None:
    lines: list[str] = []
    assert asyncio.run(retrying(Flaky(0), asyncio.Event(), Waiting(lines.append))) == 1
    assert lines == []


def test_after_a_stop_one_try_is_made_and_nobody_says_that_he_waits() -> None:
    lines: list[str] = []

    async def run() -> Flaky:
        stop, flaky = asyncio.Event(), Flaky(10**9)
        stop.set()
        with pytest.raises(ServiceUnavailable):
            await retrying(flaky, stop, Waiting(lines.append))
        return flaky

    assert asyncio.run(run()).calls == 1
    assert lines == []


def test_a_stop_ends_the_wait_with_the_error() -> None:
    async def run() -> Flaky:
        stop, flaky = asyncio.Event(), Flaky(10**9)
        waiting = asyncio.create_task(retrying(flaky, stop, Waiting(lambda line: stop.set())))
        with pytest.raises(ServiceUnavailable):
            await asyncio.wait_for(waiting, 60)
        return flaky

    assert asyncio.run(run()).calls == 1


def test_each_try_comes_later_than_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(retry, "random", SimpleNamespace(random=lambda: 0.0))
    monkeypatch.setattr(retry.asyncio, "sleep", noted)
    asyncio.run(retrying(Flaky(4), None, Waiting(lambda _: None)))
    assert pauses == [0.001, 0.002, 0.004, 0.008]


def test_other_errors_pass_through() -> None:
    async def fail() -> None:
        raise ValueError("rows of no table")

    with pytest.raises(ValueError, match="rows of no table"):
        asyncio.run(retrying(fail, None, Waiting()))


@pytest.mark.parametrize("ends", ["stop", "cancel"])
def test_work_that_is_given_up_has_ended(ends: str) -> None:
    """Also where whoever waits for it is cancelled himself."""
    ended: list[bool] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            ended.append(True)

    async def run() -> None:
        stop = asyncio.Event()
        waiting = asyncio.create_task(before(stop, work()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if ends == "stop":
            stop.set()
            assert not await waiting
        else:
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        assert ended == [True]

    asyncio.run(asyncio.wait_for(run(), 30))


def test_work_that_is_done_or_fails_before_the_stop_is_told_so() -> None:
    async def fails() -> None:
        raise ValueError("no")

    async def run() -> None:
        stop = asyncio.Event()
        assert await before(stop, asyncio.sleep(0))
        with pytest.raises(ValueError, match="no"):
            await before(stop, fails())
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1, "nobody waits for the stop any more"

    asyncio.run(asyncio.wait_for(run(), 30))
