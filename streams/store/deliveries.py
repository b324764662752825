"""The queue of one receiver as it is worked off: what is due, what is kept back, and what became of each message.

Functions take the connection of a transaction of their caller. What is queued: `notifications.py`.
"""

from collections.abc import Mapping
from datetime import timedelta

from psycopg.rows import class_row

from streams.store.closings import closed_by
from streams.store.due import Due
from streams.store.notifications import Connection

_MINE = """
SELECT coalesce(not_before > clock_timestamp(), false), set_config('idle_in_transaction_session_timeout', %s, true)
FROM ub.receiver WHERE name = %s FOR UPDATE
"""

_FIRST = """
SELECT f.number FROM (
    SELECT receiver, alert_id, body FROM ub.notification
    WHERE receiver = %(receiver)s AND state = 'pending' AND due_at <= clock_timestamp() AND alert_id <> ALL(%(aside)s)
    ORDER BY urgency DESC, number LIMIT 1
) u LEFT JOIN LATERAL (
    SELECT alert_id FROM ub.notification e
    WHERE receiver = u.receiver AND state = 'pending' AND body ->> 'status' = 'cleared'
      AND body ->> 'cell' = u.body ->> 'cell' AND body ->> 'kind' = u.body ->> 'kind'
      AND body ->> 'subject' IS NOT DISTINCT FROM u.body ->> 'subject'
      AND due_at <= clock_timestamp() AND alert_id <> ALL(%(aside)s)
    ORDER BY number LIMIT 1
) ended ON true CROSS JOIN LATERAL (
    SELECT number FROM ub.notification
    WHERE receiver = u.receiver AND alert_id = coalesce(ended.alert_id, u.alert_id) AND due_at <= clock_timestamp()
      AND state || '' = 'pending' -- by the key, not by the index of what is pending: it is asked for each message
    -- an escalation says how the alert is by now: what it was before it is told before it
    ORDER BY reason <> 'event', reason = 'repeat', number LIMIT 1
) f
"""

_BEGUN = """
SELECT number FROM ub.notification
WHERE number = %s AND attempts = %s AND begun_at IS NOT NULL AND state = 'pending' AND due_at <= clock_timestamp()
"""

_LATE = "interval '1 minute'"
"""What is told later than this after its time is late."""


def _late(n: str, after: str) -> str:
    """Return SQL: it is, or was, told late, as no process was there to do it, and `after` is not over since.

    Not so where its receiver is slow or cannot be reached: that keeps nobody else waiting.
    """
    return f"""({n}.attempts = 0 AND {n}.due_at + {_LATE} < p.back_at AND CASE {n}.state
        WHEN 'delivered' THEN {n}.done_at > {n}.due_at + {_LATE} AND {n}.done_at + {after} > clock_timestamp()
        WHEN 'pending' THEN p.back_at + {after} > clock_timestamp()
            AND EXISTS (SELECT FROM ub.receiver r
                        WHERE r.name = {n}.receiver AND coalesce(r.not_before <= clock_timestamp(), true))
        ELSE false END)"""


