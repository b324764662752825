"""Each table of a snapshot against the batch: what is compared, and what is left out because it may still move."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from streams import topics
from streams.audit import batch
from streams.audit.batch import COUNTED, Partition
from streams.audit.compare import Comparison, compare
from streams.audit.moving import Moving
from streams.audit.rules import Rules
from streams.audit.schema import TABLES, Table

_DAY_MS = 86_400_000
_INDEX_BITS = 20
"""A refusal's sequence is its record's offset and, in this many bits, its place in the record."""
REFUSALS = Table(
    "refusals",
    ("source", "sequence"),
    {"reason": pl.String(), "count": pl.Int64()},
    (pl.String(), pl.Int64()),
)
"""Not a table of the database: the fleet's refusals as they stand on ub.rejected."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Days behind its newest row for which a table keeps rows."""

    windows: int
    vehicle_events: int


class Judge:
    """Compares the tables of one snapshot with what the log up to the snapshot's offsets makes of them.

    `moving` is None where everything has come to rest: then every row is judged.
    """

    def __init__(
        self,
        partitions: Sequence[Partition],
        tables: Mapping[str, pl.DataFrame],
        rules: Rules,
        *,
        moving: Moving | None,
        kept: Kept,
        limit: int,
    ) -> None:
        self._partitions = partitions
        self._tables = tables
        self._rules = rules
        self._moving = moving
        self._kept = kept
        self._limit = limit

    def ledger(self) -> Comparison:
        """Compare ub.ledger; a partition of which nothing was received may have no row."""
        found = self._tables["ledger"].filter((pl.col("stage") == "fleet") & (pl.col("received") > 0))
        expected = batch.ledger(self._partitions).filter(pl.col("received") > 0)
        return compare(TABLES["ledger"], expected, found, self._limit)

    def vehicle_state(self) -> Comparison:
        """Compare ub.vehicle_state."""
        return compare(TABLES["vehicle_state"], self._vehicles(), self._tables["vehicle_state"], self._limit)

    def vehicle_event(self) -> Comparison:
        """Compare ub.vehicle_event, as far back as it is kept."""
        table = TABLES["vehicle_event"]
        found = self._tables["vehicle_event"]
        expected = _stacked(table, [partition.vehicle_event for partition in self._partitions])
        expected = _still_kept(table, expected, found, "at", self._kept.vehicle_events)
        return compare(table, expected, found, self._limit)

    def cell_now(self) -> Comparison:
        """Compare ub.cell_now; a row that counts nobody is as good as none."""
        moving = self._moving
        found = self._tables["cell_now"].filter(
            pl.any_horizontal(pl.col(name) != 0 for name in (*COUNTED, "occupancy"))
        )

        def may_move(unequal: pl.DataFrame) -> pl.DataFrame:
            assert moving is not None
            return unequal.join(moving.slots, on=["cell", "operator"], how="semi")

        expected = batch.cell_now(self._vehicles(), self._rules)
        return compare(TABLES["cell_now"], expected, found, self._limit, may_move if moving else None)

    def cell_window(self, until: int | None = None) -> Comparison:
        """Compare ub.cell_window, as far back as it is kept; with `until` only windows that end by then (ms)."""
        table, moving = TABLES["cell_window"], self._moving
        found = self._tables["cell_window"]
        expected = batch.cell_window([partition.entries for partition in self._partitions], self._rules)
        expected = _with_empty_rows(expected, found)
        expected = _still_kept(table, expected, found, "window_start", self._kept.windows)
        if until is not None:
            ends_in_time = pl.col("window_start") + pl.col("window_s") * 1000 <= until
            expected, found = expected.filter(ends_in_time), found.filter(ends_in_time)

        def may_move(unequal: pl.DataFrame) -> pl.DataFrame:
            assert moving is not None
            end = pl.col("window_start") + pl.col("window_s") * 1000
            newest = self._tables["cell_window"].group_by("region").agg(end.max().alias("told"))
            with_bounds = unequal.join(
                moving.windows, on=["cell", "operator"], how="left", maintain_order="left"
            ).join(newest, left_on="region_e", right_on="region", how="left", maintain_order="left")
            concerned = (pl.col("window_start") >= pl.col("since")).fill_null(False)
            # Windows close in order: where a later one of the region is in the table, this one was closed.
            closed = end <= pl.max_horizontal(pl.lit(moving.closed), pl.col("told").fill_null(0))
            return with_bounds.filter(concerned | (~pl.col("in_f") & ~closed))

        return compare(table, expected, found, self._limit, may_move if moving else None)

    def rejected_count(self, refusals: pl.DataFrame) -> Comparison:
        """Compare ub.rejected_count with the records of ub.rejected that it reflects."""
        expected = batch.rejected_count(refusals)
        return compare(TABLES["rejected_count"], expected, self._tables["rejected_count"], self._limit)

    def refusals(self, refusals: pl.DataFrame, offsets: Mapping[int, int]) -> Comparison:
        """Compare the fleet's refusals up to `offsets` with those that stand on ub.rejected."""
        source = pl.format("fleet/{}/{}@0", pl.lit(topics.VEHICLES), "partition").alias("source")
        sequence = (pl.col("offset") * 2**_INDEX_BITS + pl.col("index")).alias("sequence")
        parts = [
            partition.refused.select(source, sequence, "reason", "count") for partition in self._partitions
        ]
        limits = pl.DataFrame(
            {
                "source": [f"fleet/{topics.VEHICLES}/{partition}@0" for partition in offsets],
                "last": list(offsets.values()),
            },
            schema={"source": pl.String, "last": pl.Int64},
        )
        found = (
            refusals.join(limits, on="source", how="inner")
            .filter(pl.col("sequence") < (pl.col("last") + 1) * 2**_INDEX_BITS)
            .unique(["source", "sequence"], keep="first", maintain_order=True)
        )
        return compare(REFUSALS, _stacked(REFUSALS, parts), found, self._limit)

    def _vehicles(self) -> pl.DataFrame:
        return _stacked(TABLES["vehicle_state"], [partition.vehicle_state for partition in self._partitions])


