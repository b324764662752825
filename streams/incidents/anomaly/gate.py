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
follow as late ones where they were never told before; amended ones decide nothing any more. Where more than MOST_HELD
rows are held, as when years are replayed and a source is held up, the oldest windows are taken for whole.
"""

from collections.abc import Container
from dataclasses import dataclass

import msgspec

from schemas.cells import CellsHealth
from streams.incidents.messages import Metrics

MOST_HELD = 100_000
"""Rows of a region: they are stored with each checkpoint."""
Values = dict[str, dict[str, float]]
"""Means, or another figure, by metric and cell."""


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
    """The regions of one partition; holds one figure of the windows of some metrics, or (None) of all."""

    def __init__(self, figure: str = "mean") -> None:
        self._figure = figure
        self.metrics: Container[str] | None = None
        self._regions: dict[str, Region] = {}
        self._unsaved: set[str] = set()

    def put(self, message: Metrics, offset: int) -> None:
        """Hold the rows of a message back."""
        name, c = message.region, message.rows
        region = self._regions.get(name)
        if region is None:
            region = self._regions[name] = Region(-1, -1, message.window_ms, {}, {})
        region.window_ms = message.window_ms
        values: list[float] = getattr(c, self._figure)
        columns = zip(c.window_start, c.cell, c.metric, c.unit, values, c.revision, strict=True)
        for start, cell, metric, unit, value, revision in columns:
            if self.metrics is not None and metric not in self.metrics:
                continue
            held = region.windows.get(start)
            if revision and (held is None or cell not in held.values.get(metric, {})):
                continue
            if held is None:
                held = region.windows[start] = Held(offset, {})
            held.values.setdefault(metric, {})[cell] = value
            region.units[metric] = unit
        self._unsaved.add(name)

    def go_on(self, name: str, whole: int | None) -> Through | None:
        """Return what is whole now that a region's windows are up to `whole`; None where that is nothing new."""
        region = self._regions.get(name)
        if region is None:
            return None
        until = max(_too_many_until(region), -1 if whole is None else whole)
        if until <= region.whole:
            return None
        starts = sorted(start for start in region.windows if start + region.window_ms <= until)
        windows = tuple(self._take(name, region, start) for start in starts)
        region.whole, region.through = until, max([region.through, *starts])
        self._unsaved.add(name)
        return Through(windows, until)

    def clock(self, message: CellsHealth) -> int:
        """Return the event time by which those are judged of whom nothing is heard: what is held is yet to come."""
        region = self._regions.get(message.region)
        held = [] if region is None else list(region.windows)
        return min([message.as_of, *held])

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


def _too_many_until(region: Region) -> int:
    """Return the end of the newest window that is to go, so that no more than MOST_HELD rows are held; -1: none is."""
    rows = 0
    for start in sorted(region.windows, reverse=True):
        rows += sum(map(len, region.windows[start].values.values()))
        if rows > MOST_HELD:
            return start + region.window_ms
    return -1
