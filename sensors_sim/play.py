"""Playing a source: readings are released when the virtual clock reaches them, in order.

No I/O of its own: clock, sleep and sending are handed in.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np

from sensors_sim.clock import VirtualClock
from sensors_sim.columns import Columns
from sensors_sim.sources.contract import Source

LINGER_S = 0.05
"""Readings wait up to this long (wall time) for others, so that they share messages.

Which ones do follows from event time and speed alone: a machine that is busy sends the same messages, later.
"""

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
    start = 0
    for batch in source.batches():
        if stopping():
            return
        if len(batch) == 0:
            continue
        if clock is None:
            start = source.start_ms if source.start_ms is not None else int(batch.ts[0])
            clock = VirtualClock(start, speed, wall)
        for part in _shared(batch, start, LINGER_S * 1000 * speed):
            while not stopping() and (wait := clock.seconds_until(int(part.ts[-1]))) > 0:
                sleep(min(wait, NAP_S))
            if stopping():
                return
            send(part)


def _shared(batch: Columns, start_ms: int, linger_ms: float) -> Iterator[Columns]:
    """Yield the parts of a batch whose readings share messages: those of the same `linger_ms` since the start."""
    cuts = np.flatnonzero(np.diff((batch.ts - start_ms) // linger_ms)) + 1
    for first, last in pairwise([0, *cuts.tolist(), len(batch)]):
        yield batch.take(slice(first, last))
