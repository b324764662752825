"""Wait for a service that is away, with jittered back-off.

A line says when it goes, why each minute, and when it is back, however many wait for it.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from streams.errors import ServiceUnavailable
from streams.said_once import SaidSeldom

_log = logging.getLogger(__name__)

LONGEST_WAIT_S = 15.0


def backoff(attempt: int, first_s: float, longest_s: float, jitter: float) -> float:
    """Return the seconds to wait after failure number `attempt` (from 0); `jitter` is in [0, 1).

    Doubles from `first_s` up to `longest_s`; the jitter takes off up to a half, so that
    those who lost the same service do not return to it in step.
    """
    return min(longest_s, first_s * 2.0 ** min(attempt, 20)) * (1.0 - jitter / 2)


class Waiting:
    """What is said of services by all that wait for them in a process: see this module."""

    def __init__(
        self, log: Callable[[str], None] = _log.warning, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._clock = clock
        self._service_of: dict[object, str] = {}
        """For which service each waits."""
        self._away: dict[str, tuple[float, SaidSeldom]] = {}
        """Since when each service is waited for, and what was said of it."""

    def failed(self, who: object, error: ServiceUnavailable) -> None:
        """Take note of a try that failed; `who` tries again."""
        if self._service_of.get(who) != error.service:
            self.answered(who)
            self._service_of[who] = error.service
        since, said = self._away.setdefault(error.service, (self._clock(), SaidSeldom(self._clock)))
        if said.is_due(error.does):  # not by its reason: of a disk that is full, each names another file
            waited_s = self._clock() - since
            long = waited_s >= LONGEST_WAIT_S
            self._log(f"{error}; {f'still waiting after {waited_s:.0f} s' if long else 'waiting for it'}")

    def answered(self, who: object) -> None:
        """Take note of a try that did not fail."""
        if (service := self._service_of.pop(who, None)) and (since := self._over(service)) is not None:
            self._log(f"{service} answers again after {self._clock() - since:.0f} s")

    def given_up(self, who: object) -> None:
        """Take note that `who` tries no more."""
        if service := self._service_of.pop(who, None):
            self._over(service)

    def _over(self, service: str) -> float | None:
        """Return since when a service was waited for, if nobody waits for it any more."""
        return None if service in self._service_of.values() else self._away.pop(service)[0]


async def retrying[T](fn: Callable[[], Awaitable[T]], stop: asyncio.Event | None, waiting: Waiting) -> T:
    """Return `await fn()`, repeated for as long as it raises ServiceUnavailable.

    Any other error passes through. Once `stop` is set the last ServiceUnavailable is raised.
    """
    attempt, who = 0, object()
    try:
        while True:
            try:
                result = await fn()
            except ServiceUnavailable as error:
                if stop is not None and stop.is_set():  # nobody waits
                    raise
                waiting.failed(who, error)
                if await _stopped_within(
                    stop, backoff(attempt, error.retry_after, LONGEST_WAIT_S, random.random())
                ):
                    raise
                attempt += 1
            else:
                waiting.answered(who)
                return result
    finally:
        waiting.given_up(who)


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait until an event is set, for so many seconds at most; return whether it is."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()


async def before(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do work that may take long, but give it up if `stop` is set meanwhile. Returns whether it was done."""
    doing, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((doing, stopping), return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
            return True
        return False
    finally:
        stopping.cancel()
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)  # what it fails with now is nobody's matter


async def _stopped_within(stop: asyncio.Event | None, seconds: float) -> bool:
    if stop is not None:
        return await set_within(stop, seconds)
    await asyncio.sleep(seconds)
    return False
