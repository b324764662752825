"""Playing a source: readings are released when the virtual clock reaches them, in order.

No I/O of its own: clock, sleep and sending are handed in.
"""

from collections.abc import Callable

import numpy as np

from sensors_sim.clock import VirtualClock
from sensors_sim.columns import Columns
from sensors_sim.sources.contract import Source

LINGER_S = 0.05
"""Readings wait up to this long (wall time) for others, so that they share messages."""

NAP_S = 0.1
"""Longest sleep, so that a request to stop is seen soon."""


def play(
    source: Source,
    speed: float,
    *,
    wall: Callable[[], float],
    sleep: Callable[[float], None],
    send: Callable[[Columns], None],
    stopping: Callable[[], bool],
) -> None:
    """Hand the readings of `source` to `send` when they are due, until they end or `stopping()`.

    The clock starts at the source's start when its first batch is at hand: what a source does
    before (reading a file, settling a fleet) takes no event time. A live source hands out empty batches
    while it waits.
    """
    clock: VirtualClock | None = None
    for batch in source.batches():
        if stopping():
            return
        if len(batch) == 0:
            continue
        if clock is None:
            start = source.start_ms if source.start_ms is not None else int(batch.ts[0])
            clock = VirtualClock(start, speed, wall)
        done = 0
        while done < len(batch):
            if stopping():
                return
            due = int(np.searchsorted(batch.ts, clock.now_ms(), side="right"))
            if due > done:
                send(batch.take(slice(done, due)))
                done = due
            if done < len(batch):
                sleep(min(clock.seconds_until(int(batch.ts[done])) + LINGER_S, NAP_S))
