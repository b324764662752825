"""What may still move in the tables of a running system, and so must not be judged.

The grid's tables reflect a state of the log somewhere between two offsets: `low`, up to which everything from the fleet
had certainly arrived when the tables were read, and the end of the log, read after that. A row that no reading in
between affects is the same in all of these states, and can be judged. Which rows a reading affects is taken widely: all
cells in which its vehicle was since `low`, or just before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import polars as pl

from streams.audit.fleet.batch import FleetPartition
from streams.audit.rules import Rules
from streams.audit.stage import Moving, closed
from streams.audit.windows import FOREVER

_SLOT = ("cell", "operator")


@dataclass(frozen=True, slots=True)
class FleetMoving(Moving):
    """Rows that may still move; `slots`: cell, operator of rows of cell_now."""

    slots: pl.DataFrame

    def joined(self, other: Self) -> Self:
        """Return what may move by either."""
        both = super(FleetMoving, self).joined(other)
        return replace(both, slots=pl.concat([self.slots, other.slots]).unique())


def moving(partitions: Sequence[FleetPartition], low: Mapping[int, int], rules: Rules) -> FleetMoving:
    """Return what may move. `partitions` come from the whole log, `low` is the offset for each of them."""
    slots, windows = [], []
    for partition in partitions:
        offset = low.get(partition.number, -1)
        slots.append(_moved(partition.entries, offset))
        windows.append(_flowed(partition.entries, offset, partition.watermark_at(offset), rules))
    nothing = pl.DataFrame(schema={"cell": pl.Int64, "operator": pl.String})
    never = pl.DataFrame(schema={"cell": pl.Int64, "operator": pl.String, "since": pl.Int64})
    since = pl.concat([never, *windows]).group_by(*_SLOT).agg(pl.col("since").min())
    return FleetMoving(
        windows=since.with_columns(pl.lit(FOREVER).alias("upto")),
        closed=closed(partitions, low),
        slots=pl.concat([nothing, *slots]).unique(),
    )


def _moved(entries: pl.DataFrame, offset: int) -> pl.DataFrame:
    """Return the slots that a vehicle entered, left, or changed its state in after `offset`."""
    news = entries.filter("news")
    fresh = news.filter(pl.col("offset") > offset)
    before = (
        news.filter(pl.col("offset") <= offset)
        .join(fresh.select("vehicle").unique(), on="vehicle", how="semi")
        .unique("vehicle", keep="last", maintain_order=True)
    )
    both = pl.concat([before, fresh])
    changes = both.group_by("vehicle").agg(
        (pl.struct("cell", "operator", "state").n_unique() > 1).alias("many"),
        (pl.col("offset") > offset).all().alias("is_new"),
    )
    changed = changes.filter(pl.col("many") | pl.col("is_new"))
    return both.join(changed, on="vehicle", how="semi").select(_SLOT).unique()


def _flowed(entries: pl.DataFrame, offset: int, watermark: int, rules: Rules) -> pl.DataFrame:
    """Return since which window a slot's rows may move: by readings after `offset`, and those that wait there.

    A count of readings that the watermark has not passed is told a checkpoint later than it is stored. One that was
    told provisionally is told again only when the watermark has passed the end of its window.
    """
    final_before = watermark // rules.window_ms * rules.window_ms
    unsure = entries.filter((pl.col("offset") > offset) | (pl.col("ts") >= final_before))
    since = unsure.group_by("vehicle").agg(pl.col("ts").min().alias("from"))
    concerned = entries.join(since, on="vehicle", how="inner").filter(pl.col("ts") >= pl.col("from"))
    window = (pl.col("from") // rules.window_ms * rules.window_ms).alias("since")
    cells = [
        concerned.select(pl.col(cell).alias("cell"), "operator", window)
        for cell in ("cell", "stands", "stood")
    ]
    return pl.concat(cells).drop_nulls("cell").group_by(*_SLOT).agg(pl.col("since").min())
