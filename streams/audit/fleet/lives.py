"""The lives of one partition's vehicles: to whom they belong, which readings are news, when they fall silent.

    first reading ... last reading --- stale_after ---> missing --- amend_horizon ---> archived: the life ends

All of it by event time: the watermark before a reading decides whether its vehicle is missing or archived then. During
a life the vehicle belongs to the operator of its first reading. A reading is news if it is newer than all before it and
than the moment since which the vehicle is missing.

Computed over whole columns. Between two silences of a vehicle "newer than all before" is a running
maximum; so each round follows every vehicle up to its next silence, and the rest of its readings go into
the next round. There are as many rounds as one vehicle has silences, two for each life, and later rounds hold
only what comes after a silence.
"""

from dataclasses import dataclass

import polars as pl

from streams.audit.rules import Rules

_END = 2**62
"""Position of the row that stands for the end of the log."""


@dataclass(frozen=True, slots=True)
class Lives:
    """What became of the candidates of a partition.

    readings  pos, vehicle, life, owner (operator number), ours (not of another operator), news
    silences  vehicle, life, owner, pos (of the reading that found it silent), at (missing since, ms)
    ended     vehicle, life, ended_at (the watermark at which the life ended)
    """

    readings: pl.DataFrame
    silences: pl.DataFrame
    ended: pl.DataFrame


def trace(candidates: pl.DataFrame, end: int, rules: Rules) -> Lives:
    """Follow all vehicles; `end` is the watermark at the end of the log.

    `candidates`: pos, vehicle and operator (numbers), ts, met, missing (it reports that state), by pos.
    """
    rest = _beginning(candidates, end)
    readings: list[pl.DataFrame] = []
    silences: list[pl.DataFrame] = []
    ended: list[pl.DataFrame] = []
    while len(rest) or not readings:
        phase = _follow(rest, rules)
        found = phase.filter("due").unique("vehicle", keep="first", maintain_order=True)
        at = found.select("vehicle", pl.col("pos").alias("found_at"))
        if len(found):
            phase = phase.join(at, on="vehicle", how="left", maintain_order="left")
            done = phase.filter(pl.col("found_at").is_null() | (pl.col("pos") < pl.col("found_at")))
            later = phase.filter(pl.col("pos") >= pl.col("found_at")).drop("found_at")
        else:
            done, later = phase, phase.clear()
        readings.append(
            done.filter(pl.col("pos") < _END).select("pos", "vehicle", "life", "owner", "ours", "news")
        )
        silent = found.filter(~pl.col("was_missing"))
        silences.append(
            silent.select("vehicle", "life", "owner", "pos", (pl.col("before") + rules.stale_ms).alias("at"))
        )
        over = found.filter("was_missing")
        ended.append(over.select("vehicle", "life", (pl.col("before") + rules.horizon_ms).alias("ended_at")))
        rest = _go_on(later, found, rules)
    return Lives(
        pl.concat(readings).sort("pos"),
        pl.concat(silences).sort("vehicle", "at"),
        pl.concat(ended),
    )


def _beginning(candidates: pl.DataFrame, end: int) -> pl.DataFrame:
    """Return the rows of the first round: each vehicle's readings, and the end of the log."""
    readings = candidates.select("vehicle", "pos", "operator", "ts", "met", "missing")
    ends = readings.select(pl.col("vehicle").unique()).with_columns(
        pl.lit(_END, pl.Int64).alias("pos"),
        pl.lit(0, readings.schema["operator"]).alias("operator"),
        pl.lit(0, pl.Int64).alias("ts"),
        pl.lit(end, pl.Int64).alias("met"),
        pl.lit(False).alias("missing"),
    )
    return (
        pl.concat([readings, ends])
        .sort("vehicle", "pos")
        .with_columns(
            pl.lit(0, pl.Int64).alias("floor"),  # not news unless newer than this
            pl.lit(False).alias("gone"),  # missing since `floor`
            pl.lit(None, readings.schema["operator"]).alias("owner"),
            pl.lit(0, pl.Int32).alias("life"),
        )
    )


def _follow(rest: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Add owner, ours, before (newest until then), news, was_missing and due: as if nobody fell silent here."""
    first = pl.col("vehicle").ne_missing(pl.col("vehicle").shift(1))
    heard = pl.when("ours").then("ts").otherwise(0).cum_max().over("vehicle")
    if rest["missing"].any():
        told = pl.when("news").then("missing").forward_fill().over("vehicle").shift(1)
        was_missing = pl.when(first).then(pl.col("gone")).otherwise(told.fill_null(pl.col("gone")))
    else:
        was_missing = pl.col("gone") & (pl.col("before") == pl.col("floor"))
    wait = pl.when("was_missing").then(rules.horizon_ms).otherwise(rules.stale_ms)
    return (
        rest.with_columns(pl.coalesce("owner", pl.col("operator").first().over("vehicle")))
        .with_columns(((pl.col("operator") == pl.col("owner")) & (pl.col("pos") < _END)).alias("ours"))
        .with_columns(heard.alias("heard"))
        .with_columns(
            pl.max_horizontal(
                pl.when(first).then(0).otherwise(pl.col("heard").shift(1, fill_value=0)), "floor"
            ).alias("before")
        )
        .with_columns((pl.col("ours") & (pl.col("ts") > pl.col("before"))).alias("news"))
        .with_columns(was_missing.alias("was_missing"))
        .with_columns(((pl.col("before") > 0) & (pl.col("before") + wait <= pl.col("met"))).alias("due"))
    )


def _go_on(later: pl.DataFrame, found: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return the rows of the next round: missing since a moment, or at the start of another life."""
    silent = ~pl.col("was_missing")
    start = found.select(
        "vehicle",
        pl.when(silent).then(pl.col("before") + rules.stale_ms).otherwise(0).alias("floor"),
        silent.alias("gone"),
        pl.when(silent).then("owner").alias("owner"),
        pl.when(silent).then("life").otherwise(pl.col("life") + 1).cast(pl.Int32).alias("life"),
    )
    rows = later.select("vehicle", "pos", "operator", "ts", "met", "missing")
    return rows.join(start, on="vehicle", how="left", maintain_order="left")
