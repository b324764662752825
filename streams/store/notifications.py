"""The queue of notifications: what each receiver is to be told, and what it was told.

A row is a function of an event and a receiver, and its key says so: an event that is read from the log again
adds nothing. Functions take the connection of a transaction of their caller.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row

from streams.store.alert_desk import SilenceRow
from streams.store.due import Due

Connection = AsyncConnection[Any]


_ENQUEUE = """
INSERT INTO ub.notification (receiver, alert_id, sequence, reason, body)
SELECT r.receiver, %(alert_id)s, %(sequence)s, 'event', %(body)s::jsonb
FROM unnest(%(receivers)s::text[], %(matching)s::boolean[]) AS r (receiver, matches)
WHERE (r.matches OR EXISTS (
       SELECT FROM ub.notification n
       WHERE n.receiver = r.receiver AND n.alert_id = %(alert_id)s AND n.sequence < %(sequence)s
         -- an escalation that is not due yet, or is kept back, tells nothing; when it does, it tells the newest
         AND (n.reason <> 'escalation' OR n.state = 'delivered' OR %(over)s
              OR (n.state <> 'silenced' AND n.due_at <= clock_timestamp()))
   )) AND NOT EXISTS ( -- a new receiver hears of open alerts as they are now, as does whom an escalation told;
       -- what Kafka holds of before is older
       SELECT FROM ub.notification n
       WHERE n.receiver = r.receiver AND n.alert_id = %(alert_id)s
         AND ((n.reason = 'event' AND n.sequence > %(sequence)s)
           OR (n.state = 'delivered' AND (n.body ->> 'sequence')::integer >= %(sequence)s))
   )
ON CONFLICT DO NOTHING
-- the snapshot is from before these rows
RETURNING receiver, NOT EXISTS (
    SELECT FROM ub.notification n
    WHERE n.receiver = notification.receiver AND n.alert_id = %(alert_id)s AND n.reason <> 'escalation'
)
"""

_ESCALATE = """
WITH sooner AS (
    UPDATE ub.notification SET due_at = least(due_at, clock_timestamp() + %(after)s)
    WHERE receiver = %(receiver)s AND alert_id = %(alert_id)s AND reason = 'escalation'
      -- not by the index of what is pending: statistics never hear of the thousands that wait after a mass event
      AND state || '' = 'pending'
)
INSERT INTO ub.notification (receiver, alert_id, sequence, reason, body, due_at)
SELECT %(receiver)s, %(alert_id)s, %(sequence)s, 'escalation', %(body)s::jsonb, clock_timestamp() + %(after)s
WHERE NOT EXISTS (
    SELECT FROM ub.notification
    WHERE receiver = %(receiver)s AND alert_id = %(alert_id)s AND reason = 'escalation'
)
ON CONFLICT DO NOTHING
"""

_ARE_OVERDUE = """
SELECT a.alert_id FROM ub.alert a JOIN ub.alert_handling h USING (alert_id)
WHERE a.status = 'active' AND NOT h.closed AND h.due_at <= clock_timestamp()
  -- most open alerts were never due: what holds of them is not asked
  AND EXISTS (SELECT FROM ub.alert_action x WHERE x.alert_id = a.alert_id AND x.due_at <= clock_timestamp())
"""

_QUEUE_OVERDUE = """
INSERT INTO ub.notification AS n (receiver, alert_id, sequence, reason, body, due_at)
SELECT %(to)s, a.alert_id, f.sequence, 'overdue', t.body, h.due_at
FROM ub.alert a
JOIN ub.alert_handling h USING (alert_id)
JOIN LATERAL (
    SELECT body FROM ub.notification
    WHERE receiver = %(receiver)s AND alert_id = a.alert_id AND reason <> 'escalation'
    ORDER BY sequence LIMIT 1
) t ON true
-- whoever was told of it, and escalates: it is one message
JOIN LATERAL (SELECT min(sequence) AS sequence FROM ub.notification WHERE alert_id = a.alert_id) f ON true
WHERE a.alert_id = ANY(%(among)s) AND a.status = 'active' AND NOT h.closed AND h.due_at <= clock_timestamp()
ON CONFLICT (receiver, alert_id, sequence, reason) DO UPDATE SET
    state = 'pending', kept = false, due_at = excluded.due_at, attempts = 0, done_at = NULL, note = NULL,
    body = excluded.body,
    earlier = CASE n.state
        WHEN 'delivered' THEN
            n.earlier || jsonb_build_array(jsonb_build_array(n.due_at, n.body -> 'updated_at', n.done_at))
        ELSE n.earlier END
