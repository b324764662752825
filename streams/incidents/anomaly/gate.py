r"""Windows of metrics held back until all who measure have told theirs.

The rows of one window come in several messages where they are many, and some of them late: after an outage the sources
of a region come back seconds apart, and while one is held up the grid closes windows without it, and amends them.

    message      1        2      3         4 (health)
    rows of      12:00 a  12:00  11:50 *   -               * late, told for the first time
                 12:00 b         12:00 b'                  ' amended
    whole up to                            12:01
                 \_____________________/
                  let through at 4: 12:00 with a and b'; 11:50 as late

So a window is whole once the grid says so (`metrics_as_of` of CellsHealth): a moment after it closed, in a city that
goes on. Where messages begin and end, and how often one came, decides nothing. Rows of a window that was let through
follow as late ones where they were never told before; amended ones decide nothing any more.
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
    """What is held back of a region: windows by start. `whole`: up to where; `through`: the newest let through."""

    whole: int
    through: int
    window_ms: int
    windows: dict[int, Held]
    units: dict[str, str]


@dataclass(frozen=True, slots=True)
class Whole:
    """One window of a region with all of its rows; `late`: with those that came when it had been let through."""

    region: str
    start: int
    length_ms: int
    began: int
    values: Values
    units: dict[str, str]
    late: bool


@dataclass(frozen=True, slots=True)
class Through:
    """Whole windows of a region, oldest first, and the event time up to which all are."""

    windows: tuple[Whole, ...]
    reached: int


_region = msgspec.msgpack.Decoder(Region)


class Gate:
    """The regions of one partition."""

    def __init__(self) -> None:
        self._regions: dict[str, Region] = {}
        self._unsaved: set[str] = set()

    def put(self, message: Metrics, offset: int) -> None:
        """Hold the rows of a message back."""
        name, c = message.region, message.rows
        region = self._regions.get(name)
        if region is None:
            region = self._regions[name] = Region(-1, -1, message.window_ms, {}, {})
        region.window_ms = message.window_ms
        columns = zip(c.window_start, c.cell, c.metric, c.unit, c.mean, c.revision, strict=True)
        for start, cell, metric, unit, mean, revision in columns:
            held = region.windows.get(start)
            if revision and (held is None or cell not in held.values.get(metric, {})):
                continue
            if held is None:
                held = region.windows[start] = Held(offset, {})
            held.values.setdefault(metric, {})[cell] = mean
            region.units[metric] = unit
        self._unsaved.add(name)

    def go_on(self, name: str, whole: int | None) -> Through | None:
        """Return what is whole now that a region's windows are up to `whole`; None where that is nothing new."""
        region = self._regions.get(name)
        if region is None or whole is None or whole <= region.whole:
            return None
        starts = sorted(start for start in region.windows if start + region.window_ms <= whole)
        windows = tuple(self._take(name, region, start) for start in starts)
        region.whole, region.through = whole, max([region.through, *starts])
        self._unsaved.add(name)
        return Through(windows, whole)

    def _take(self, name: str, region: Region, start: int) -> Whole:
        held, late = region.windows.pop(start), start <= region.through
        return Whole(name, start, region.window_ms, held.began, held.values, dict(region.units), late)

    def take_parts(self) -> dict[str, bytes]:
        """Return the regions that changed since the last call, by name."""
        parts = {name: msgspec.msgpack.encode(self._regions[name]) for name in self._unsaved}
        self._unsaved.clear()
        return parts

    def restore(self, name: str, data: bytes) -> None:
        """Take back a region."""
        self._regions[name] = _region.decode(data)
