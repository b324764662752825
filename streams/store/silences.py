"""Silences as they are now, for those who send."""

from collections.abc import Sequence
from datetime import datetime

from psycopg.rows import class_row

from streams.store.alert_desk import SilenceRow
from streams.store.notifications import Connection


async def silences(connection: Connection) -> Sequence[SilenceRow]:
    """Return the silences that are not over: those too that began since this transaction, which may have waited."""
    async with connection.cursor(row_factory=class_row(SilenceRow)) as cursor:
        return await (
            await cursor.execute(
                "SELECT silence_id, matchers, starts_at, ends_at, created_by, comment, state "
                "FROM api.silences WHERE state <> 'expired'"
            )
        ).fetchall()


async def mark_of_silences(connection: Connection) -> tuple[tuple[int, int], datetime]:
    """Return what is another pair of numbers once a silence was made, changed or ended, and the time; at little cost.

    The time is by the database's clock, and not before the silences were looked at.
    """
    cursor = await connection.execute(
        # a row that was changed is of another transaction (xmin)
        "SELECT count(*), coalesce(sum(hashtextextended(silence_id || ' ' || xmin::text, 0)), 0), clock_timestamp() "
        "FROM ub.silence WHERE ends_at > now()"
    )
    ((count, sum_, now),) = await cursor.fetchall()
    return (int(count), int(sum_)), now
