r"""Windows of metrics held back until all of their rows are there.

The rows of one window come in several messages where they are many, all with the watermark that closed it:

    message      1      2      3        4
    watermark    12:01  12:01  12:01    12:02
    rows of      12:00  12:00  11:50 *  12:01        * late, told for the first time
                 \___________________/
                  let through at 4, 11:50 before 12:00

So a window is whole once a message of its region has a later watermark: a window's length afterwards, in a city that
goes on. Where messages begin and end, and how often one came, decides nothing. Rows of a window that lies before one
that was let through come too late, and amended rows decide nothing, as with single series.
"""

from dataclasses import dataclass

import msgspec

from streams.incidents.messages import Metrics

Values = dict[str, dict[str, float]]
"""Means by metric and cell."""


class Held(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The rows of one window, and the offset of the first record that had some."""

    began: int
    values: Values


class Region(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """What is held back of a region: windows by start, of the newest watermark. `through`: the newest let through."""

    watermark: int
    through: int
    window_ms: int
    windows: dict[int, Held]
    units: dict[str, str]


@dataclass(frozen=True, slots=True)
class Whole:
    """One window of a region with all of its rows."""

    region: str
    start: int
    length_ms: int
    began: int
    values: Values
    units: dict[str, str]


@dataclass(frozen=True, slots=True)
class Through:
    """Whole windows of a region, oldest first, and the watermark with which they closed."""

    windows: tuple[Whole, ...]
    reached: int


_region = msgspec.msgpack.Decoder(Region)


class Gate:
    """The regions of one partition."""

    def __init__(self) -> None:
        self._regions: dict[str, Region] = {}
        self._unsaved: set[str] = set()

    def put(self, message: Metrics, offset: int) -> Through | None:
        """Hold the rows of a message back; returns what is whole now, or None where the watermark did not grow."""
        name, through = message.region, None
        region = self._regions.get(name)
        if region is None:
            region = self._regions[name] = Region(message.watermark, -1, message.window_ms, {}, {})
        elif message.watermark > region.watermark:
            through = self._let_through(name, region)
            region.watermark = message.watermark
        region.window_ms = message.window_ms
        self._hold(region, message, offset)
        self._unsaved.add(name)
        return through

    def _let_through(self, name: str, region: Region) -> Through:
        windows = tuple(
            Whole(name, start, region.window_ms, held.began, held.values, dict(region.units))
            for start, held in sorted(region.windows.items())
        )
        region.through = max([region.through, *region.windows])
        region.windows = {}
        return Through(windows, region.watermark)

    def _hold(self, region: Region, message: Metrics, offset: int) -> None:
        c = message.rows
        columns = zip(c.window_start, c.cell, c.metric, c.unit, c.mean, c.revision, strict=True)
        for start, cell, metric, unit, mean, revision in columns:
            if revision == 0 and start > region.through:
                held = region.windows.setdefault(start, Held(offset, {}))
                held.values.setdefault(metric, {})[cell] = mean
                region.units[metric] = unit

    def take_parts(self) -> dict[str, bytes]:
        """Return the regions that changed since the last call, by name."""
        parts = {name: msgspec.msgpack.encode(self._regions[name]) for name in self._unsaved}
        self._unsaved.clear()
        return parts

    def restore(self, name: str, data: bytes) -> None:
        """Take back a region."""
        self._regions[name] = _region.decode(data)
