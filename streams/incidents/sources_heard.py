"""Up to which record each source of news of vehicles was heard, so that news that it repeats count once."""

from collections.abc import Iterable, Iterator

import msgspec

from schemas.cells import CellsVehicles

ABOUT = "heard"
"""What names of parts begin with that are kept here."""

Reached = tuple[int, int]
"""Generation of ub.vehicles, and offset."""
_NOTHING: Reached = -1, -1

_reached = msgspec.msgpack.Decoder(Reached)


class Heard:
    """By region and partition of ub.vehicles: the newest record that was told of."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, int], Reached] = {}
        self._unsaved: set[tuple[str, int]] = set()

    def newest(self, message: CellsVehicles) -> Reached:
        """Return up to where the source of a message was heard before."""
        return self._newest.get((message.region, message.source), _NOTHING)

    def take(self, message: CellsVehicles, offsets: Iterable[int]) -> None:
        """Hear of records, once what a message tells of them is taken in."""
        before = self.newest(message)
        reached = max([before, *((message.generation, offset) for offset in offsets)])
        if reached != before:
            source = message.region, message.source
            self._newest[source] = reached
            self._unsaved.add(source)

    def take_parts(self) -> Iterator[tuple[str, bytes]]:
        """Yield what changed since the last call, by name."""
        for region, source in self._unsaved:
            yield f"{ABOUT}/{region}/{source}", msgspec.msgpack.encode(self._newest[region, source])
        self._unsaved.clear()

    def restore(self, region: str, source: str, data: bytes) -> None:
        """Take back a part."""
        self._newest[region, int(source)] = _reached.decode(data)
