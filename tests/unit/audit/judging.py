"""What the tests of all stages' tables share: right tables, spoilt ones, and what is said of them."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from streams.audit.compare import Comparison
from streams.audit.schema import TABLES

KEPT = dict.fromkeys(("cell_window", "sensor_window", "request_window", "request", "vehicle_event"), 90)


def as_stored(frames: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Return frames with the columns and types that a snapshot has."""
    return {
        name: frame.select(list(TABLES[name].schema)).cast(TABLES[name].schema)  # type: ignore[arg-type]
        for name, frame in frames.items()
    }


def changed(frame: pl.DataFrame, where: pl.Expr, **values: Any) -> pl.DataFrame:
    """Return a frame with other values in some of its rows."""
    return frame.with_columns(
        pl.when(where).then(value).otherwise(name).alias(name) for name, value in values.items()
    )


def found(comparison: Comparison) -> list[str]:
    """Return the differences, all of which were described."""
    assert comparison.differing == len(comparison.differences)
    return [str(difference) for difference in comparison.differences]
