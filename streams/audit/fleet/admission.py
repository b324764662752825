"""Which readings of one partition of ub.vehicles may count, and the watermark that each of them meets.

Checked in this order: the operator's id and the values, then lateness, then the vehicle's id.
"""

import polars as pl

from streams.audit.admission import ID, bad_place, bad_time
from streams.audit.lateness import meet
from streams.audit.rules import Rules

_STATES = (
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
_TYPES = ("bicycle", "cargo_bicycle", "scooter_standing", "scooter_seated", "moped", "other")


def admit(readings: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return the readings of one partition with what `lateness.meet` adds."""
    known = pl.col("vehicle_state").is_in(_STATES) & pl.col("vehicle_type").is_in(_TYPES)
    unusable = pl.coalesce(
        pl.when(~pl.col("operator").str.contains(ID)).then(pl.lit("bad_id")),
        bad_place(),
        bad_time(),
        pl.when(~known).then(pl.lit("wrong_type")),
    )
    nameless = pl.when(~pl.col("vehicle_id").str.contains(ID)).then(pl.lit("bad_id"))
    return meet(readings, unusable, rules).with_columns(pl.coalesce("reason", nameless).alias("reason"))
