"""Numbers that only grow, of what a gateway writes and of what Kafka does not take of a worker. Pure."""

from collections.abc import Callable


class Numbering:
    """Strictly growing numbers that keep growing after a restart: microseconds, or the last one plus one.

    A million of them would have to be asked for in a second, or the clock be set back between two starts, for two
    to be the same.
    """

    def __init__(self, time_us: Callable[[], int]) -> None:
        self._time_us = time_us
        self._last = 0

    def next(self) -> int:
        """Return the next number."""
        self._last = max(self._last + 1, self._time_us())
        return self._last
