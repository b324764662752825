"""What the sensing contestant must find, computed in batch with Polars and H3, and what it told."""

from collections.abc import Sequence
from typing import Any

import h3.api.basic_int as h3
import polars as pl

from schemas import codec
from schemas.partials import SensingPartial
from streams import topics
from streams.fold.contract import Output
from streams.fold.sketch import RELATIVE_ACCURACY, quantiles
from tests.bench.expected import Verdict, compare
from tests.bench.folding import Told, table
from tests.bench.sensors import NAMES, Network, measured_by, sensor_id
from tests.bench.workload import WINDOW_MS

Key = tuple[Any, ...]
_MILLION = 1_000_000
_SUMS = ("readings", "total", "least", "most")


def verdict(network: Network, told: Told) -> Verdict:
    """Compare count, sum, extremes and median of every (window, cell, metric), and the newest state of every sensor."""
    readings = _readings(network)
    sums, medians = _windows(readings)
    found, sketches = _told(told.outputs)
    newest = {
        (row["sensor_id"], row["metric"]): round(row["value"] * _MILLION)
        for row in table(told.changes, "sensor_state", ("sensor_id", "metric")).values()
    }
    return compare(found, sums) + _near(sketches, medians) + compare(newest, _newest(readings))


def _readings(network: Network) -> pl.DataFrame:
    """Return the distinct readings, values in millionths."""
    found = measured_by(network)
    locate, resolution = h3.latlng_to_cell, network.resolution
    cells = [locate(*at, resolution) for at in zip(found.lat.tolist(), found.lon.tolist(), strict=True)]
    return pl.DataFrame(
        {
            "sensor": found.sensor,
            "metric": found.metric,
            "ts": found.ts,
            "value": (found.value * _MILLION).round().astype(int),
            "cell": pl.Series(cells, dtype=pl.UInt64).gather(found.sensor),
        }
    ).unique()


def _windows(readings: pl.DataFrame) -> tuple[dict[Key, int], dict[Key, int]]:
    grouped = readings.group_by(pl.col("ts") // WINDOW_MS * WINDOW_MS, "cell", "metric").agg(
        pl.len().cast(pl.Int64).alias("readings"),
        pl.col("value").sum().alias("total"),
        pl.col("value").min().alias("least"),
        pl.col("value").max().alias("most"),
        pl.col("value").quantile(0.5, "lower").cast(pl.Int64).alias("median"),
    )
    sums, medians = {}, {}
    for start, cell, metric, *values, median in grouped.iter_rows():
        key = (start, f"{cell:x}", NAMES[metric])
        sums |= {(*key, name): value for name, value in zip(_SUMS, values, strict=True) if value}
        medians[key] = median
    return sums, medians


def _newest(readings: pl.DataFrame) -> dict[Key, int]:
    newest = readings.sort("ts").group_by("sensor", "metric").last()
    return {
        (sensor_id(sensor), NAMES[metric]): value
        for sensor, metric, value in newest.select("sensor", "metric", "value").iter_rows()
        if value
    }


def _told(outputs: Sequence[Output]) -> tuple[dict[Key, int], dict[Key, tuple[list[int], list[int]]]]:
    """Return the sums and the sketch that were told last of each row."""
    sums: dict[Key, int] = {}
    sketches: dict[Key, tuple[list[int], list[int]]] = {}
    for output in outputs:
        if output.topic != topics.PARTIALS:
            continue
        partial = codec.partial.decode(output.value)
        assert isinstance(partial, SensingPartial)
        rows = partial.windows
        keys = list(zip(rows.window_start, rows.cell, rows.metric, strict=True))
        for name in _SUMS:
            sums |= {(*key, name): value for key, value in zip(keys, getattr(rows, name), strict=True)}
        sketches |= dict(zip(keys, zip(rows.bins, rows.bin_counts, strict=True), strict=True))
    return sums, sketches


def _near(sketches: dict[Key, tuple[list[int], list[int]]], medians: dict[Key, int]) -> Verdict:
    """Count the medians that are further from the exact ones than a sketch may be."""
    wrong = 0
    for key, exact in medians.items():
        found = quantiles(*sketches[key], [0.5])[0] * _MILLION if key in sketches else None
        wrong += found is None or abs(found - exact) > (RELATIVE_ACCURACY + 1e-6) * abs(exact)
    return Verdict(len(medians), wrong)
