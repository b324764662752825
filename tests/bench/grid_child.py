"""The grid fold alone: partials of four sources in; live cells, closed windows and table rows out.

Each partial of a fleet tells as many live cells as window rows; metric_rows.py has the partials of sensors. As in a
worker, what changed is taken out after each record (a tick), and what is to be stored after every CHECKPOINT of them.
"""

import json
import statistics
import time
from collections.abc import Iterator

import h3
import numpy as np

from schemas import codec
from schemas.partials import FleetPartial, SlotCounts, WindowCounts
from streams import topics
from streams.grid import locate
from streams.grid.state import GridConfig, GridState
from tests.bench import marks, metric_rows
from tests.bench.cells import beginning, city, pairs, record
from tests.bench.workload import T0_MS, WINDOW_MS

SOURCES = 4
CHECKPOINT = 50
_TICKS = 40
_CONFIG = GridConfig(
    window_ms=WINDOW_MS, amend_horizon_ms=600_000, idle_timeout_ms=5_000, forget_source_ms=3_600_000
)


def geometry(cell: int) -> dict[str, object]:
    """Return the row of ub.cell_geometry, as the worker makes it."""
    lat, lon = locate.centre(cell)
    text = locate.to_hex(cell)
    boundary = json.dumps(locate.boundary_geojson(cell))
    return {
        "cell": cell,
        "hex": text,
        "resolution": h3.get_resolution(text),
        "lat": lat,
        "lon": lon,
        "boundary": boundary,
    }


class Partials:
    """Makes partials of seeded counts."""

    def __init__(self, cells: int, resolution: int, seed: int = 1) -> None:
        self._rng = np.random.default_rng(seed)
        self._pairs = pairs(city(cells, resolution))
        self._region = locate.Locator(resolution, 2).region(int(self._pairs[0][0], 16))

    def partial(self, number: int, live: int, windows: int) -> bytes:
        """Return the partial `number`, with so many live cells and so many rows of windows."""
        return self._encoded(number, self._some(live), self._some(windows))

    def tick(self, number: int, dirty: int) -> list[bytes]:
        """Return a partial of each source, with `dirty` live cells in all."""
        some, share = self._some(dirty), dirty // SOURCES
        parts = [some[source * share : (source + 1) * share] for source in range(SOURCES)]
        return [self._encoded(number * SOURCES + source, part, []) for source, part in enumerate(parts)]

    def _some(self, count: int) -> list[tuple[str, str]]:
        return [
            self._pairs[index] for index in self._rng.choice(len(self._pairs), count, replace=False).tolist()
        ]

    def _encoded(self, number: int, took: list[tuple[str, str]], rows: list[tuple[str, str]]) -> bytes:
        now_ms, live, windows = T0_MS + number * 500, len(took), len(rows)
        counts = self._rng.integers(0, 40, (8, max(live, windows))).tolist()
        start = now_ms // WINDOW_MS * WINDOW_MS
        now = SlotCounts(
            [c for c, _ in took], [o for _, o in took], *[column[:live] for column in counts[:5]]
        )
        told = WindowCounts(
            [start] * windows,
            [c for c, _ in rows],
            [o for _, o in rows],
            *[column[:windows] for column in counts[5:]],
        )
        return codec.encode(
            FleetPartial(
                region=self._region,
                source=number % SOURCES,
                sources=SOURCES,
                generation=0,
                offset=number,
                newest_ts=now_ms,
                watermark=now_ms - 10_000,
                window_ms=WINDOW_MS,
                now=now,
                windows=told,
            )
        )


def throughput(made: Partials, partials: int, size: int) -> tuple[marks.Mark, marks.Mark]:
    """Fold partials of `size` live cells and `size` window rows."""
    values = [made.partial(number, size, size) for number in range(partials)]
    grid = GridState(_CONFIG, geometry, beginning())
    marks.settled()
    begin = marks.now()
    for number, value in enumerate(values):
        grid.apply(record(topics.PARTIALS, number, value, T0_MS))
        grid.idle(number * 20)
        at_checkpoint = number % CHECKPOINT == CHECKPOINT - 1
        grid.take_outputs(at_checkpoint=at_checkpoint)
        if at_checkpoint:
            grid.take_changes()
    return begin, marks.now(partials * 2 * size)


def tick_ms(made: Partials, dirty: int) -> Iterator[tuple[float, float]]:
    """Yield CPU milliseconds of ticks with `dirty` cells: what the tick itself takes, and with the fold before it."""
    grid = GridState(_CONFIG, geometry, beginning())
    ticks = [made.tick(tick, dirty) for tick in range(_TICKS)]
    for tick, values in enumerate(ticks):
        begin = time.process_time()
        for source, value in enumerate(values):
            grid.apply(record(topics.PARTIALS, tick * SOURCES + source, value, T0_MS))
        folded = time.process_time()
        grid.idle(tick * 20)
        grid.take_outputs(at_checkpoint=False)
        end = time.process_time()
        if tick >= _TICKS // 4:  # the first ticks meet the cells
            yield (end - folded) * 1000, (end - begin) * 1000


def main() -> None:
    """Measure."""
    asked = marks.spec()
    cells, resolution = asked["cells"], asked["resolution"]
    begin, end = throughput(Partials(cells, resolution), asked["partials"], asked["size"])
    ticks = list(tick_ms(Partials(cells, resolution), asked["dirty"]))
    metrics = metric_rows.measure(GridState(_CONFIG, geometry, beginning()), asked["dirty"], resolution)
    marks.report(
        begin=begin,
        end=end,
        tick_ms=statistics.median(tick for tick, _ in ticks),
        tick_with_fold_ms=statistics.median(whole for _, whole in ticks),
        **metrics,
    )


if __name__ == "__main__":
    main()
