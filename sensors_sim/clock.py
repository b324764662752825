"""The virtual clock of a run: event time = start + speed x wall time since the start."""

import math
from collections.abc import Callable

MAX_SPEED = math.inf


class VirtualClock:
    """Maps wall time to event time. `wall` is a monotonic clock in seconds, injected for tests.

    At MAX_SPEED event time is always infinitely far ahead, so that nothing is ever waited for.
    The clock starts with the first reading: what was loaded before takes no event time.
    """

    def __init__(self, start_ms: int, speed: float, wall: Callable[[], float]) -> None:
        if not speed > 0:
            raise ValueError(f"speed {speed} must be greater than 0")
        self._start_ms = start_ms
        self._speed = speed
        self._wall = wall
        self._wall_0 = wall()

    def now_ms(self) -> float:
        """Return the present event time, milliseconds since the epoch."""
        if self._speed == MAX_SPEED:
            return math.inf
        return self._start_ms + (self._wall() - self._wall_0) * 1000 * self._speed

    def seconds_until(self, ts_ms: int) -> float:
        """Return the wall time in seconds until event time reaches `ts_ms`; 0 when it has."""
        if self._speed == MAX_SPEED:
            return 0.0
        return max(0.0, (ts_ms - self.now_ms()) / 1000 / self._speed)
