"""Who told the newest of each region: what a former owner of it had on its way to Kafka is out of date.

A worker that was stopped with records in its memory sends them when it wakes up, after what its successor told. All
that it told, and had not stored, its successor tells anew (docs/adr/0027-an-owner-says-who-it-is.md).
"""

import msgspec

from schemas.cells import CellsHealth, CellsNow
from streams.incidents.book import Message
from streams.incidents.messages import Metrics, Requests, Windows

_OWNED = CellsNow | Windows | Metrics | Requests | CellsHealth
_MOST = (1 << 53) - 1
"""Numbers in JSON are exact up to here."""


class Owners:
    """The newest owner of each region of one partition, as the grid stage told."""

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}
        self._unsaved: set[str] = set()

    def problem(self, message: Message) -> str:
        """Return what makes a message unusable, or nothing."""
        if isinstance(message, _OWNED) and not 0 <= message.owner <= _MOST:
            return f"owner {message.owner}: 0 to {_MOST} expected"
        return ""

    def is_former(self, message: Message) -> bool:
        """Take in who speaks; return whether its region has had another owner since. Who does not say (0) counts."""
        if not isinstance(message, _OWNED) or not message.owner:
            return False
        newest = self._newest.get(message.region, 0)
        if message.owner > newest:
            self._newest[message.region] = message.owner
            self._unsaved.add(message.region)
        return message.owner < newest

    def take_parts(self) -> dict[str, bytes]:
        """Return the regions whose owner changed since the last call."""
        parts = {region: msgspec.msgpack.encode(self._newest[region]) for region in self._unsaved}
        self._unsaved.clear()
        return parts

    def restore(self, region: str, data: bytes) -> None:
        """Take back a part."""
        self._newest[region] = msgspec.msgpack.decode(data, type=int)