def _stacked(table: Table, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    nothing = pl.DataFrame(schema=table.schema)
    return pl.concat([nothing, *(frame.select(nothing.columns).cast(table.schema) for frame in frames)])  # type: ignore[arg-type]


def _with_empty_rows(expected: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Add the rows that the table has although nothing counts in them any more: late data took it back.

    They are right where their flows are 0 and their occupancy is that of the slot's row before them.
    """
    key = ["window_start", "window_s", "cell", "operator"]
    flows = ("readings", "arrivals", "departures")
    empty = found.filter(pl.all_horizontal(pl.col(name) == 0 for name in flows)).join(
        expected, on=key, how="anti"
    )
    if not len(empty):
        return expected
    slot = ["cell", "operator"]
    carried = (
        empty.drop("occupancy")
        .sort("window_start")
        .join_asof(
            expected.sort("window_start").select("window_start", *slot, "occupancy"),
            on="window_start",
            by=slot,
            strategy="backward",
            check_sortedness=False,
        )
        .with_columns(pl.col("occupancy").fill_null(0))
    )
    return pl.concat([expected, carried.select(expected.columns)])


def _still_kept(
    table: Table, expected: pl.DataFrame, found: pl.DataFrame, time: str, days: int
) -> pl.DataFrame:
    """Leave out rows that retention has dropped: absent, and older than what is kept behind the newest row."""
    newest = batch.newest(found[time])
    dropped = expected.filter(pl.col(time) < newest - days * _DAY_MS).join(
        found, on=list(table.key), how="anti"
    )
    return expected.join(dropped, on=list(table.key), how="anti") if len(dropped) else expected
