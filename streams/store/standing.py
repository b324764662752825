"""Stored windows of vehicles and metrics, in the order of time: what `urbanbrain policy backtest` reads."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

Row = tuple[datetime, str, str, str, int]
"""End of the window, region, cell (hex string), operator, vehicles standing."""
Measured = tuple[datetime, int, str, str, str, str, float, float, float]
"""Start of the window, its seconds, region, cell (hex string), metric, unit, mean, least, most."""
Quiet = tuple[str, str, datetime, datetime | None]
"""Region, operator, since when rules on too few of its vehicles were held back, until when (None: still)."""


def windows_span(connection: Connection[Any]) -> tuple[datetime, datetime, timedelta] | None:
    """Return the end of the first and of the last window on file, and their length; None: there are none."""
    row = connection.execute(
        """
        SELECT f.window_start + f.window_s * INTERVAL '1 s', l.window_start + l.window_s * INTERVAL '1 s',
               l.window_s * INTERVAL '1 s'
        FROM (SELECT window_start, window_s FROM ub.cell_window ORDER BY window_start LIMIT 1) f,
             (SELECT window_start, window_s FROM ub.cell_window ORDER BY window_start DESC LIMIT 1) l
        """
    ).fetchone()
    return None if row is None else (row[0], row[1], row[2])


def standing_at(connection: Connection[Any], at: datetime, length: timedelta) -> list[Row]:
    """Return what stood in every cell at the end of a window: the last row up to then of each (cell, operator).

    If retention deleted that row, the first row afterwards tells what stood there before it. Each pair is looked up by
    itself, as it would take long to read months of windows. The pairs come from `ub.cell_now`, which has each that ever
    had a vehicle, and from the hour before, for those that had one for a moment only, by late readings.
    """
    return connection.execute(
        """
        WITH known AS (
            SELECT cell, operator FROM ub.cell_now
            UNION
            SELECT cell, operator FROM ub.cell_window
            WHERE window_start <= %(at)s::timestamptz - %(length)s
              AND window_start > %(at)s::timestamptz - %(length)s - INTERVAL '1 hour'
        )
        SELECT %(at)s::timestamptz, coalesce(before.region, after.region), ub.to_hex(cell), operator,
               coalesce(before.occupancy, after.occupancy)
        FROM known
        LEFT JOIN LATERAL (
            SELECT region, occupancy FROM ub.cell_window w
            WHERE w.cell = known.cell AND w.operator = known.operator
              AND window_start <= %(at)s::timestamptz - %(length)s
            ORDER BY window_start DESC LIMIT 1) AS before ON true
        LEFT JOIN LATERAL (
            SELECT region, occupancy - arrivals + departures AS occupancy FROM ub.cell_window w
            WHERE before.region IS NULL AND w.cell = known.cell AND w.operator = known.operator
              AND window_start > %(at)s::timestamptz - %(length)s
            ORDER BY window_start LIMIT 1) AS after ON true
        WHERE before.region IS NOT NULL OR after.occupancy > 0
        ORDER BY 2, 3, 4
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


def metrics_span(connection: Connection[Any], metrics: Sequence[str]) -> tuple[datetime, datetime] | None:
    """Return the start of the first window of these metrics on file, and the end of the last; None: there are none."""
    row = connection.execute(
        """
        WITH w AS NOT MATERIALIZED (
            SELECT window_start, window_s FROM ub.sensor_window WHERE metric = ANY(%(metrics)s)
        )
        SELECT f.window_start, l.window_start + l.window_s * INTERVAL '1 s'
        FROM (SELECT * FROM w ORDER BY window_start LIMIT 1) f, (SELECT * FROM w ORDER BY window_start DESC LIMIT 1) l
        """,
        {"metrics": list(metrics)},
    ).fetchone()
    return None if row is None else (row[0], row[1])


def measured_between(
    connection: Connection[Any], metrics: Sequence[str], begin: datetime, end: datetime
) -> Iterator[Measured]:
    """Yield the windows of these metrics that start at the one or later and before the other, by start."""
    with connection.transaction(), connection.cursor(name="measured") as cursor:
        cursor.itersize = 20_000
        yield from cursor.execute(
            """
            SELECT window_start, window_s, region, ub.to_hex(cell), metric, unit, mean, least, most
            FROM ub.sensor_window
            WHERE metric = ANY(%(metrics)s) AND window_start >= %(begin)s AND window_start < %(end)s
            ORDER BY window_start, window_s, region, cell, metric
            """,
            {"metrics": list(metrics), "begin": begin, "end": end},
        )


def silences(connection: Connection[Any], begin: datetime, end: datetime, lateness: timedelta) -> list[Quiet]:
    """Return when no positions of an operator were heard in a region, as alerts told it, by the time of live counts.

    Alerts have the watermark's, which is behind it by the allowed `lateness`.
    """
    return connection.execute(
        """
        SELECT region, subject, held_from, held_until FROM (
            SELECT region, subject, ends_at + %(lateness)s AS held_until, starts_at + %(lateness)s
                   + (evidence #>> '{health,patience_ms}')::bigint * INTERVAL '1 millisecond' AS held_from
            FROM ub.alert WHERE kind = 'feed_silent' AND evidence #>> '{health,feed}' = 'vehicles') AS told
        WHERE held_from < %(end)s AND (held_until IS NULL OR held_until >= %(begin)s)
        ORDER BY region, subject, held_from
        """,
        {"begin": begin, "end": end, "lateness": lateness},
    ).fetchall()
