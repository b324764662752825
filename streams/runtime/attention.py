"""The wall clock by which folds judge silence: it stands still while nobody could have been heard."""

LONGEST_S = 1.0
"""The longest time between two looks at the folds that counts in full.

Looks come four times a second. After a longer pause the worker was held up, and messages of others wait unread: to
restore 300,000 sensors, for example, takes it 8 s.
"""


class Attention:
    """A clock that follows a monotonic one (seconds), but advances by at most `LONGEST_S` from one look to the next."""

    def __init__(self, now: float) -> None:
        self._looked_at = self._wall_s = now

    def wall_ms(self, now: float) -> int:
        """Return the milliseconds of a look that begins now."""
        self._wall_s += min(now - self._looked_at, LONGEST_S)
        self._looked_at = now
        return int(self._wall_s * 1000)
