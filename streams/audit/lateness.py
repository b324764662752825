"""Event time of one partition: the watermark that each reading meets, and which readings come too late."""

import polars as pl

from streams.audit.rules import Rules


def meet(readings: pl.DataFrame, unusable: pl.Expr, rules: Rules) -> pl.DataFrame:
    """Return the readings of one partition with `pos` (0..n-1), `met`, `after` and `reason`.

    `unusable` is the reason why a reading's values cannot be used, null where they can. Only usable readings move
    the watermark; the ones refused as too late, and afterwards, have moved it. `met` and `after` are the
    watermark before and after the reading, `reason` is null where it may count so far. A publisher's clock
    cannot carry the watermark beyond the time at which the gateway had its reading.
    """
    basis = (
        pl.when(pl.col("reason").is_null())
        .then(pl.min_horizontal("ts", "received_at").clip(0))
        .otherwise(0)
        .cum_max()
    )
    late = pl.col("ts") < pl.col("met") - rules.horizon_ms
    return (
        readings.with_row_index("pos")
        .with_columns(pl.col("pos").cast(pl.Int64), unusable.alias("reason"))
        .with_columns(basis.alias("basis"))
        .with_columns(
            (pl.col("basis") - rules.lateness_ms).clip(0).alias("after"),
            (pl.col("basis").shift(1, fill_value=0) - rules.lateness_ms).clip(0).alias("met"),
        )
        .with_columns(
            pl.when(pl.col("reason").is_not_null())
            .then("reason")
            .when(late)
            .then(pl.lit("too_late"))
            .alias("reason")
        )
        .drop("basis")
    )


def clock_of(readings: pl.DataFrame) -> pl.DataFrame:
    """Return offset and after, one row per record: the watermark behind it."""
    return readings.group_by("offset", maintain_order=True).agg(pl.col("after").last())


def reached(frame: pl.DataFrame, at: str, clock: pl.DataFrame) -> pl.DataFrame:
    """Add `offset`: the record that carried the watermark to the moment in column `at`."""
    first = clock.unique("after", keep="first", maintain_order=True)
    return frame.sort(at).join_asof(first, left_on=at, right_on="after", strategy="forward")
