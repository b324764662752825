"""Which readings of one partition may count, and the watermark that each of them meets.

Checked in this order: the operator's id and the values, then lateness, then the vehicle's id. Only readings
with usable values move the watermark; the ones refused afterwards have moved it.
"""

import polars as pl

from streams.audit.records import TIMES
from streams.audit.rules import Rules

STATES = (
    "available",
    "non_operational",
    "reserved",
    "on_trip",
    "non_contactable",
    "missing",
    "elsewhere",
    "removed",
)
"""Vehicle states of MDS 2.0, and its vehicle types."""
TYPES = ("bicycle", "cargo_bicycle", "scooter_standing", "scooter_seated", "moped", "other")
_ID = r"^[A-Za-z0-9_.:\-]{1,64}$"


def admit(readings: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return the readings of one partition with `pos` (0..n-1), `met`, `after` and `reason`.

    `met` and `after` are the watermark before and after the reading, `reason` is null where it may count so
    far. A publisher's clock cannot carry the watermark beyond the time at which the gateway had its reading.
    """
    unusable = _unusable()
    basis = (
        pl.when(unusable.is_null())
        .then(pl.min_horizontal("ts", "received_at").clip(0))
        .otherwise(0)
        .cum_max()
    )
    late = pl.col("ts") < pl.col("met") - rules.horizon_ms
    return (
        readings.with_row_index("pos")
        .with_columns(pl.col("pos").cast(pl.Int64), unusable.alias("reason"), basis.alias("basis"))
        .with_columns(
            (pl.col("basis") - rules.lateness_ms).clip(0).alias("after"),
            (pl.col("basis").shift(1, fill_value=0) - rules.lateness_ms).clip(0).alias("met"),
        )
        .with_columns(
            pl.when(pl.col("reason").is_not_null())
            .then("reason")
            .when(late)
            .then(pl.lit("too_late"))
            .when(~pl.col("vehicle_id").str.contains(_ID))
            .then(pl.lit("bad_id"))
            .alias("reason")
        )
        .drop("basis")
    )


def _unusable() -> pl.Expr:
    """Return the reason why a reading's values cannot be used, null where they can."""
    lat, lon, ts = pl.col("lat"), pl.col("lon"), pl.col("ts")
    known = pl.col("vehicle_state").is_in(STATES) & pl.col("vehicle_type").is_in(TYPES)
    return (
        pl.when(~pl.col("operator").str.contains(_ID))
        .then(pl.lit("bad_id"))
        .when(~(lat.is_finite() & lon.is_finite()))
        .then(pl.lit("number_out_of_range"))
        .when((lat.abs() > 90) | (lon.abs() > 180))
        .then(pl.lit("coordinate_out_of_range"))
        .when((ts < TIMES.start) | (ts >= TIMES.stop))
        .then(pl.lit("time_out_of_range"))
        .when(~known)
        .then(pl.lit("wrong_type"))
    )
