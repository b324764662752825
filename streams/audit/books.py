"""The books of all stages: ledgers, refusals, and the counts of refusals; and their comparison with what is found."""

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from streams.audit.compare import Comparison, compare
from streams.audit.records import Taken
from streams.audit.schema import TABLES, Table, stacked
from streams.audit.stage import Partition

_INDEX_BITS = 20
"""A refusal's sequence is its record's offset and, in this many bits, its place in the record."""
REFUSALS = Table(
    "refusals",
    ("source", "sequence"),
    {"reason": pl.String(), "count": pl.Int64()},
    (pl.String(), pl.Int64()),
)
"""Not a table of the database: the stages' refusals as they stand on ub.rejected."""
_REFUSED = {"offset": pl.Int64, "index": pl.Int32, "reason": pl.String, "count": pl.Int64}

_MOST_TOPICS = 1_000
_LONGEST_BYTES = 512
_OTHER_TOPICS = "ub/v1/#"

Stages = Sequence[tuple[str, str, Sequence[Partition]]]
"""(stage, topic, what its partitions come to)."""


# ------------------------------------------------------------------ of one partition


def by_partition[P](taken: Taken, compute: Callable[[int, Taken], P]) -> list[P]:
    """Compute partition by partition, given its number and what it holds."""
    return [compute(number, own) for number, own in taken.partitions()]


def refused(readings: Sequence[pl.DataFrame], bad_frames: pl.DataFrame) -> pl.DataFrame:
    """Return offset, index, reason and count of what was refused: the readings with a `reason`, and bad frames."""
    parts = [
        frame.filter(pl.col("reason").is_not_null()).select(
            "offset", "index", "reason", pl.lit(1).alias("count")
        )
        for frame in readings
    ]
    whole = bad_frames.select(
        "offset", pl.lit(0).alias("index"), pl.lit("bad_frame").alias("reason"), "count"
    )
    return pl.concat([frame.cast(_REFUSED) for frame in (*parts, whole)]).sort("offset", "index")  # type: ignore[arg-type]


def ledger_of(
    readings: pl.DataFrame, bad_frames: pl.DataFrame, refused: pl.DataFrame, applied: int
) -> dict[str, int]:
    """Return received = applied + superseded + rejected."""
    received, rejected = len(readings) + int(bad_frames["count"].sum()), int(refused["count"].sum())
    return {
        "received": received,
        "applied": applied,
        "superseded": received - applied - rejected,
        "rejected": rejected,
    }


# ------------------------------------------------------------------ tables


def ledger(stages: Stages) -> pl.DataFrame:
    """Return the rows of ub.ledger."""
    rows = [
        {"stage": stage, "topic": topic, "partition": p.number, **p.ledger}
        for stage, topic, partitions in stages
        for p in partitions
    ]
    return pl.DataFrame(rows, schema=TABLES["ledger"].schema)


def rejected_count(refusals: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of ub.rejected_count after a log of ub.rejected: each (source, sequence) counts once.

    Topics of single vehicles (more than four levels) are counted together, as `first/four/topic/levels/#`; and as
    `ub/v1/#` those of more than 512 bytes, and those that are met once a partition has a thousand.
    """
    once = refusals.unique(["partition", "source", "sequence"], keep="first", maintain_order=True)
    levels = pl.col("topic").str.split("/")
    together = pl.concat_str(levels.list.head(4).list.join("/"), pl.lit("/#"))
    once = once.with_columns(topic=pl.when(levels.list.len() > 4).then(together).otherwise(pl.col("topic")))
    is_long = pl.col("topic").str.len_bytes() > _LONGEST_BYTES
    once = once.with_columns(topic=pl.when(is_long).then(pl.lit(_OTHER_TOPICS)).otherwise(pl.col("topic")))
    met = once.select("partition", "topic").unique(keep="first", maintain_order=True)
    known = (
        met.group_by("partition", maintain_order=True)
        .head(_MOST_TOPICS)
        .with_columns(known=pl.lit(value=True))
    )
    once = once.join(known, on=["partition", "topic"], how="left").with_columns(
        topic=pl.when(pl.col("known")).then(pl.col("topic")).otherwise(pl.lit(_OTHER_TOPICS))
    )
    return once.group_by("partition", "topic", "reason").agg(pl.col("count").sum())


# ------------------------------------------------------------------ comparisons


def judge_ledger(stages: Stages, found: pl.DataFrame, limit: int) -> Comparison:
    """Compare ub.ledger; a partition of which nothing was received may have no row."""
    audited = pl.col("stage").is_in([stage for stage, _, _ in stages])
    some = pl.col("received") > 0
    return compare(TABLES["ledger"], ledger(stages).filter(some), found.filter(audited & some), limit)


def judge_refusals(
    stages: Stages, offsets: Mapping[str, Mapping[int, int]], refusals: pl.DataFrame, limit: int
) -> Comparison:
    """Compare the stages' refusals up to `offsets` (by topic and partition) with those that stand on ub.rejected."""
    parts, limits = [], []
    for stage, topic, partitions in stages:
        sequence = (pl.col("offset") * 2**_INDEX_BITS + pl.col("index")).alias("sequence")
        for p in partitions:
            source = pl.lit(_source(stage, topic, p.number)).alias("source")
            parts.append(p.refused.select(source, sequence, "reason", "count"))
        limits += [(_source(stage, topic, p), offset) for p, offset in offsets.get(topic, {}).items()]
    found = (
        refusals.join(
            pl.DataFrame(limits, schema={"source": pl.String, "last": pl.Int64}, orient="row"),
            on="source",
            how="inner",
        )
        .filter(pl.col("sequence") < (pl.col("last") + 1) * 2**_INDEX_BITS)
        .unique(["source", "sequence"], keep="first", maintain_order=True)
    )
    return compare(REFUSALS, stacked(REFUSALS, parts), found, limit)


def judge_rejected_count(refusals: pl.DataFrame, found: pl.DataFrame, limit: int) -> Comparison:
    """Compare ub.rejected_count with the records of ub.rejected that it reflects."""
    return compare(TABLES["rejected_count"], rejected_count(refusals), found, limit)


def _source(stage: str, topic: str, partition: int) -> str:
    return f"{stage}/{topic}/{partition}@0"
