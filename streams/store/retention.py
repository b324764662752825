"""Forget old rows, in both editions of TimescaleDB (see migrations/0006_retention.sql).

Old means: before the newest row of the table minus the days to keep. So a replay of 2016 stays
while it is being written, whatever the wall clock says.
"""

import asyncio
import logging
from contextlib import suppress

import psycopg

from streams.retry import Waiting, retrying
from streams.settings import Settings
from streams.store.session import Session

log = logging.getLogger(__name__)

_INTERVAL_S = 3600.0
_AGAIN_S = 60.0
"""After so long what could not be dropped is tried again."""

_WAIT_SHORTLY = "SET LOCAL lock_timeout = '1s'"
"""Who reads a chunk, as a dump does for hours, holds up its drop, and the drop holds up all who come after it."""

_OLD_REQUESTS = """
DELETE FROM ub.request
WHERE status <> 'open'
  AND updated_at < (SELECT least(max(updated_at), now()) FROM ub.request) - make_interval(days => %s)
"""


_OLD_ALERTS = """
WITH newest AS (SELECT least(max(updated_at), now()) - make_interval(days => %(days)s) AS until FROM ub.alert),
     old AS MATERIALIZED (
         SELECT alert_id, kind, subject, region, ends_at, evidence -> 'health' AS health,
                starts_at + coalesce((evidence #>> '{health,patience_ms}')::bigint, 0) / 4 * INTERVAL '1 ms' AS since
         FROM ub.alert WHERE status = 'cleared' AND updated_at < (SELECT until FROM newest)
     ),
     -- That a sensor on file was taken as removed is known from alerts alone (0033_who_is_gone_is_not_heard.sql): of
     -- each the first stays that ended though nothing was heard since it began.
     silent AS (
         SELECT s.sensor_id, s.metric, o.region, o.ends_at, o.alert_id
         FROM old o JOIN ub.sensor_state s ON s.sensor_id = o.subject
         WHERE o.kind = 'sensor_silent' AND s.ts < o.ends_at AND s.ts <= o.since
         UNION ALL
         SELECT s.sensor_id, s.metric, o.region, o.ends_at, o.alert_id
         FROM old o JOIN ub.sensor_state s ON s.owner = o.subject
         WHERE o.kind = 'feed_silent' AND s.ts < o.ends_at AND s.ts <= o.since
           AND o.health ->> 'feed' = 'sensors' AND NOT coalesce(o.health -> 'heard' ? s.sensor_id, false)
     ),
     kept AS (
         SELECT DISTINCT ON (sensor_id, metric, region) alert_id
         FROM silent ORDER BY sensor_id, metric, region, ends_at, alert_id
     ),
     gone AS (
         DELETE FROM ub.alert a USING old
         WHERE a.alert_id = old.alert_id AND a.alert_id NOT IN (SELECT alert_id FROM kept)
         RETURNING a.alert_id
     ),
     actions AS (DELETE FROM ub.alert_action x USING gone WHERE x.alert_id = gone.alert_id),
     parts AS (DELETE FROM ub.incident_alert x USING old WHERE x.alert_id = old.alert_id),
     incidents AS (DELETE FROM ub.incident WHERE status <> 'active' AND updated_at < (SELECT until FROM newest))
SELECT count(*) FROM gone
"""

_OLD_SILENCES = "DELETE FROM ub.silence WHERE ends_at < now() - make_interval(days => %s)"


async def forget_old_rows(settings: Settings) -> None:
    """Forget hourly, for good; every worker asks, the database does it once.

    On a connection of its own, so that no commit waits for it.
    """
    wait_s = _INTERVAL_S
    while True:
        await asyncio.sleep(wait_s)
        url = settings.database_url.get_secret_value()
        async with Session(url, application_name=f"{settings.worker_id} retention") as session:
            wait_s = await _forget(session, settings)


async def _forget(session: Session, settings: Settings) -> float:
    """Forget once; return the seconds until the next time."""
    waiting = Waiting()
    dropped = await retrying(lambda: drop_old_chunks(session, settings), None, waiting)
    deleted = await retrying(lambda: delete_old_requests(session, settings), None, waiting)
    alerts = await retrying(lambda: delete_old_alerts(session, settings), None, waiting)
    log.info("retention dropped chunks: %s; deleted requests: %d, alerts: %d", dropped, deleted, alerts)
    return _AGAIN_S if None in dropped.values() else _INTERVAL_S


async def drop_old_chunks(session: Session, settings: Settings) -> dict[str, int | None]:
    """Drop chunks that lie wholly outside what `settings` keeps; return how many, by table.

    None: somebody reads one of them, and it was not dropped.
    """
    keep_days = {
        "cell_window": settings.retain_windows_days,
        "sensor_window": settings.retain_sensor_windows_days,
        "request_window": settings.retain_request_windows_days,
        "alert_event": settings.retain_alert_events_days,
        "vehicle_event": settings.retain_vehicle_events_days,
        "rejected": settings.retain_rejected_days,
    }
    return {table: await _drop_all(session, table, days) for table, days in keep_days.items()}


async def _drop_all(session: Session, table: str, days: int) -> int | None:
    total = 0
    while dropped := await _drop_some(session, table, days):
        total += dropped
    return None if dropped is None else total


async def _drop_some(session: Session, table: str, days: int) -> int | None:
    """Drop some of the oldest chunks, in a transaction of its own: dropping a chunk locks its table."""
    async with session.transaction() as connection:
        with suppress(psycopg.errors.LockNotAvailable):
            async with connection.transaction():
                await connection.execute(_WAIT_SHORTLY)
                cursor = await connection.execute(
                    "SELECT ub.drop_old_chunks(%s, make_interval(days => %s))", (table, days)
                )
                ((dropped,),) = await cursor.fetchall()
                return int(dropped)
    return None


async def delete_old_alerts(session: Session, settings: Settings) -> int:
    """Delete alerts that were cleared longer ago than `settings` keeps them, with what people did about them.

    Incidents that were over by then go too, and silences by the wall clock. An alert stays that says of a sensor that
    it was taken as removed. Returns how many alerts.
    """
    async with session.transaction() as connection:
        cursor = await connection.execute(_OLD_ALERTS, {"days": settings.retain_alerts_days})
        ((deleted,),) = await cursor.fetchall()
        await connection.execute(_OLD_SILENCES, (settings.retain_silences_days,))
    return int(deleted)


async def delete_old_requests(session: Session, settings: Settings) -> int:
    """Delete requests that are not open and of which nothing was heard for as long as `settings` keeps them.

    Their stage has forgotten them long ago: settings see to it. Returns how many.
    """
    async with session.transaction() as connection:
        cursor = await connection.execute(_OLD_REQUESTS, (settings.retain_requests_days,))
        return cursor.rowcount
