"""The grid fold on windows of metrics: every source tells its rows several times, then the windows close.

A row is told by two sources, as a cell with two sensors is. What closes goes out at the next tick; after it comes
a checkpoint, as a worker has them.
"""

import statistics
import time
from collections.abc import Iterable, Sequence

import numpy as np

from schemas import codec
from schemas.cells import CellsMetrics
from schemas.partials import MetricCounts, SensingPartial
from streams import topics
from streams.fold.contract import Output
from streams.fold.sketch import bins_of
from streams.grid import locate
from streams.grid.state import GridState
from tests.bench.cells import city, record
from tests.bench.workload import T0_MS, WINDOW_MS

METRICS = ("temperature", "humidity", "wind_speed", "rain")
SOURCES = 4
_TELLERS = 2
_TELLS = 3
_WINDOWS = 12
_FIRST = 3
"""The first windows meet the cells; they are not counted."""
_READINGS = 20
_POOL = 1_000
_MILLION = 1_000_000
_SPLIT = 20  # schemas.partials.MetricCounts


class MetricPartials:
    """Makes partials of seeded readings for `rows` pairs of cell and metric."""

    def __init__(self, rows: int, resolution: int, seed: int = 1) -> None:
        cells = city(-(-rows // len(METRICS)), resolution)
        self._keys = [(cell, metric) for cell in cells for metric in METRICS][:rows]
        self._region = locate.Locator(resolution, 2).region(int(cells[0], 16))
        self._rng = np.random.default_rng(seed)
        self._columns = self._pool()
        self._told = 0

    def told_by(self, source: int) -> list[tuple[str, str]]:
        """Return the pairs that a source has readings of."""
        return [key for at, key in enumerate(self._keys) if (source - at) % SOURCES < _TELLERS]

    def partial(self, source: int, start: int, keys: Sequence[tuple[str, str]], watermark: int) -> bytes:
        """Return what a source tells of the window that begins at `start`."""
        self._told += 1
        take = self._rng.integers(0, _POOL, len(keys)).tolist()
        windows = MetricCounts(
            [start] * len(keys),
            [cell for cell, _ in keys],
            [metric for _, metric in keys],
            *([column[at] for at in take] for column in self._columns),
        )
        return codec.encode(
            SensingPartial(
                region=self._region,
                source=source,
                sources=SOURCES,
                generation=0,
                offset=self._told,
                newest_ts=watermark,
                watermark=watermark,
                window_ms=WINDOW_MS,
                windows=windows,
            )
        )

    def _pool(self) -> list[list[object]]:
        """Return the columns from readings to bin_counts of some rows; values around 15, which all METRICS can have."""
        values = np.rint(self._rng.normal(15, 2, (_POOL, _READINGS)) * _MILLION).astype(np.int64)
        a, b = values >> _SPLIT, values & (1 << _SPLIT) - 1
        bins = bins_of(values.ravel() / _MILLION).reshape(values.shape)
        sketches = [np.unique(row, return_counts=True) for row in bins]
        sums = (values.sum(1), (a * a).sum(1), (a * b).sum(1), (b * b).sum(1), values.min(1), values.max(1))
        return [
            [_READINGS] * _POOL,
            *(column.tolist() for column in sums),
            [found.tolist() for found, _ in sketches],
            [counts.tolist() for _, counts in sketches],
        ]


def _rows(outputs: Iterable[Output]) -> int:
    messages = [codec.cells.decode(output.value) for output in outputs]
    return sum(len(message.rows.cell) for message in messages if isinstance(message, CellsMetrics))


def measure(grid: GridState, rows: int, resolution: int) -> dict[str, float]:
    """Return partial rows a second of a core, and CPU milliseconds of the ticks in which `rows` rows are told."""
    made = MetricPartials(rows, resolution)
    mine = [made.told_by(source) for source in range(SOURCES)]
    told = _TELLS * sum(map(len, mine))
    spent, ticks = [], []
    offset = 0
    for window in range(_WINDOWS):
        start = T0_MS + window * WINDOW_MS
        end = start + WINDOW_MS
        values = [made.partial(s, start, mine[s], start) for _ in range(_TELLS) for s in range(SOURCES)]
        closing = [made.partial(s, start, [], end) for s in range(SOURCES)]
        begin = time.process_time()
        for value in values:
            offset += 1
            grid.apply(record(topics.PARTIALS, offset, value, T0_MS))
            grid.idle(offset)
            grid.take_outputs(at_checkpoint=False)
        for value in closing:
            offset += 1
            grid.apply(record(topics.PARTIALS, offset, value, T0_MS))
        closed = time.process_time()
        grid.idle(offset)
        out = grid.take_outputs(at_checkpoint=False)
        while grid.has_more():  # a tick tells a portion
            out += grid.take_outputs(at_checkpoint=False)
        ticked = time.process_time()
        grid.take_changes()
        done = time.process_time()
        if _rows(out) != rows:
            raise ValueError(f"window {window}: {_rows(out)} rows closed in the tick, expected {rows}")
        if window >= _FIRST:
            spent.append(done - begin)
            ticks.append((ticked - closed) * 1000)
    return {
        "metric_rows_per_core_s": told / statistics.median(spent),
        "metric_tick_ms": statistics.median(ticks),
    }
