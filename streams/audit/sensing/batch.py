"""The tables of sensors as they must be after a log, and the books of each partition.

Of every sensor and metric the set of distinct (ts, value, cell) counts: a value is a whole number of millionths of the
metric's canonical unit. The log's order says only whose a sensor is, that of the owner who is heard first, and which
readings come too late.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from streams import topics
from streams.audit import cells, sketch
from streams.audit.books import by_partition, ledger_of, refused
from streams.audit.lateness import clock_of
from streams.audit.records import Taken
from streams.audit.rules import Rules
from streams.audit.schema import TABLES
from streams.audit.sensing.admission import admit
from streams.audit.sensing.metrics import METRICS, STATUSES
from streams.audit.stage import Counted, Partition
from streams.audit.values import newest
from streams.errors import CannotAudit

_SLOT = ("window_start", "cell", "metric")
_SERIES = ("sensor_id", "metric")
_PER_UNIT = 10**6
_ROWS = {
    "window_start": pl.Int64(),
    "cell": pl.Int64(),
    "metric": pl.String(),
    "millionths": pl.Int64(),
}
_UNITS = {name: unit for name, (_, unit, _, _) in METRICS.items()}


@dataclass(frozen=True, slots=True)
class SensingPartition(Partition):
    """What one partition of ub.sensors contributes to the tables.

    rows     ub.sensor_state
    counted  offset, window_start, cell, metric, millionths of every distinct reading
    """

    rows: pl.DataFrame
    counted: pl.DataFrame


ADDED = Counted[SensingPartition](
    schema=_ROWS,
    of=lambda partition, _rules: partition.counted,
    rest=lambda partition: replace(partition, counted=partition.counted.clear()),
)


def compute(taken: Taken, rules: Rules) -> list[SensingPartition]:
    """Return what each partition of a log of ub.sensors contributes."""
    return by_partition(taken, lambda number, own: _partition(number, own, rules))


def _partition(number: int, taken: Taken, rules: Rules) -> SensingPartition:
    admitted = admit(taken.readings, rules)
    clock = clock_of(admitted)
    rejects = refused([admitted], taken.bad_frames)
    located = cells.locate(admitted.filter(pl.col("reason").is_null()), rules.resolution)
    distinct = located.unique([*_SERIES, "ts", "millionths", "cell"], keep="first", maintain_order=True)
    _check_crowding(number, located, rules)
    start = (pl.col("ts") // rules.window_ms * rules.window_ms).alias("window_start")
    return SensingPartition(
        number=number,
        ledger=ledger_of(taken.readings, taken.bad_frames, rejects, applied=len(distinct)),
        refused=rejects,
        clock=clock,
        watermark=newest(clock["after"]),
        rows=_sensor_state(located),
        counted=distinct.select("offset", start, "cell", "metric", "millionths"),
    )


def _check_crowding(number: int, readings: pl.DataFrame, rules: Rules) -> None:
    """Refuse a log with more series than the partition keeps: which of them it forgets is not computed here."""
    series = readings.select(_SERIES).n_unique()
    if series > rules.most_series:
        raise CannotAudit(
            f"partition {number} of {topics.SENSORS} heard of {series:,} series (sensor and metric) and keeps "
            f"UB_MAX_SERIES_PER_PARTITION={rules.most_series:,}: some were forgotten, and the audit does not compute "
            "which; raise the setting or the number of partitions for the next log"
        )


def _sensor_state(readings: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of ub.sensor_state: the newest reading of each series.

    Of several at once that with the greatest value, cell, status, lat, lon; of equal ones the first in the log.
    """
    status = pl.col("status").replace_strict(
        {name: rank for rank, name in enumerate(STATUSES)}, return_dtype=pl.Int8
    )
    last = readings.sort("ts", "millionths", "cell", status, "lat", "lon", -pl.col("pos"))
    return (
        last.unique(_SERIES, keep="last", maintain_order=True)
        .with_columns(
            (pl.col("millionths") / _PER_UNIT).alias("value"),
            pl.col("metric").replace_strict(_UNITS, return_dtype=pl.String).alias("unit"),
        )
        .select(list(TABLES["sensor_state"].schema))
    )


def sensor_window(partitions: Sequence[SensingPartition], rules: Rules) -> pl.DataFrame:
    """Return the rows of ub.sensor_window, from the readings of all partitions."""
    nothing = pl.DataFrame(schema=_ROWS)
    counted = [partition.counted.select(nothing.columns) for partition in partitions]
    return window_rows(pl.concat([nothing, *counted]), rules)


def window_rows(counted: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return the rows of ub.sensor_window, from all readings of some windows, with the columns of `ADDED.schema`."""
    counted = counted.with_columns(sketch.bins_of(counted["millionths"]).alias("bin"))
    value = pl.col("millionths")
    exact = value.cast(pl.Int128)
    sums = counted.group_by(_SLOT).agg(
        pl.len().cast(pl.Int64).alias("readings"),
        exact.sum().alias("sum"),
        (exact * exact).sum().alias("squares"),
        (value.min() / _PER_UNIT).alias("least"),
        (value.max() / _PER_UNIT).alias("most"),
    )
    n = pl.col("readings").cast(pl.Int128)
    spread = (n * pl.col("squares") - pl.col("sum") * pl.col("sum")).cast(pl.Float64)
    pairs = pl.col("readings").cast(pl.Float64) * (pl.col("readings") - 1)
    figures = sums.with_columns(
        (pl.col("sum").cast(pl.Float64) / _PER_UNIT).alias("total"),
        pl.when(pl.col("readings") > 1).then((spread / pairs).sqrt() / _PER_UNIT).alias("stddev"),
        pl.col("metric").replace_strict(_UNITS, return_dtype=pl.String).alias("unit"),
        pl.lit(rules.window_ms // 1000, pl.Int64).alias("window_s"),
    ).with_columns((pl.col("total") / pl.col("readings")).alias("mean"))
    sketches = sketch.merged(counted, _SLOT, {"median": 0.5, "p95": 0.95})
    rows = figures.join(sketches, on=list(_SLOT), how="left").with_columns(
        pl.col(name).clip("least", "most") for name in ("median", "p95")
    )
    return cells.regions(rows, rules.region_resolution).select(list(TABLES["sensor_window"].schema))
