"""How far each region was looked at, so that it is never judged by a time that it had passed already."""

from collections.abc import Iterator

import msgspec

CLOCK = "clock"
"""What names of parts begin with that are kept here."""

_time = msgspec.msgpack.Decoder(int)


class Clocks:
    """By region: the newest event time that was looked at. What a region knows may go back; judgement does not."""

    def __init__(self) -> None:
        self._at: dict[str, int] = {}
        self._unsaved: set[str] = set()

    def __contains__(self, region: str) -> bool:
        return region in self._at

    def latest(self, region: str, as_of: int) -> int:
        """Return the time of a look at a region that knows it as of an event time."""
        return max(as_of, self._at.get(region, 0))

    def reach(self, region: str, as_of: int) -> int:
        """Return the same, and remember it."""
        now = self.latest(region, as_of)
        if now > self._at.get(region, 0):
            self._at[region] = now
            self._unsaved.add(region)
        return now

    def take_parts(self) -> Iterator[tuple[str, bytes]]:
        """Yield what changed since the last call, by name."""
        for region in self._unsaved:
            yield f"{CLOCK}/{region}", msgspec.msgpack.encode(self._at[region])
        self._unsaved.clear()

    def restore(self, region: str, data: bytes) -> None:
        """Take back a part."""
        self._at[region] = _time.decode(data)
