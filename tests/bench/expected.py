"""What every contestant must find, computed in batch with Polars and H3 from the readings themselves."""

from dataclasses import dataclass
from functools import lru_cache

import h3.api.basic_int as h3
import polars as pl

from tests.bench.frames import positions_of
from tests.bench.workload import WINDOW_MS, Workload

Counts = dict[tuple[int, int], int]
"""(cell, window start in ms) to the number of readings."""
Occupancy = dict[int, int]
"""Cell to the number of vehicles whose newest position is there; cells with none are left out."""


@dataclass(frozen=True, slots=True)
class Expected:
    """`present` counts all vehicles, `standing` those that do not ride."""

    counts: Counts
    present: Occupancy
    standing: Occupancy


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many figures were compared, and how many of them differ."""

    compared: int
    wrong: int

    def __add__(self, other: "Verdict") -> "Verdict":
        return Verdict(self.compared + other.compared, self.wrong + other.wrong)


def compare[K](found: dict[K, int], expected: dict[K, int]) -> Verdict:
    """Compare key for key; one that is missing differs, and so does one too many. Zeros do not count."""
    have = {key: value for key, value in found.items() if value}
    keys = have.keys() | expected.keys()
    return Verdict(len(expected), sum(have.get(key) != expected.get(key) for key in keys))


@lru_cache(maxsize=2)
def expected(workload: Workload) -> Expected:
    """Return the counts per (cell, window) and the occupancy at the end, closing readings left out."""
    found = positions_of(workload)
    locate = h3.latlng_to_cell
    cells = [
        locate(lat, lon, workload.resolution)
        for lat, lon in zip(found.lat.tolist(), found.lon.tolist(), strict=True)
    ]
    readings = pl.DataFrame(
        {
            "vehicle": found.vehicle,
            "ts": found.ts,
            "rides": found.rides,
            "cell": pl.Series(cells, dtype=pl.UInt64),
        }
    ).with_columns(window=pl.col("ts") // WINDOW_MS * WINDOW_MS)
    counts = readings.group_by("cell", "window").len()
    newest = readings.sort("ts").group_by("vehicle").last()
    return Expected(
        counts={(cell, window): n for cell, window, n in counts.iter_rows()},
        present=dict(newest.group_by("cell").len().iter_rows()),
        standing=dict(newest.filter(~pl.col("rides")).group_by("cell").len().iter_rows()),
    )