WHERE n.due_at < excluded.due_at -- it was given a later time, and that is over as well
"""

_MISSED = """
WITH missed AS (
    SELECT alert_id, %(receivers)s::text[] AS receivers FROM ub.alert
    WHERE status = 'active' AND cardinality(%(receivers)s::text[]) > 0
    UNION ALL
    SELECT a.alert_id, array_agg(c.receiver) FROM ub.alert a CROSS JOIN unnest(%(changed)s::text[]) AS c (receiver)
    WHERE a.status = 'active'
      -- of what it heard of, each event comes from Kafka; an escalation that waits, or was given up, told it nothing
      AND NOT EXISTS (SELECT FROM ub.notification n WHERE n.receiver = c.receiver AND n.alert_id = a.alert_id
                      AND (n.reason <> 'escalation' OR n.state = 'delivered' OR n.begun_at IS NOT NULL))
    GROUP BY a.alert_id
    UNION ALL
    SELECT alert_id, array_agg(n.receiver)
    FROM (
        SELECT receiver, alert_id, max(sequence) FILTER (WHERE reason = 'event') AS sequence
        FROM ub.notification WHERE receiver = ANY(%(receivers)s) GROUP BY receiver, alert_id
    ) n
    JOIN ub.alert a USING (alert_id)
    WHERE a.status = 'cleared' AND (n.sequence IS NULL OR n.sequence < a.sequence)
    GROUP BY alert_id
)
SELECT coalesce(e.body, jsonb_build_object( -- of long ago; its events are not kept for so long
    'alert_id', a.alert_id, 'sequence', a.sequence, 'action',
    CASE WHEN a.status = 'cleared' THEN 'cleared' WHEN a.sequence = 0 THEN 'raised' ELSE 'updated' END,
    'kind', a.kind, 'severity', a.severity, 'status', a.status, 'acknowledged', a.acknowledged,
    'cell', ub.to_hex(a.cell), 'region', a.region, 'zone', a.zone, 'lat', a.lat, 'lon', a.lon,
    'starts_at', ub.milliseconds(a.starts_at), 'updated_at', ub.milliseconds(a.updated_at),
    'ends_at', ub.milliseconds(a.ends_at),
    'summary', a.summary, 'policy', a.policy, 'policy_version', a.policy_version, 'evidence', a.evidence,
    'subject', a.subject))::text, m.receivers
