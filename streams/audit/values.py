"""Small things that every part of the audit needs."""

from datetime import UTC, datetime

import polars as pl


def moment(ms: int) -> str:
    """Return milliseconds since the epoch as UTC."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def newest(column: pl.Series) -> int:
    """Return the greatest value of a column of integers, 0 where it has none."""
    greatest = column.max()
    return greatest if isinstance(greatest, int) else 0
