"""Where each vehicle was, as the windows see it: one row per (vehicle, life, ts), sorted by them.

A reading is an entry if it was news or not older than the watermark that it met; that a vehicle fell silent is
one too, at the moment since which it is missing. Of several with the same (vehicle, ts) the first in the log
stays. Columns:

    partition, offset, vehicle_id, life, ts, operator, state, cell
    heard    someone reported it (not so: a vehicle that fell silent)
    news     it was the vehicle's newest when it came
    stands   the cell where the vehicle stands from here on, null where it does not stand
    stood    the cell where it stood before
    after    the watermark behind it, at the end of its record for silences
"""

import polars as pl

from streams.audit.fleet.lives import Lives
from streams.audit.lateness import reached

STANDING = ("available", "non_operational", "reserved", "non_contactable")


def entries(readings: pl.DataFrame, lives: Lives, clock: pl.DataFrame) -> pl.DataFrame:
    """Return the entries of one partition.

    `readings` are its candidates with `pos`, `life`, `ours`, `news`, `cell`, ...; `clock` has one row per
    record: offset, after (the watermark behind it).
    """
    heard = readings.filter(pl.col("ours") & (pl.col("news") | (pl.col("ts") >= pl.col("met")))).select(
        "partition",
        "offset",
        "vehicle",
        "vehicle_id",
        "life",
        "ts",
        "operator",
        pl.col("vehicle_state").alias("state"),
        "cell",
        pl.lit(True).alias("heard"),
        "news",
        (pl.col("pos") * 2 + 1).alias("order"),
    )
    both = pl.concat([heard, _silent(readings, lives, clock).select(heard.columns)])
    same_life = (pl.col("vehicle") == pl.col("vehicle").shift(1)) & (
        pl.col("life") == pl.col("life").shift(1)
    )
    return (
        both.sort("vehicle", "life", "ts", "order")
        .filter(~(same_life & (pl.col("ts") == pl.col("ts").shift(1))).fill_null(False))
        .with_columns(pl.when(pl.col("state").is_in(STANDING)).then("cell").alias("stands"))
        .with_columns(pl.when(same_life).then(pl.col("stands").shift(1)).alias("stood"))
        .drop("order")
    )


def silences(readings: pl.DataFrame, lives: Lives) -> pl.DataFrame:
    """Return the silences with the reading that was the vehicle's newest: its pos is `last`, the others by name."""
    last = readings.filter("news").select(
        "vehicle",
        pl.col("pos").alias("last"),
        "vehicle_id",
        "operator",
        pl.col("ts").alias("last_ts"),
        "lat",
        "lon",
        "cell",
        "partition",
    )
    return lives.silences.sort("pos").join_asof(
        last.sort("last"),
        left_on="pos",
        right_on="last",
        by="vehicle",
        strategy="backward",
        allow_exact_matches=False,
        check_sortedness=False,
    )


def _silent(readings: pl.DataFrame, lives: Lives, clock: pl.DataFrame) -> pl.DataFrame:
    """Return the entries of vehicles that fell silent; `offset` is the record that carried the watermark there."""
    return reached(silences(readings, lives), "at", clock).select(
        "vehicle",
        "vehicle_id",
        "life",
        "operator",
        "cell",
        "partition",
        "offset",
        pl.col("at").alias("ts"),
        pl.lit("missing").alias("state"),
        pl.lit(False).alias("heard"),
        pl.lit(True).alias("news"),
        (pl.col("pos") * 2).alias("order"),
    )
