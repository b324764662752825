"""The queue of notifications: what each receiver is to be told, and what it was told.

A row is a function of an event and a receiver, and its key says so: an event that is read from the log again
adds nothing. Functions take the connection of a transaction of their caller. What becomes of a row: `deliveries.py`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection

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
    WHERE receiver = %(receiver)s AND alert_id = a.alert_id AND reason = 'event' -- or a whole chain hears of it at once
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
    """Return the events that receivers missed, as JSON, each with the names of these receivers.

    `receivers` that are new, or back, missed the newest event of every active alert, and the end of alerts of which an
    earlier event was queued for them. Those that `changed` what they ask for missed active alerts of which nothing was
    queued for them. One query serves all, as there are a million alerts to look through after a year.
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


async def forget(connection: Connection, keep: timedelta) -> int:
    """Delete what was queued longer ago than `keep`, where the end of its alert was, too; return how many rows."""
    cursor = await connection.execute(_FORGET, {"keep": keep})
    return cursor.rowcount
