"""Stored windows of vehicles, in the order of time: what `urbanbrain policy backtest` reads."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

Row = tuple[datetime, str, str, str, int]
"""End of the window, region, cell (hex string), operator, vehicles standing."""


def windows_span(connection: Connection[Any]) -> tuple[datetime, datetime, timedelta] | None:
    """Return the end of the first and of the last window on file, and their length; None: there are none."""
    row = connection.execute(
        "SELECT min(window_start + window_s * INTERVAL '1 s'), max(window_start + window_s * INTERVAL '1 s'), "
        "max(window_s) * INTERVAL '1 s' FROM ub.cell_window"
    ).fetchone()
    return None if row is None or row[0] is None else (row[0], row[1], row[2])


def standing_at(connection: Connection[Any], at: datetime, length: timedelta) -> list[Row]:
    """Return what stood in every cell at an end of windows: of each (cell, operator) its last row up to there.

    Where there is none any more, as retention took it, the first row afterwards says what stood there before it.
    """
    return connection.execute(
        """
        WITH before AS (
            SELECT DISTINCT ON (cell, operator) cell, operator, region, occupancy FROM ub.cell_window
            WHERE window_start <= %(at)s::timestamptz - %(length)s
            ORDER BY cell, operator, window_start DESC
        ), after AS (
            SELECT DISTINCT ON (cell, operator) cell, operator, region, occupancy - arrivals + departures AS occupancy
            FROM ub.cell_window
            WHERE window_start > %(at)s::timestamptz - %(length)s
            ORDER BY cell, operator, window_start
        )
        SELECT %(at)s::timestamptz, region, ub.to_hex(cell), operator, occupancy FROM (
            TABLE before
            UNION ALL
            SELECT * FROM after
            WHERE occupancy > 0 AND (cell, operator) NOT IN (SELECT cell, operator FROM before)) AS found
        ORDER BY region, cell, operator
        """,
        {"at": at, "length": length},
    ).fetchall()


def standing_between(
    connection: Connection[Any], after: datetime, end: datetime, length: timedelta
) -> Iterator[Row]:
    """Yield the rows of windows that end after the one and not after the other, by end."""
    with connection.transaction(), connection.cursor(name="standing") as cursor:
        cursor.itersize = 20_000
        yield from cursor.execute(
            """
            SELECT window_start + %(length)s, region, ub.to_hex(cell), operator, occupancy FROM ub.cell_window
            WHERE window_start > %(after)s::timestamptz - %(length)s
              AND window_start <= %(end)s::timestamptz - %(length)s
            ORDER BY window_start, region, cell, operator
            """,
            {"after": after, "end": end, "length": length},
        )
