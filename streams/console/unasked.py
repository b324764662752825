"""Connections on which nothing was asked yet: a server of aiohttp keeps them for ever, and each is an open file.

Where all files are open nobody is served, and asyncio logs each attempt to accept a connection: a megabyte a second.
Pure: time and connections come in.
"""

import math
from collections.abc import Sequence

PATIENCE_S = 15.0
"""A browser may open a connection ahead, and ask some seconds later; it opens another one where that was closed."""


class Unasked[Connection]:
    """Which connections are to be closed. There may be `most` of them before the oldest are closed at once."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._since: dict[Connection, float] = {}
        """When each was seen first; infinity: something was asked on it."""

    def asked(self, connection: Connection) -> None:
        """Note that a connection has asked something."""
        self._since[connection] = math.inf

    def to_close(self, connections: Sequence[Connection], now: float) -> list[Connection]:
        """Return, of all connections that there are, those that asked nothing for too long, or are too many."""
        self._since = {one: self._since.get(one, now) for one in connections}
        unasked = [one for one, since in self._since.items() if since < math.inf]
        unasked.sort(key=self._since.__getitem__)
        too_many = len(self._since) - self._most
        return [
            one
            for place, one in enumerate(unasked)
            if place < too_many or now - self._since[one] >= PATIENCE_S
        ]
