"""The job in plain dicts, one reading after another: what a batch of records is folded with where an engine takes one.

Newest cell per vehicle, vehicles per cell, readings per (window, cell); a record for each closed (cell, window).
"""

from collections.abc import Iterator
from typing import Any

import h3.api.basic_int as h3

from tests.bench.decoding import decoder
from tests.bench.workload import WINDOW_MS

_GRACE_MS = 5_000


class Batch:
    """The state of one process that reads all partitions."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self._decode = decoder(asked["shape"])
        self._resolution = asked["resolution"]
        self._end_ms = asked["end_ms"]
        self._newest = [0] * asked["partitions"]
        self._vehicles: dict[str, tuple[int, int]] = {}
        self._occupancy: dict[int, int] = {}
        self._windows: dict[int, dict[int, int]] = {}
        self._closed = 0
        self.readings = 0

    @property
    def ended(self) -> bool:
        """Whether the closing reading of every partition was seen."""
        return min(self._newest) >= self._end_ms

    def fold(self, partition: int, value: bytes) -> None:
        """Fold one frame in."""
        ids, lats, lons, times = self._decode(value)
        locate, resolution = h3.latlng_to_cell, self._resolution
        vehicles, occupancy, windows = self._vehicles, self._occupancy, self._windows
        for id_, lat, lon, ts in zip(ids, lats, lons, times, strict=True):
            cell = locate(lat, lon, resolution)
            number = ts // WINDOW_MS
            counts = windows.get(number)
            if counts is None:
                counts = windows[number] = {}
            counts[cell] = counts.get(cell, 0) + 1
            before = vehicles.get(id_)
            if before is not None and before[1] > ts:
                continue
            vehicles[id_] = (cell, ts)
            if before is None or before[0] != cell:
                occupancy[cell] = occupancy.get(cell, 0) + 1
                if before is not None:
                    occupancy[before[0]] -= 1
        self._newest[partition] = max(self._newest[partition], *times)
        self.readings += len(times)

    def close(self) -> Iterator[dict[str, int]]:
        """Yield a record for each cell of the windows that are over by now."""
        before = (min(self._newest) - _GRACE_MS) // WINDOW_MS
        if before <= self._closed:
            return
        self._closed = before
        for number in sorted(number for number in self._windows if number < before):
            for cell, count in self._windows.pop(number).items():
                yield {
                    "cell": cell,
                    "window": number * WINDOW_MS,
                    "count": count,
                    "occupancy": self._occupancy[cell],
                }
