"""How long to wait before the next attempt to connect."""

from random import Random


class Backoff:
    """Exponential back-off with full jitter, so that a thousand clients do not come back at once.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    def __init__(
        self, random: Random, first_s: float = 0.5, most_s: float = 15.0, least_s: float = 0.05
    ) -> None:
        self._random = random
        self._first_s = first_s
        self._most_s = most_s
        self._least_s = least_s
        self._failures = 0

    def next_s(self) -> float:
        """Return the wait in seconds after one more failure."""
        ceiling = min(self._most_s, self._first_s * 2**self._failures)
        self._failures = min(self._failures + 1, 30)
        return max(self._least_s, self._random.uniform(0, ceiling))

    def reset(self) -> None:
        """Forget the failures: the connection stands."""
        self._failures = 0
