"""Connections whose clients take nothing of an answer: aiohttp keeps them for ever, each with all of it in memory.

Pure: time and connections come in.
"""

from collections.abc import Mapping

STUCK_S = 30.0
"""A client that takes nothing for so long, or less than some 100 KB of what waits for it, is let go."""


class Stuck[Connection]:
    """Which connections are to be cut."""

    def __init__(self) -> None:
        self._waiting: dict[Connection, tuple[int, float]] = {}
        """How many bytes wait for each, and since when there were never fewer from one look to the next."""

    def to_cut(self, waiting: Mapping[Connection, int], now: float) -> list[Connection]:
        """Return, of all connections and the bytes that wait for them, those that took none for too long."""
        before, self._waiting = self._waiting, {}
        for one, size in waiting.items():
            had, since = before.get(one, (0, now))
            self._waiting[one] = size, since if size >= had > 0 else now
        return [one for one, (_, since) in self._waiting.items() if now - since >= STUCK_S]