_NEXT = f"""
WITH c (receiver, after) AS (SELECT * FROM unnest(%s::text[], %s::interval[])),
     p (back_at) AS (SELECT clock_timestamp() - %s::interval)
SELECT n.number, n.alert_id, n.sequence, n.reason,
       CASE WHEN n.kept AND n.state = 'pending' THEN 'silenced' ELSE n.state END AS state,
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
            THEN 'cleared' ELSE coalesce(a.status, 'active') END AS status, h.acknowledged_by,
       -- a worker tells an event before it stores it: until then the tables judge by another severity
       CASE WHEN n.reason = 'event' AND n.sequence > a.sequence
            THEN {closed_by("n.alert_id", "n.body ->> 'severity'")}
            ELSE h.closed_by END AS closed_by,
       h.assignee,
       g.boundary,
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
       EXISTS (SELECT FROM ub.notification l
               WHERE l.receiver = n.receiver AND l.alert_id = n.alert_id AND l.sequence > n.sequence
                 AND l.reason = 'event' AND l.state = 'silenced') AS later_held,
       -- `due_at` of an event that was kept back is when that was over; one that was dropped untried was told to nobody
       -- where nobody who was told escalates, as the file was changed, it waits until somebody does, or is over
       -- nor is it time where somebody before it in a chain waits since a silence, and is told later than it once was,
       -- nor where we were away, and tell whoever comes before it only now
       n.reason = 'escalation' AND coalesce(
           (SELECT bool_and(e.state = 'silenced' OR e.due_at + c.after > clock_timestamp()
                            OR (e.state = 'dropped' AND e.attempts = 0)
                            OR {_late("e", "c.after")}
                            OR EXISTS (SELECT FROM ub.notification b JOIN c AS nearer USING (receiver)
                                       WHERE b.alert_id = n.alert_id AND b.reason = 'escalation'
                                         AND nearer.after < c.after AND b.state <> 'dropped'
                                         AND ((b.kept AND (b.state = 'silenced'
                                                           OR b.due_at + nearer.after > clock_timestamp()))
                                              OR {_late("b", "nearer.after")})))
            FROM ub.notification e JOIN c USING (receiver)
            WHERE e.alert_id = n.alert_id AND e.reason = 'event'), true) AS early
FROM ub.notification n CROSS JOIN p
LEFT JOIN ub.alert a USING (alert_id)
LEFT JOIN ub.alert_handling h USING (alert_id)
-- nor does it have the alert until then; what others put on the topic may name no cell
LEFT JOIN ub.cell_geometry g ON g.cell = coalesce(
    a.cell, CASE WHEN n.body ->> 'cell' ~ '^[0-9a-f]{{15}}$' THEN api.from_hex(n.body ->> 'cell') END)
WHERE n.number = ANY(%s)
ORDER BY n.number
"""  # noqa: S608 - literals

_HOLD = """
UPDATE ub.notification SET state = 'silenced', kept = %(anew)s, note = %(note)s
WHERE number = ANY(%(numbers)s) AND (state <> 'silenced' OR kept <> %(anew)s OR note IS DISTINCT FROM %(note)s)
RETURNING number
"""

_REMIND = """
WITH last AS (
    SELECT DISTINCT ON (t.receiver, t.alert_id) t.receiver, t.alert_id, t.sequence, t.body
    FROM ub.notification e JOIN ub.notification t USING (alert_id)
    WHERE e.number = ANY(%(numbers)s) AND t.receiver = ANY(%(receivers)s) AND t.state = 'delivered'
    ORDER BY t.receiver, t.alert_id, t.sequence DESC, t.done_at DESC
), again AS (
    UPDATE ub.notification SET state = 'silenced', kept = false, attempts = 0, done_at = NULL, note = %(note)s
    WHERE number IN (
        SELECT n.number FROM ub.notification n JOIN last USING (receiver, alert_id, sequence)
        WHERE n.reason = 'repeat'
          AND (n.state IN ('delivered', 'dropped') OR (n.state = 'pending' AND n.due_at > clock_timestamp()))
        -- what another delivery is dealing with it holds itself: nobody waits for another receiver
        FOR UPDATE OF n SKIP LOCKED
    ) RETURNING number
), anew AS (
    INSERT INTO ub.notification (receiver, alert_id, sequence, reason, body, state, note)
    SELECT receiver, alert_id, sequence, 'repeat', body, 'silenced', %(note)s FROM last
    ON CONFLICT DO NOTHING RETURNING number
)
SELECT EXISTS (SELECT FROM again UNION ALL SELECT FROM anew)
"""

_RELEASE = """
UPDATE ub.notification n SET state = 'pending', kept = true, note = NULL,
    -- `kept` of what is held: it was held anew
    due_at = clock_timestamp() + CASE WHEN n.kept THEN coalesce(
        (SELECT min(c.after) FROM ub.notification t JOIN unnest(%s::text[], %s::interval[]) AS c (receiver, after)
         USING (receiver) WHERE t.alert_id = n.alert_id AND t.state = 'delivered'), '0 s')
    ELSE '0 s' END
WHERE number = ANY(%s) AND state = 'silenced'
"""


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
    connection: Connection,
    receiver: str,
    after: Mapping[str, timedelta],
    at_work: timedelta,
    aside: list[str],
    begun: tuple[int, int],
) -> Due | None:
    """Return the first notification whose time has come, but of the alerts `aside`.

    It is of the alert that is, or became, the most severe of those that wait, but a former alert about the same ends
    before: who knows alerts by their labels would take that for the end of this one. Of one alert events come in order,
    then what says how it is now, and repeats last: what was is not repeated before what became of it.

    `after`: who escalates to the receiver, and how long after it was told.
    `at_work`: for how long we have looked after it without a break.
    `begun`: the one that was just marked as begun, and the number of its failures until then. It goes before all
    others: its receiver counts as told of it.
    """
    row = await (await connection.execute(_BEGUN, begun)).fetchone()
    if row is None:
        row = await (await connection.execute(_FIRST, {"receiver": receiver, "aside": aside})).fetchone()
    return None if row is None else next(iter(await due(connection, list(row), after, at_work)), None)