FROM missed m
JOIN ub.alert a USING (alert_id)
LEFT JOIN LATERAL (
    SELECT body FROM ub.alert_event WHERE alert_id = a.alert_id ORDER BY sequence DESC LIMIT 1
) e ON true
ORDER BY a.ends_at NULLS FIRST, a.alert_id
"""

_FORGET = """
DELETE FROM ub.notification n WHERE queued_at < now() - %(keep)s
-- by what it was told of an alert a receiver is told of its end
AND NOT EXISTS (
    SELECT FROM ub.alert a WHERE a.alert_id = n.alert_id AND (a.status = 'active' OR NOT EXISTS (
        SELECT FROM ub.notification l
        WHERE l.receiver = n.receiver AND l.alert_id = n.alert_id AND l.sequence >= a.sequence
          AND l.queued_at < now() - %(keep)s
    ))
)
"""

_MINE = """
SELECT coalesce(not_before > clock_timestamp(), false), set_config('idle_in_transaction_session_timeout', %s, true)
FROM ub.receiver WHERE name = %s FOR UPDATE
"""

_FIRST = """
SELECT f.number FROM (
    SELECT receiver, alert_id FROM ub.notification
    WHERE receiver = %s AND state = 'pending' AND due_at <= clock_timestamp() AND alert_id <> ALL(%s)
    ORDER BY urgency DESC, number LIMIT 1
) u CROSS JOIN LATERAL (
    SELECT number FROM ub.notification
    WHERE receiver = u.receiver AND alert_id = u.alert_id AND due_at <= clock_timestamp()
      AND state || '' = 'pending' -- by the key, as above: it is asked for each message
    ORDER BY reason = 'repeat', number LIMIT 1
) f
"""

_NEXT = """
SELECT n.number, n.alert_id, n.sequence, n.reason, CASE WHEN n.kept THEN 'silenced' ELSE n.state END AS state,
       n.due_at, n.attempts,
       CASE n.reason
           WHEN 'event' THEN n.body
           WHEN 'repeat' THEN n.body
           ELSE (SELECT b.body FROM ub.notification b WHERE b.alert_id = n.alert_id ORDER BY b.sequence DESC LIMIT 1)
       END::text AS body,
       -- where its end came and was not told, it is over, though the tables may not know it yet
       CASE WHEN EXISTS (SELECT FROM ub.notification e
                         WHERE e.receiver = n.receiver AND e.alert_id = n.alert_id AND e.sequence > n.sequence
                           AND e.state = 'dropped' AND e.body ->> 'status' = 'cleared')
            THEN 'cleared' ELSE coalesce(a.status, 'active') END AS status, h.acknowledged_by, h.closed_by, g.boundary,
       coalesce((SELECT jsonb_agg(jsonb_build_array(t.sequence,
                     -- as in the ids of messages: something may be overdue again
                     CASE t.reason WHEN 'overdue' THEN 'overdue/' || floor(extract(epoch FROM s.due_at))::bigint
                                   ELSE t.reason END,
                     s.updated_at) ORDER BY s.done_at)
                 FROM ub.notification t CROSS JOIN LATERAL (
                     SELECT t.due_at, t.body -> 'updated_at' AS updated_at,
                            CASE t.state WHEN 'delivered' THEN t.done_at ELSE t.begun_at END AS done_at
                     WHERE t.state = 'delivered' OR (t.begun_at IS NOT NULL AND t.number <> n.number)
                     UNION ALL
                     SELECT (e ->> 0)::timestamptz, e -> 1, (e ->> 2)::timestamptz
                     FROM jsonb_array_elements(t.earlier) AS e
                 ) s
                 WHERE t.receiver = n.receiver AND t.alert_id = n.alert_id),
                '[]') AS told,
       n.begun_at IS NOT NULL AS begun,
       coalesce(h.due_at <= clock_timestamp(), false) AS overdue,
       EXISTS (SELECT FROM ub.notification l
               WHERE l.receiver = n.receiver AND l.alert_id = n.alert_id AND l.sequence > n.sequence
                 AND l.reason = 'event') AS overtaken,
       -- `due_at` of an event that was kept back is when that was over; one that was dropped untried was told to nobody
       -- where nobody who was told escalates, as the file was changed, it waits until somebody does, or is over
       n.reason = 'escalation' AND coalesce(
           (SELECT bool_and(e.state = 'silenced' OR e.due_at + c.after > clock_timestamp()
                            OR (e.state = 'dropped' AND e.attempts = 0))
            FROM ub.notification e JOIN unnest(%s::text[], %s::interval[]) AS c (receiver, after) USING (receiver)
            WHERE e.alert_id = n.alert_id AND e.reason = 'event'), true) AS early
