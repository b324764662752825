"""From when on all trips are known, as each source of news of vehicles said: what began before was told by nobody."""

from collections.abc import Iterator

import msgspec

from schemas.cells import CellsVehicles

ABOUT = "since"
"""What names of parts begin with that are kept here."""

_by_area = msgspec.msgpack.Decoder(dict[str, int])


class Whole:
    """By region and partition of ub.vehicles: the areas that it is asked about, and since when."""

    def __init__(self) -> None:
        self._since: dict[str, dict[int, dict[str, int]]] = {}
        self._unsaved: set[tuple[str, int]] = set()

    def take(self, message: CellsVehicles) -> None:
        """Hear what a source says. Of an area it is never earlier than before: repeats of trips are left out."""
        if message.trips_since is None:
            return
        sources = self._since.setdefault(message.region, {})
        before = sources.get(message.source, {})
        told = zip(message.trips_since.area, message.trips_since.since, strict=True)
        now = {area: max(since, before.get(area, since)) for area, since in told}
        if now != before:
            sources[message.source] = now
            self._unsaved.add((message.region, message.source))

    def begins(self, region: str, area: str) -> int | None:
        """Return the event time from which on all trips in an area are known; None: nobody tells of it yet.

        A source that does not name the area is not waited for: where it has no vehicles any more it may never tell.
        """
        sources = self._since.get(region, {}).values()
        return max((since[area] for since in sources if area in since), default=None)

    def take_parts(self) -> Iterator[tuple[str, bytes]]:
        """Yield what changed since the last call, by name."""
        for region, source in self._unsaved:
            yield f"{ABOUT}/{region}/{source}", msgspec.msgpack.encode(self._since[region][source])
        self._unsaved.clear()

    def restore(self, region: str, source: str, data: bytes) -> None:
        """Take back a part."""
        self._since.setdefault(region, {})[int(source)] = _by_area.decode(data)
