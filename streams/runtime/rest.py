"""How long to rest between publications, so that making them leaves the time to fold."""

_SHARE = 0.1
"""Share of the time that may go into making what is published, on average."""
_SPARE_S = 0.3
"""CPU seconds that may be spent at once after a quiet time. The rows of a minute that closed are published once, and
alerts need not wait because of them."""
LONGEST_S = 0.25
"""No rest is longer, however much was spent: alerts wait for it."""


class Rest:
    """What was spent on publications, and what the time since has paid for. Times are seconds of one clock."""

    def __init__(self, now: float) -> None:
        self._owed_s, self._at = -_SPARE_S, now

    def spend(self, cpu_s: float) -> None:
        """Count the CPU time that making a publication took."""
        self._owed_s += cpu_s

    def due_s(self, now: float) -> float:
        """Return how long to rest from now on. No debt grows beyond what the longest rest pays for."""
        owed = self._owed_s - _SHARE * (now - self._at)
        self._owed_s, self._at = min(max(owed, -_SPARE_S), _SHARE * LONGEST_S), now
        return max(0.0, self._owed_s / _SHARE)
