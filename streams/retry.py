"""Wait for a service that is away, with jittered back-off; a line when it goes, each minute, and when it is back."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from streams.errors import ServiceUnavailable

LONGEST_WAIT_S = 15.0
_SAY_AGAIN_S = 60.0


def backoff(attempt: int, first_s: float, longest_s: float, jitter: float) -> float:
    """Return the seconds to wait after failure number `attempt` (from 0); `jitter` is in [0, 1).

    Doubles from `first_s` up to `longest_s`; the jitter takes off up to a half, so that
    those who lost the same service do not return to it in step.
    """
    return min(longest_s, first_s * 2.0 ** min(attempt, 20)) * (1.0 - jitter / 2)


async def retrying[T](
    fn: Callable[[], Awaitable[T]],
    stop: asyncio.Event | None,
    log: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Return `await fn()`, repeated for as long as it raises ServiceUnavailable.

    Any other error passes through. Once `stop` is set the last ServiceUnavailable is raised.
    """
    attempt, said = 0, 0.0
    while True:
        try:
            result = await fn()
        except ServiceUnavailable as error:
            if attempt == 0 or clock() - said >= _SAY_AGAIN_S:
                said = clock()
                log(f"{error}; {f'still waiting after {attempt} attempts' if attempt else 'waiting for it'}")
            pause_s = backoff(attempt, error.retry_after, LONGEST_WAIT_S, random.random())
            if await _stopped_within(stop, pause_s):
                raise
            attempt, service = attempt + 1, error.service
        else:
            if attempt:
                log(f"{service} answers again after {attempt} failed attempts")
            return result


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait until an event is set, for so many seconds at most; return whether it is."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()


async def _stopped_within(stop: asyncio.Event | None, seconds: float) -> bool:
    if stop is not None:
        return await set_within(stop, seconds)
    await asyncio.sleep(seconds)
    return False
