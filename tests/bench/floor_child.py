"""The framework-free floor: what a capable engineer gets from confluent-kafka, msgspec, h3 and numpy in an afternoon.

Newest cell per vehicle, vehicles per cell, readings per (cell, window), one record per closed (cell, window). Every
position is given to H3; nothing is stored, restored, refused or told apart by operator.
"""

from collections.abc import Sequence
from typing import Any

import h3.api.basic_int as h3
import msgspec
import numpy as np
from numpy.typing import NDArray

from tests.bench import kafka, marks
from tests.bench.decoding import decoder
from tests.bench.workload import WINDOW_MS

_RECORDS = 100
_GRACE_MS = 5_000


def grown(column: NDArray[np.int64], n: int, fill: int) -> NDArray[np.int64]:
    """Return a column with room for n values."""
    if n <= len(column):
        return column
    return np.concatenate([column, np.full(n, fill, np.int64)])


class Floor:
    """The state, and one frame's way into it."""

    def __init__(self, resolution: int, shape: str) -> None:
        self._resolution = resolution
        self._decode = decoder(shape)
        self._vehicles: dict[str, int] = {}
        self._cells: dict[int, int] = {}
        self._cell = np.full(1 << 16, -1, np.int64)  # by vehicle
        self._ts = np.zeros(1 << 16, np.int64)
        self.occupancy = np.zeros(1 << 14, np.int64)  # by cell
        self.windows: dict[int, NDArray[np.int64]] = {}

    def names(self) -> list[int]:
        """Return the cells by number."""
        return list(self._cells)

    def fold(self, value: bytes) -> tuple[int, int]:
        """Fold one frame in; returns its newest ts and its number of readings."""
        ids, lat, lon, times = self._decode(value)
        ts = np.array(times, np.int64)
        vehicle, cell = self._numbers(ids), self._located(lat, lon)
        self._count(cell, ts // WINDOW_MS)
        self._move(vehicle, cell, ts)
        return int(ts.max()), len(ts)

    def _numbers(self, ids: Sequence[str]) -> NDArray[np.int64]:
        known = self._vehicles
        found = np.array([known.setdefault(id_, len(known)) for id_ in ids], np.int64)
        self._cell, self._ts = grown(self._cell, len(known), -1), grown(self._ts, len(known), 0)
        return found

    def _located(self, lat: Sequence[float], lon: Sequence[float]) -> NDArray[np.int64]:
        known, locate, resolution = self._cells, h3.latlng_to_cell, self._resolution
        found = [locate(a, b, resolution) for a, b in zip(lat, lon, strict=True)]
        numbers = np.array([known.setdefault(cell, len(known)) for cell in found], np.int64)
        self.occupancy = grown(self.occupancy, len(known), 0)
        return numbers

    def _count(self, cell: NDArray[np.int64], window: NDArray[np.int64]) -> None:
        for number in np.unique(window).tolist():
            counts = grown(self.windows.get(number, np.zeros(1 << 14, np.int64)), len(self._cells), 0)
            np.add.at(counts, cell[window == number], 1)
            self.windows[number] = counts

    def _move(self, vehicle: NDArray[np.int64], cell: NDArray[np.int64], ts: NDArray[np.int64]) -> None:
        order = np.lexsort((ts, vehicle))
        vehicle, cell, ts = vehicle[order], cell[order], ts[order]
        newest = np.append(vehicle[1:] != vehicle[:-1], True)
        vehicle, cell, ts = vehicle[newest], cell[newest], ts[newest]
        newer = ts >= self._ts[vehicle]
        vehicle, cell, ts = vehicle[newer], cell[newer], ts[newer]
        before = self._cell[vehicle]
        moved = before != cell
        np.subtract.at(self.occupancy, before[moved & (before >= 0)], 1)
        np.add.at(self.occupancy, cell[moved], 1)
        self._cell[vehicle], self._ts[vehicle] = cell, ts


class Teller:
    """Writes closed windows to Kafka."""

    def __init__(self, bootstrap: str, topic: str, floor: Floor) -> None:
        self._producer = kafka.producer(bootstrap, **{"queue.buffering.max.messages": 2_000_000})
        self._topic = topic
        self._floor = floor

    def close(self, before: int) -> None:
        """Write the windows numbered below `before`."""
        floor = self._floor
        names = floor.names()
        for number in sorted(n for n in floor.windows if n < before):
            counts = floor.windows.pop(number)
            rows = np.flatnonzero(counts)
            told = zip(rows.tolist(), counts[rows].tolist(), floor.occupancy[rows].tolist(), strict=True)
            for count, (row, readings, occupancy) in enumerate(told):
                record = {
                    "cell": names[row],
                    "window": number * WINDOW_MS,
                    "count": readings,
                    "occupancy": occupancy,
                }
                self._producer.produce(self._topic, msgspec.json.encode(record), b"%x" % names[row])
                if not count % 5_000:
                    self._producer.poll(0)

    def flush(self) -> None:
        """Wait until all is confirmed."""
        self._producer.flush(60)


def main() -> None:
    """Fold a topic until its closing readings are seen in every partition."""
    asked = marks.spec()
    floor = Floor(asked["resolution"], asked["shape"])
    teller = Teller(asked["bootstrap"], asked["output"], floor)
    consumer: Any = kafka.consumer(asked["bootstrap"], asked["topic"], asked["partitions"])
    newest = [0] * asked["partitions"]
    closed = readings = 0
    begin = None
    while min(newest) < asked["end_ms"]:
        messages = consumer.consume(_RECORDS, 0.1)
        if messages and begin is None:
            marks.settled()
            begin = marks.now()
        for message in messages:
            ts, n = floor.fold(message.value())
            newest[message.partition()] = max(newest[message.partition()], ts)
            readings += n
        before = (min(newest) - _GRACE_MS) // WINDOW_MS
        if before > closed:
            closed = before
            teller.close(before)
    teller.flush()
    marks.report(begin=begin, end=marks.now(readings))


if __name__ == "__main__":
    main()
