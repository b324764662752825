"""Plays timed messages on a clock that can be paused. No I/O of its own: clock, sleep and sending are handed in."""

import math
from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np

NAP_S = 0.1
"""Longest sleep, so that a request to stop or to pause is seen soon."""


class Switch(Protocol):
    """Says whether the play is paused."""

    @property
    def on(self) -> bool:
        """Whether it is."""
        ...


class Errors:
    """How much later than due messages were sent: counts by tenths of a millisecond, bounded however long it plays."""

    _TENTHS = 100_000  # up to 10 s; what is later counts as that

    def __init__(self) -> None:
        self._counts = np.zeros(self._TENTHS + 1, dtype=np.int64)

    def add(self, seconds: float) -> None:
        """Count one message that was sent so many seconds too late."""
        self._counts[min(math.ceil(max(seconds, 0.0) * 10_000), self._TENTHS)] += 1

    def quantile_ms(self, share: float) -> float | None:
        """Return the error that this share of the messages does not exceed, in ms; None where none was counted."""
        total = int(self._counts.sum())
        if total == 0:
            return None
        return int(np.searchsorted(np.cumsum(self._counts), math.ceil(share * total))) / 10


def play[M](
    messages: Iterable[tuple[int, M]],
    speed: float,
    *,
    wall: Callable[[], float],
    sleep: Callable[[float], None],
    send: Callable[[int, M], bool],
    stopping: Callable[[], bool],
    pause: Switch,
) -> Errors:
    """Hand each message to `send` when its time (microseconds) has come, `speed` times as fast as they say.

    The clock starts when the first message is at hand, and stands while `pause` is on. Ends after the last message,
    when `stopping()`, or when `send` returns False. Returns the errors; at infinite speed there are none.
    """
    errors = Errors()
    due_0: float | None = None
    first = 0
    for at, message in messages:
        if due_0 is None:
            due_0, first = wall(), at
        while True:
            if stopping():
                return errors
            if pause.on:
                stopped_at = wall()
                while pause.on and not stopping():
                    sleep(NAP_S)
                due_0 += wall() - stopped_at
                continue
            due = due_0 + (at - first) / 1e6 / speed
            wait = due - wall()
            if speed == math.inf or wait <= 0:
                break
            sleep(min(wait, NAP_S))
        if not send(at, message):
            return errors
        if speed != math.inf:
            errors.add(wall() - due)
    return errors