FROM ub.notification n
LEFT JOIN ub.alert a USING (alert_id)
LEFT JOIN ub.alert_handling h USING (alert_id)
LEFT JOIN ub.cell_geometry g USING (cell)
WHERE n.number = ANY(%s)
ORDER BY n.number
"""


async def register(connection: Connection, names: list[str]) -> list[str]:
    """Make receivers known, and return those that were not, or had left."""
    added = []
    for name in names:
        cursor = await connection.execute(
            "INSERT INTO ub.receiver (name) VALUES (%s) ON CONFLICT DO NOTHING RETURNING name", (name,)
        )
        added += [str(found) for (found,) in await cursor.fetchall()]
    # no ON CONFLICT DO UPDATE: it locks them all, and whoever sends to one holds its lock
    cursor = await connection.execute(
        "UPDATE ub.receiver SET known_at = clock_timestamp(), left_at = NULL "
        "WHERE name = ANY(%s) AND left_at IS NOT NULL RETURNING name",
        (names,),
    )
    return added + [str(found) for (found,) in await cursor.fetchall()]


async def part_with_others(connection: Connection, names: list[str]) -> list[str]:
    """Remember that all other receivers left, and return those that had not before."""
    cursor = await connection.execute(
        "UPDATE ub.receiver SET left_at = clock_timestamp() WHERE name <> ALL(%s) AND left_at IS NULL RETURNING name",
        (names,),
    )
    return [str(found) for (found,) in await cursor.fetchall()]


async def forgive(connection: Connection, names: Iterable[str]) -> None:
    """Send to these receivers at once, whatever they said before: somebody may have corrected their addresses.

    One that another process is sending to is left out: who starts waits for no receiver.
    """
    await connection.execute(
        "UPDATE ub.receiver SET not_before = NULL WHERE name IN "
        "(SELECT name FROM ub.receiver WHERE name = ANY(%s) AND not_before IS NOT NULL FOR UPDATE SKIP LOCKED)",
        (list(names),),
    )


async def known_since(connection: Connection) -> dict[str, datetime]:
    """Return when each receiver became known."""
    return dict(await (await connection.execute("SELECT name, known_at FROM ub.receiver")).fetchall())


async def missed(
    connection: Connection, receivers: list[str], changed: list[str]
) -> list[tuple[bytes, list[str]]]:
    """Return what receivers that are new, or back, have to hear of, as JSON with the names of who has to.

    The newest event of every alert that is active, then the last one of those of which something was queued for a
    receiver, and not the end. One look for all of them: after a year there are a million alerts to look through.
    Those that `changed` what they ask for have to hear of active alerts of which nothing was queued for them.
    """
    rows = await connection.execute(_MISSED, {"receivers": receivers, "changed": changed})
    return [(str(body).encode(), names) for body, names in await rows.fetchall()]


async def enqueue(
    connection: Connection,
    *,
    receivers: Mapping[str, bool],
    alert_id: str,
    sequence: int,
    body: bytes,
    over: bool,
) -> set[str]:
    """Queue an event for receivers: for those that ask for it (true), or have heard of the alert already.

    `over`: the alert ends with this event. Returns those for whom this is the first that is queued of the alert. One
    statement for all: a mass event is of thousands of alerts, and there may be dozens of receivers.
    """
    names = {
        "receivers": list(receivers),
        "matching": list(receivers.values()),
        "alert_id": alert_id,
        "sequence": sequence,
        "body": body.decode(),
        "over": over,
    }
    rows = await (await connection.execute(_ENQUEUE, names)).fetchall()
    return {str(receiver) for receiver, first in rows if first}


async def escalate(
    connection: Connection, *, receiver: str, alert_id: str, sequence: int, body: bytes, after: timedelta
) -> None:
    """Queue an escalation that is due `after` from now, or sooner where another one queued it: it is told once."""
    names = {
        "receiver": receiver,
        "alert_id": alert_id,
        "sequence": sequence,
        "body": body.decode(),
        "after": after,
    }
    await connection.execute(_ESCALATE, names)


async def overdue(connection: Connection) -> list[str]:
    """Return the open alerts that are not over by the time until which somebody was to see to them."""
    return [str(alert_id) for (alert_id,) in await (await connection.execute(_ARE_OVERDUE)).fetchall()]


async def queue_overdue(connection: Connection, *, receiver: str, to: str, among: list[str]) -> int:
    """Queue those overdue `among` alerts that `receiver` was told of for `to`; return how many."""
    cursor = await connection.execute(_QUEUE_OVERDUE, {"receiver": receiver, "to": to, "among": among})
    return cursor.rowcount


async def may_send(connection: Connection, receiver: str, within: timedelta) -> bool:
    """Lock a receiver until the transaction ends, and return whether it may be sent something now.

    The database ends the transaction where it hears nothing for longer than `within`: whoever stands still, or lost
    its host, keeps the receiver from all others until then.

    Two processes that serve the same receiver so wait for each other, and neither sends what the other sends, nor
    judges before it knows what the other told.
    """
    limit = f"{min(within // timedelta(milliseconds=1), 2**31 - 1)}ms"
    waits = await (await connection.execute(_MINE, (limit, receiver))).fetchone()
    return waits is not None and not waits[0]  # None: it is not known yet


async def next_due(
    connection: Connection, receiver: str, after: Mapping[str, timedelta], aside: list[str]
) -> Due | None:
    """Return the first notification whose time has come, but of the alerts `aside`.

    It is of the alert that is, or became, the most severe of those that wait; of one alert they come in order, repeats
    last: what was is not repeated before what became of it.

    `after`: who escalates to the receiver, and how long after it was told.
    """
    row = await (await connection.execute(_FIRST, (receiver, aside))).fetchone()
    return None if row is None else next(iter(await due(connection, list(row), after)), None)


async def held(connection: Connection, receiver: str) -> list[int]:
    """Return the numbers of all that is kept back from a receiver."""
    rows = await connection.execute(
        "SELECT number FROM ub.notification WHERE receiver = %s AND state = 'silenced' ORDER BY number",
        (receiver,),
    )
    return [number for (number,) in await rows.fetchall()]


async def due(connection: Connection, numbers: list[int], after: Mapping[str, timedelta]) -> list[Due]:
    """Return notifications and how their alerts stand; `after` as in `next_due`."""
    async with connection.cursor(row_factory=class_row(Due)) as cursor:
        names = (list(after), list(after.values()), numbers)
        return await (await cursor.execute(_NEXT, names)).fetchall()


async def begin(connection: Connection, number: int) -> None:
    """Say that its receiver may have it from now on, whatever becomes of whoever sends it."""
    await connection.execute(
        "UPDATE ub.notification SET begun_at = clock_timestamp() WHERE number = %s", (number,)
    )


async def not_taken(connection: Connection, number: int) -> None:
    """Say that its receiver has it not after all."""
    await connection.execute("UPDATE ub.notification SET begun_at = NULL WHERE number = %s", (number,))


async def deliver(connection: Connection, due: Due, note: str) -> None:
    """Say that it was delivered, and with which body."""
    await connection.execute(
        "UPDATE ub.notification SET state = 'delivered', note = %s, body = %s::jsonb, done_at = clock_timestamp() "
        "WHERE number = %s",
        (note, due.body, due.number),
    )


async def drop(connection: Connection, number: int, note: str, *, tried: bool = False) -> None:
    """Say that it is not sent, and why; `tried`: an attempt failed, and there is no other."""
    await connection.execute(
        "UPDATE ub.notification SET state = 'dropped', note = %s, attempts = attempts + %s, "
        "done_at = clock_timestamp() WHERE number = %s",
        (note, int(tried), number),
    )


async def failed(connection: Connection, due: Due, receiver: str, note: str, pause: timedelta) -> None:
    """Count an attempt that failed, and why; for the pause no process sends the receiver anything."""
    await connection.execute(
        "UPDATE ub.notification SET state = 'pending', kept = false, attempts = attempts + 1, note = %s "
        "WHERE number = %s",
        (note, due.number),
    )
    await connection.execute(
        "UPDATE ub.receiver SET not_before = clock_timestamp() + %s WHERE name = %s", (pause, receiver)
    )


async def hold(connection: Connection, numbers: list[int], note: str) -> None:
    """Keep them back, and say why. Where that is known nothing is written: a silence may last for days."""
    await connection.execute(
        "UPDATE ub.notification SET state = 'silenced', kept = false, note = %s "
        "WHERE number = ANY(%s) AND (state <> 'silenced' OR note IS DISTINCT FROM %s)",
        (note, numbers, note),
    )


async def release(connection: Connection, numbers: list[int]) -> None:
    """Have what is kept back take its place among what waits: nothing keeps it back any more."""
    await connection.execute(
        "UPDATE ub.notification SET state = 'pending', kept = true, due_at = clock_timestamp(), note = NULL "
        "WHERE number = ANY(%s) AND state = 'silenced'",
        (numbers,),
    )


async def repeat(connection: Connection, number: int, after: timedelta) -> None:
    """Queue what was delivered once more, due `after` from now."""
    await connection.execute(
        "INSERT INTO ub.notification (receiver, alert_id, sequence, reason, body, due_at) "
        "SELECT receiver, alert_id, sequence, 'repeat', body, clock_timestamp() + %s FROM ub.notification "
        "WHERE number = %s "
        "ON CONFLICT (receiver, alert_id, sequence, reason) DO UPDATE SET "
        "state = 'pending', kept = false, due_at = excluded.due_at, attempts = 0, done_at = NULL, note = NULL",
        (after, number),
    )


async def silences(connection: Connection) -> Sequence[SilenceRow]:
    """Return the silences that are not over: those too that began since this transaction, which may have waited."""
    async with connection.cursor(row_factory=class_row(SilenceRow)) as cursor:
        return await (
            await cursor.execute(
                "SELECT silence_id, matchers, starts_at, ends_at, created_by, comment, state "
                "FROM api.silences WHERE state <> 'expired'"
            )
        ).fetchall()


async def mark_of_silences(connection: Connection) -> tuple[int, int]:
    """Return what is another pair of numbers once a silence was made, changed or ended, and costs little."""
    cursor = await connection.execute(
        # a row that was changed is of another transaction (xmin)
        "SELECT count(*), coalesce(sum(hashtextextended(silence_id || ' ' || xmin::text, 0)), 0) "
        "FROM ub.silence WHERE ends_at > now()"
    )
    ((count, sum_),) = await cursor.fetchall()
    return int(count), int(sum_)


async def forget(connection: Connection, keep: timedelta) -> int:
    """Delete what was queued longer ago than `keep`, where the end of its alert was, too; return how many rows."""
    cursor = await connection.execute(_FORGET, {"keep": keep})
    return cursor.rowcount
