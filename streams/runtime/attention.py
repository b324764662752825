"""The wall clock by which folds judge silence: it stands still while nobody could have been heard."""

LONGEST_S = 1.0
"""From one look at the folds to the next; more than that the worker was held up, and what others said waits unread.

A look comes four times a second. To restore 300,000 sensors takes a worker 8 s, in which it reads nothing.
"""


class Attention:
    """Goes on with a monotonic clock in seconds, but by no more than `LONGEST_S` from one look to the next."""

    def __init__(self, now: float) -> None:
        self._looked_at = self._wall_s = now

    def wall_ms(self, now: float) -> int:
        """Return the milliseconds of a look that begins now."""
        self._wall_s += min(now - self._looked_at, LONGEST_S)
        self._looked_at = now
        return int(self._wall_s * 1000)
