"""How long a client waits before it connects again. Pure.

Paho starts over with the shortest delay whenever a broker lets it in. One that throws us out right afterwards, again
and again, would be asked each second, and each time fill two lines of the log.
"""

from collections.abc import Callable

_SHORT_S = 5.0


class Reconnects:
    """Gives the shortest delay in seconds, which grows while connections are short. `clock` is monotonic."""

    def __init__(self, clock: Callable[[], float], longest_s: int) -> None:
        self._clock = clock
        self._longest_s = longest_s
        self._since = 0.0
        self._factor = 1

    def connected(self) -> None:
        """The broker has let us in."""
        self._since = self._clock()

    def delay_s(self, least_s: int) -> int:
        """Return how long to wait now that the connection is lost: `least_s`, or more where that is in vain."""
        if self._clock() - self._since >= _SHORT_S:
            self._factor = 1
        delay_s = min(least_s * self._factor, self._longest_s)
        self._factor = min(2 * self._factor, self._longest_s)
        return delay_s
