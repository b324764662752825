"""What is queued for alerts that are open already where the file of receivers is another one than at the last start.

Functions take the connection of a transaction of their caller.
"""

from collections.abc import Mapping
from datetime import timedelta

from streams.store.notifications import Connection

_CHANGED = """
SELECT r.name FROM ub.receiver r JOIN unnest(%s::text[], %s::text[]) AS now (name, asks) USING (name)
WHERE r.asks <> now.asks
"""

_REMEMBER = """
UPDATE ub.receiver r SET asks = now.asks FROM unnest(%s::text[], %s::text[]) AS now (name, asks)
WHERE r.name = now.name AND r.name IN (
    -- whoever sends to one holds its lock, and who starts waits for nobody: the next start finds the change then,
    -- if it was known what it asked for
    SELECT l.name FROM ub.receiver l JOIN unnest(%s::text[], %s::text[]) AS m (name, asks) USING (name)
    WHERE l.asks IS DISTINCT FROM m.asks FOR UPDATE OF l SKIP LOCKED
)
"""

_FORGET_UNHEARD = """
DELETE FROM ub.notification n USING ub.alert a
WHERE a.alert_id = n.alert_id AND a.status = 'active' AND n.receiver = ANY(%(receivers)s)
  AND n.reason = 'event' AND n.state = 'dropped' AND n.attempts = 0 AND n.begun_at IS NULL
  AND NOT EXISTS (
      SELECT FROM ub.notification h
      WHERE h.receiver = n.receiver AND h.alert_id = n.alert_id AND (h.begun_at IS NOT NULL OR h.attempts > 0
            OR h.state = 'delivered' OR (h.reason = 'event' AND h.state <> 'dropped'))
  )
"""

_REPEAT = """
INSERT INTO ub.notification AS n (receiver, alert_id, sequence, reason, body, due_at)
SELECT DISTINCT ON (t.alert_id) t.receiver, t.alert_id, t.sequence, 'repeat', t.body, t.done_at + %(after)s
FROM ub.notification t JOIN ub.alert a USING (alert_id)
WHERE t.receiver = %(receiver)s AND t.state = 'delivered' AND a.status = 'active'
ORDER BY t.alert_id, t.sequence DESC, t.done_at DESC
ON CONFLICT (receiver, alert_id, sequence, reason) DO UPDATE SET
    state = 'pending', kept = false, attempts = 0, done_at = NULL, note = NULL,
    due_at = CASE n.state WHEN 'pending' THEN clock_timestamp() + %(after)s ELSE excluded.due_at END
WHERE n.state IN ('delivered', 'dropped') OR (n.state = 'pending' AND n.due_at > clock_timestamp() + %(after)s)
"""

_ESCALATE = """
WITH told AS (
    SELECT DISTINCT ON (n.alert_id) n.alert_id, n.sequence, n.body
    FROM ub.notification n JOIN ub.alert a USING (alert_id)
    WHERE n.receiver = %(receiver)s AND n.reason = 'event' AND a.status = 'active'
    ORDER BY n.alert_id, n.sequence
), sooner AS (
    UPDATE ub.notification e SET due_at = clock_timestamp() + %(after)s
    WHERE e.receiver = %(to)s AND e.reason = 'escalation'
      AND e.state || '' = 'pending' AND e.due_at > clock_timestamp() + %(after)s
      -- hashed, be statistics right or not: joined, it took 30 s for 3,000 open alerts where they were of before those
      AND (e.alert_id IN (SELECT alert_id FROM told)) IS TRUE
)
INSERT INTO ub.notification (receiver, alert_id, sequence, reason, body, due_at)
SELECT %(to)s, alert_id, sequence, 'escalation', body, clock_timestamp() + %(after)s FROM told
WHERE alert_id NOT IN (SELECT alert_id FROM ub.notification WHERE receiver = %(to)s AND reason = 'escalation')
ON CONFLICT DO NOTHING
"""


async def changed(connection: Connection, asks: Mapping[str, str]) -> list[str]:
    """Return the receivers that ask for something else than at the last start, and remember what they ask for."""
    now = (list(asks), list(asks.values()))
    found = [str(name) for (name,) in await (await connection.execute(_CHANGED, now)).fetchall()]
    await connection.execute(_REMEMBER, now * 2)
    return found


async def forget_unheard(connection: Connection, receivers: list[str]) -> None:
    """Forget what was dropped for receivers of alerts that last and of which they heard nothing: it is judged anew."""
    await connection.execute(_FORGET_UNHEARD, {"receivers": receivers})


async def repeat(connection: Connection, receiver: str, after: timedelta) -> None:
    """Have what a receiver was told, and lasts, repeated `after` it was told; at the latest from now on, if it is."""
    await connection.execute(_REPEAT, {"receiver": receiver, "after": after})


async def escalate(connection: Connection, *, receiver: str, to: str, after: timedelta) -> None:
    """Have what `receiver` was told, and lasts, escalated `after` from now at the latest, unless it was already."""
    await connection.execute(_ESCALATE, {"receiver": receiver, "to": to, "after": after})
