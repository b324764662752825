"""Which readings of one partition of ub.sensors may count, their values in canonical units, and their owners."""

import polars as pl

from streams.audit.admission import ID, bad_place, bad_time
from streams.audit.lateness import meet
from streams.audit.rules import Rules
from streams.audit.sensing.metrics import METRICS, STATUSES
from streams.audit.sensing.units import conversion

_PER_UNIT = 10**6


def admit(readings: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return the readings of one partition with what `lateness.meet` adds, and `millionths`.

    Checked in this order: place, time, status, metric, unit, the value's range; then lateness; then ids, and whose
    the sensor is.
    """
    in_units = _converted(readings).with_columns(
        (pl.col("canonical") * _PER_UNIT).round(mode="half_to_even").alias("rounded")
    )
    met = meet(in_units, _unusable(), rules)
    named = pl.col("sensor_id").str.contains(ID) & pl.col("owner").str.contains(ID)
    met = met.with_columns(pl.coalesce("reason", pl.when(~named).then(pl.lit("bad_id"))).alias("reason"))
    owners = (
        met.filter(pl.col("reason").is_null())
        .unique("sensor_id", keep="first", maintain_order=True)
        .select("sensor_id", pl.col("owner").alias("first_owner"))
    )
    owned = met.join(owners, on="sensor_id", how="left", maintain_order="left")
    foreign = pl.when(pl.col("owner") != pl.col("first_owner")).then(pl.lit("operator_conflict"))
    return owned.with_columns(
        pl.coalesce("reason", foreign).alias("reason"),
        pl.col("rounded").cast(pl.Int64, strict=False).alias("millionths"),
    )


def _unusable() -> pl.Expr:
    in_range = pl.col("rounded").is_between(pl.col("lowest") * _PER_UNIT, pl.col("highest") * _PER_UNIT)
    too_many = (pl.col("metric") == "free_spaces") & (pl.col("value") > pl.col("capacity"))
    return pl.coalesce(
        bad_place(),
        bad_time(),
        pl.when(~pl.col("status").is_in(STATUSES)).then(pl.lit("wrong_type")),
        pl.when(pl.col("wanted_kind").is_null() | (pl.col("kind") != pl.col("wanted_kind"))).then(
            pl.lit("unknown_metric")
        ),
        pl.when(pl.col("factor").is_null()).then(pl.lit("bad_unit")),
        pl.when(~in_range | too_many.fill_null(False)).then(pl.lit("value_out_of_range")),
    )


def _converted(readings: pl.DataFrame) -> pl.DataFrame:
    """Add what is known of the metric, the conversion of the unit, and the value in the canonical unit."""
    known = pl.DataFrame(
        [(name, kind, unit, low, high) for name, (kind, unit, low, high) in METRICS.items()],
        {
            "metric": pl.String,
            "wanted_kind": pl.String,
            "canon": pl.String,
            "lowest": pl.Float64,
            "highest": pl.Float64,
        },
        orient="row",
    )
    pairs = readings.select("metric", "unit").unique().join(known, on="metric")
    conversions = [conversion(*row) for row in pairs.select("metric", "unit", "canon").rows()]
    units = pairs.select("metric", "unit").with_columns(
        pl.Series("factor", [c[0] if c else None for c in conversions], pl.Float64),
        pl.Series("added", [c[1] if c else None for c in conversions], pl.Float64),
    )
    return (
        readings.join(known, on="metric", how="left", maintain_order="left")
        .join(units, on=["metric", "unit"], how="left", nulls_equal=True, maintain_order="left")
        .with_columns((pl.col("value") * pl.col("factor") + pl.col("added")).alias("canonical"))
    )
