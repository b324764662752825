"""Waiting for a service that is away."""

import asyncio

import pytest

from streams.errors import ServiceUnavailable
from streams.retry import backoff, retrying


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


def test_an_outage_is_told_once_and_its_end_once() -> None:
    lines: list[str] = []
    assert asyncio.run(retrying(Flaky(3), None, lines.append)) == 4
    assert len(lines) == 2
    assert lines[0].startswith("PostgreSQL at db:5432 does not answer (refused)")
    assert lines[1] == "PostgreSQL answers again after 3 failed attempts"


def test_an_outage_that_goes_on_is_told_again_each_minute() -> None:
    lines: list[str] = []
    time_s = iter(range(0, 10_000, 25))  # at each look at the clock
    asyncio.run(retrying(Flaky(12), None, lines.append, clock=lambda: float(next(time_s))))
    assert [line.rpartition("; ")[2] for line in lines[:-1]] == [
        "waiting for it",
        "still waiting after 3 attempts",
        "still waiting after 6 attempts",
        "still waiting after 9 attempts",
    ]


def test_success_at_once_says_nothing() -> None:
    lines: list[str] = []
    assert asyncio.run(retrying(Flaky(0), asyncio.Event(), lines.append)) == 1
    assert lines == []


def test_a_stop_ends_the_wait_with_the_error() -> None:
    async def run() -> Flaky:
        stop, flaky = asyncio.Event(), Flaky(10**9)
        waiting = asyncio.create_task(retrying(flaky, stop, lambda line: stop.set()))
        with pytest.raises(ServiceUnavailable):
            await asyncio.wait_for(waiting, 60)
        return flaky

    assert asyncio.run(run()).calls == 1


def test_other_errors_pass_through() -> None:
    async def fail() -> None:
        raise ValueError("rows of no table")

    with pytest.raises(ValueError, match="rows of no table"):
        asyncio.run(retrying(fail, None, lambda line: None))
