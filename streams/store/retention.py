"""Forget old rows of the hypertables, in both editions of TimescaleDB (see migrations/0006_retention.sql).

Old means: before the newest row of the table minus the days to keep. So a replay of 2016 stays
while it is being written, whatever the wall clock says.
"""

from streams.settings import Settings
from streams.store.session import Session


async def drop_old_chunks(session: Session, settings: Settings) -> dict[str, int]:
    """Drop chunks that lie wholly outside what `settings` keeps; return how many, by table."""
    keep_days = {
        "cell_window": settings.retain_windows_days,
        "alert_event": settings.retain_alert_events_days,
        "vehicle_event": settings.retain_vehicle_events_days,
        "rejected": settings.retain_rejected_days,
    }
    dropped = {}
    for table, days in keep_days.items():
        # a transaction for each: dropping a chunk locks its table
        async with session.transaction() as connection:
            cursor = await connection.execute(
                "SELECT ub.drop_old_chunks(%s, make_interval(days => %s))", (table, days)
            )
            ((dropped[table],),) = await cursor.fetchall()
    return dropped