async def held(connection: Connection, receiver: str) -> list[int]:
    """Return the numbers of all that is kept back from a receiver."""
    rows = await connection.execute(
        "SELECT number FROM ub.notification WHERE receiver = %s AND state = 'silenced' ORDER BY number",
        (receiver,),
    )
    return [number for (number,) in await rows.fetchall()]


async def due(
    connection: Connection, numbers: list[int], after: Mapping[str, timedelta], at_work: timedelta
) -> list[Due]:
    """Return notifications and how their alerts stand; `after` and `at_work` as in `next_due`."""
    async with connection.cursor(row_factory=class_row(Due)) as cursor:
        names = (list(after), list(after.values()), at_work, numbers)
        return await (await cursor.execute(_NEXT, names)).fetchall()


async def begin(connection: Connection, due: Due) -> None:
    """Say that its receiver may have it from now on, and with which body, whatever becomes of whoever sends it."""
    await connection.execute(
        "UPDATE ub.notification SET begun_at = clock_timestamp(), body = %s::jsonb WHERE number = %s",
        (due.body, due.number),
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
        # `kept` stays: of an escalation those after it in a chain go by it (`early`), and such a repeat is a reminder
        "UPDATE ub.notification SET state = 'pending', kept = kept AND reason IN ('escalation', 'repeat'), "
        "attempts = attempts + 1, note = %s WHERE number = %s",
        (note, due.number),
    )
    await connection.execute(
        "UPDATE ub.receiver SET not_before = clock_timestamp() + %s WHERE name = %s", (pause, receiver)
    )


async def hold(connection: Connection, numbers: list[int], note: str, *, anew: bool = False) -> list[int]:
    """Keep them back, and say why. Where that is known nothing is written: a silence may last for days.

    `anew`: once nothing keeps them back, they wait as long as at first (`release`). Returns what was written.
    """
    names = {"anew": anew, "note": note, "numbers": numbers}
    rows = await connection.execute(_HOLD, names)
    return [number for (number,) in await rows.fetchall()]


async def remind(connection: Connection, numbers: list[int], receivers: list[str], note: str) -> bool:
    """Queue the newest that receivers were told of the alerts of these escalations for them again; return if any was.

    It is kept back as the escalations are, and for the same reason.
    """
    names = {"numbers": numbers, "receivers": receivers, "note": note}
    ((any_,),) = await (await connection.execute(_REMIND, names)).fetchall()
    return bool(any_)


async def release(connection: Connection, numbers: list[int], after: Mapping[str, timedelta]) -> None:
    """Have what is kept back take its place among what waits: nothing keeps it back any more.

    `after`: who escalates to the receiver, and how long after it was told: escalations that were held `anew` are due
    so long from now.
    """
    await connection.execute(_RELEASE, (list(after), list(after.values()), numbers))


async def repeat(connection: Connection, number: int, after: timedelta) -> None:
    """Queue what was delivered once more, due `after` from now."""
    await connection.execute(
        "INSERT INTO ub.notification (receiver, alert_id, sequence, reason, body, due_at) "
        "SELECT receiver, alert_id, sequence, 'repeat', body, clock_timestamp() + %s FROM ub.notification "
        "WHERE number = %s "
        "ON CONFLICT (receiver, alert_id, sequence, reason) DO UPDATE SET "
        "state = 'pending', kept = false, due_at = excluded.due_at, attempts = 0, done_at = NULL, note = NULL, "
        "body = excluded.body",
        (after, number),
    )
