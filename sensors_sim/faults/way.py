"""The way from publisher to broker, with its faults. Pure: messages with their times in, messages with their times out.

In this order: clocks are wrong (skew), messages get lost (drop), damaged (corrupt), doubled (duplicate), held up
together (burst), held up alone (delay), overtaken (reorder). Each draws from a stream of random numbers of its own:
which messages are lost, say, does not depend on how many are delayed.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, Self

import numpy as np

from sensors_sim.faults.corrupt import corrupted
from sensors_sim.faults.skew import Clocks
from sensors_sim.faults.spec import Burst, Faults


class Carried(Protocol):
    """A message that can be on the way; its payload may be None (Kafka's null), which stays as it is."""

    @property
    def topic(self) -> str:
        """Where it goes."""
        ...

    @property
    def payload(self) -> bytes | None:
        """What it says."""
        ...

    def with_payload(self, payload: bytes) -> Self:
        """Return a copy that says something else."""
        ...


class Way[M: Carried]:
    """Takes messages by their times (microseconds), and hands out those that arrive, by the times at which they do.

    done  what was done to how many messages, by fault; corrupted ones also by kind
    """

    def __init__(self, faults: Faults, rng: np.random.Generator) -> None:
        self.done: Counter[str] = Counter()
        self._faults = faults
        self._drop, self._corrupt, self._duplicate, self._burst, self._delay, self._reorder = rng.spawn(6)
        self._clocks = Clocks(faults.skew, faults.seed) if faults.skew else None
        self._stalls = _Stalls(faults.burst, self._burst) if faults.burst else None
        self._held: list[tuple[int, int, M]] = []
        """Heap of (when it arrives, number, message)."""
        self._overtaken: list[tuple[int, int, M]] = []
        """Heap of (how many have arrived when it has been overtaken, how many had when it came, message)."""
        self._number = self._arrivals = 0
        self._last = 0

    def send(self, at: int, message: M) -> list[tuple[int, M]]:
        """Put a message on the way at `at`; return what arrives up to then, itself included where nothing holds it."""
        for arrives, copy in self._fate(at, message):
            heapq.heappush(self._held, (arrives, self._number, copy))
            self._number += 1
        return self._arrived(at)

    def finish(self) -> list[tuple[int, M]]:
        """Return everything that is still on the way, at the times at which it arrives."""
        out = self._arrived(None)
        at = out[-1][0] if out else self._last
        out += [(at, message) for *_, message in sorted(self._overtaken)]
        self._overtaken.clear()
        return out

    def _fate(self, at: int, message: M) -> Iterator[tuple[int, M]]:
        """Yield the copies of a message that will arrive, with their times."""
        self._last = at
        faults = self._faults
        payload = message.payload
        if self._clocks is not None and payload is not None:
            payload, moved = self._clocks.skewed(message.topic, payload)
            self.done["skewed_readings"] += moved
            message = message.with_payload(payload) if moved else message
        if faults.drop and self._drop.random() < faults.drop:
            self.done["dropped"] += 1
            return
        if faults.corrupt and self._corrupt.random() < faults.corrupt and payload is not None:
            payload, kind = corrupted(payload, self._corrupt)
            self.done["corrupted"] += 1
            self.done[f"corrupted_{kind}"] += 1
            message = message.with_payload(payload)
        yield self._arrival(at), message
        if faults.duplicate and self._duplicate.random() < faults.duplicate.share:
            self.done["duplicated"] += 1
            again = int(self._duplicate.integers(0, faults.duplicate.most_us, endpoint=True))
            yield self._arrival(at) + again, message

    def _arrival(self, at: int) -> int:
        """Return when a message that is sent at `at` arrives."""
        arrives = at
        if self._stalls is not None:
            arrives = self._stalls.end(at)
            self.done["held_by_bursts"] += arrives > at
        delay = self._faults.delay
        if delay and self._delay.random() < delay.share:
            self.done["delayed"] += 1
            arrives += int(self._delay.integers(1, delay.most_us, endpoint=True))
        return arrives

    def _arrived(self, now: int | None) -> list[tuple[int, M]]:
        """Return what arrives by `now` (None: ever), with those that were overtaken often enough."""
        out: list[tuple[int, M]] = []
        reorder = self._faults.reorder
        while self._held and (now is None or self._held[0][0] <= now):
            at, _, message = heapq.heappop(self._held)
            self._arrivals += 1
            if reorder and self._reorder.random() < reorder.share:
                self.done["reordered"] += 1
                overtake = int(self._reorder.integers(1, reorder.most, endpoint=True))
                heapq.heappush(self._overtaken, (self._arrivals + overtake, self._arrivals, message))
            else:
                out.append((at, message))
            while self._overtaken and self._overtaken[0][0] <= self._arrivals:
                out.append((at, heapq.heappop(self._overtaken)[-1]))
        return out


def faults_line(done: Mapping[str, int]) -> str:
    """Return what was done on the way, in a line."""
    return "faults: " + ", ".join(
        f"{count:,} {name.replace('_', ' ')}" for name, count in sorted(done.items())
    )


class _Stalls:
    """When nothing passes: gaps between stalls are drawn (exponential), each stall lasts the same."""

    def __init__(self, burst: Burst, rng: np.random.Generator) -> None:
        self._burst = burst
        self._rng = rng
        self._begins: int | None = None

    def end(self, at: int) -> int:
        """Return when what is sent at `at` passes: then, or at the end of the stall. `at` never decreases."""
        if self._begins is None:
            self._begins = at + self._gap()
        while at >= self._begins + self._burst.lasts_us:
            self._begins += self._burst.lasts_us + self._gap()
        return at if at < self._begins else self._begins + self._burst.lasts_us

    def _gap(self) -> int:
        return int(self._rng.exponential(self._burst.every_us - self._burst.lasts_us))


def on_the_way[M: Carried](messages: Iterable[tuple[int, M]], way: Way[M]) -> Iterator[tuple[int, M]]:
    """Yield what arrives of a stream of messages, to its end."""
    for at, message in messages:
        yield from way.send(at, message)
    yield from way.finish()
