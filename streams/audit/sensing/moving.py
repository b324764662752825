"""What may still move in ub.sensor_window on a running system: the windows of readings that came after `low`."""

from collections.abc import Mapping, Sequence

import polars as pl

from streams.audit.rules import Rules
from streams.audit.sensing.batch import SensingPartition
from streams.audit.stage import Moving, closed

_BOUNDS = {"cell": pl.Int64, "metric": pl.String, "since": pl.Int64, "upto": pl.Int64}


def moving(partitions: Sequence[SensingPartition], low: Mapping[int, int], rules: Rules) -> Moving:
    """Return what may move. `partitions` come from the whole log, `low` is the offset for each of them."""
    window = pl.col("window_start")
    fresh = [
        partition.counted.filter(pl.col("offset") > low.get(partition.number, -1)).select(
            "cell", "metric", window.alias("since"), window.alias("upto")
        )
        for partition in partitions
    ]
    return Moving(pl.concat([pl.DataFrame(schema=_BOUNDS), *fresh]).unique(), closed(partitions, low))
