"""Rows that retention has dropped are not missed."""

import polars as pl

from streams.audit.schema import Table
from streams.audit.values import newest

_DAY_MS = 86_400_000


def still_kept(
    table: Table, expected: pl.DataFrame, found: pl.DataFrame, time: str, days: int, last: int | None = None
) -> pl.DataFrame:
    """Leave out rows that retention has dropped: absent, and older than what is kept behind the newest row.

    `last` is the time of that, where `found` is not the whole table.
    """
    last = newest(found[time]) if last is None else last
    dropped = expected.filter(pl.col(time) < last - days * _DAY_MS).join(
        found, on=list(table.key), how="anti"
    )
    return expected.join(dropped, on=list(table.key), how="anti") if len(dropped) else expected
