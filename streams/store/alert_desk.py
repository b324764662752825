"""What people do about alerts, in the tables: actions and silences. Each function takes a connection of ub_writer."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from schemas.alert_actions import ActionName, AlertHandling
from streams.errors import AlertError
from streams.store.closings import closed_by
from streams.store.resolve import resolved

_INSERT = """
INSERT INTO ub.alert_action (action_id, alert_id, sequence, action, by, text, assignee, due_at, severity)
SELECT %(action_id)s, %(alert_id)s,
       coalesce((SELECT max(sequence) + 1 FROM ub.alert_action WHERE alert_id = %(alert_id)s), 0),
       %(action)s, %(by)s, %(text)s, %(assignee)s, %(due_at)s, severity
FROM ub.alert WHERE alert_id = %(alert_id)s
"""

_UNTOLD = f"""
SELECT x.action_id, x.alert_id, x.sequence, x.action, x.by, ub.milliseconds(x.at) AS at, x.text,
       h.acknowledged, h.acknowledged_by, ub.milliseconds(h.acknowledged_at) AS acknowledged_at,
       h.assignee, ub.milliseconds(h.due_at) AS due_at, h.comment, c.by IS NOT NULL AS closed, c.by AS closed_by,
       a.kind, x.severity, ub.to_hex(a.cell) AS cell, a.zone
FROM ub.alert_action x JOIN ub.alert a USING (alert_id) JOIN ub.alert_handling h USING (alert_id)
-- of the severity that is told: the alert may have another by now, and this one again
CROSS JOIN LATERAL (SELECT {closed_by("x.alert_id", "x.severity")} AS by) c
WHERE NOT x.told
ORDER BY max(x.at) OVER (PARTITION BY x.alert_id ORDER BY x.sequence), x.sequence
LIMIT 500
"""  # noqa: S608 - literals

_IN_FORCE = """
SELECT at, action, by, text, assignee, due_at FROM (
    SELECT x.*, h.closed FROM ub.alert_action x JOIN ub.alert_handling h USING (alert_id)
    WHERE alert_id = %s AND action = ANY(%s) ORDER BY x.sequence DESC LIMIT 1
) n
-- what was closed need not be so any more, as its severity is another
WHERE action = %s AND (action <> 'closed' OR closed)
"""

_DOES_AND_UNDOES: tuple[tuple[ActionName, ActionName], ...] = (
    ("acknowledged", "unacknowledged"),
    ("assigned", "unassigned"),
    ("closed", "reopened"),
)


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One thing that a person did."""

    at: datetime
    action: str
    by: str
    text: str | None
    assignee: str | None
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Deed:
    """What became of an action: `stored`, unless the alert was as it would make it; `over`: the alert was cleared.

    `before`: the acknowledgement, assignment or closing that held, and that it repeats, replaces or takes back.
    """

    stored: bool
    over: bool
    before: ActionRow | None = None


@dataclass(frozen=True, slots=True)
class SilenceRow:
    """One silence; `matchers` in the form of Alertmanager's API v2."""

    silence_id: str
    matchers: list[dict[str, Any]]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    state: str


def resolve(connection: Connection[Any], prefix: str) -> str:
    """Return the id of the alert whose id begins with `prefix`; AlertError where there is none, or more than one."""
    return resolved(
        connection,
        "SELECT alert_id FROM ub.alert WHERE starts_with(alert_id, %s) ORDER BY starts_at DESC LIMIT 3",
        prefix,
        "alert",
        "`urbanbrain alerts list` shows them",
    )


def act(
    connection: Connection[Any],
    alert_id: str,
    action: ActionName,
    *,
    by: str,
    text: str | None = None,
    assignee: str | None = None,
    due_at: datetime | None = None,
) -> Deed:
    """Store one action, unless the alert is as it would make it already.

    Raises AlertError for an alert that is over and is to be closed, or reopened.
    """
    with connection.transaction():
        # The lock puts the actions of one alert in a row: each has the number after the one before.
        row = connection.execute(
            "SELECT status FROM ub.alert WHERE alert_id = %s FOR NO KEY UPDATE", (alert_id,)
        ).fetchone()
        if row is None:
            raise AlertError(f"there is no alert {alert_id}; `urbanbrain alerts list` shows them")
        over = row[0] == "cleared"
        if over and action in ("closed", "reopened"):
            raise AlertError(f"alert {alert_id} was cleared by itself: there is nothing to close or reopen")
        before = _in_force(connection, alert_id, action)
        if text is None and _changes_nothing(action, before):
            return Deed(stored=False, over=over, before=before)
        connection.execute(
            _INSERT,
            {
                "action_id": str(uuid.uuid4()),
                "alert_id": alert_id,
                "action": action,
                "by": by,
                "text": text,
                "assignee": assignee,
                "due_at": due_at,
            },
        )
    return Deed(stored=True, over=over, before=before)


def actions(connection: Connection[Any], alert_id: str) -> list[ActionRow]:
    """Return what was done about one alert, in order."""
    with connection.cursor(row_factory=class_row(ActionRow)) as cursor:
        return cursor.execute(
            "SELECT at, action, by, text, assignee, due_at FROM ub.alert_action WHERE alert_id = %s "
            "ORDER BY sequence",
            (alert_id,),
        ).fetchall()


def keep_others_from_telling(connection: Connection[Any], within_s: float) -> None:
    """Wait until no other transaction does this, and have others wait for the end of ours.

    Raises LockNotAvailable after `within_s`; the database ends ours where it hears nothing for twice as long. The lock
    is that of a table, which only those who may write to it can take; an advisory lock anyone may who can connect.
    """
    connection.execute(
        "SELECT set_config('lock_timeout', %s, true), set_config('idle_in_transaction_session_timeout', %s, true)",
        (f"{within_s * 1000:.0f}ms", f"{2 * within_s * 1000:.0f}ms"),
    )
    connection.execute("LOCK TABLE ub.alert_action IN SHARE UPDATE EXCLUSIVE MODE")


def untold(connection: Connection[Any]) -> list[AlertHandling]:
    """Return actions that Kafka and MQTT have not confirmed yet, in the order in which they were done.

    Of one alert that is the order of their numbers: the database's clock may be put back.
    """
    with connection.cursor(row_factory=class_row(AlertHandling)) as cursor:
        return cursor.execute(_UNTOLD).fetchall()


def still_open(connection: Connection[Any], alert_ids: list[str]) -> set[str]:
    """Return those of the alerts whose condition holds by now."""
    query = "SELECT alert_id FROM ub.alert WHERE status = 'active' AND alert_id = ANY(%s)"
    return {alert_id for (alert_id,) in connection.execute(query, (alert_ids,))}


def mark_told(connection: Connection[Any], action_ids: list[str]) -> None:
    """Remember that these actions were told."""
    connection.execute("UPDATE ub.alert_action SET told = true WHERE action_id = ANY(%s)", (action_ids,))


def add_silence(
    connection: Connection[Any],
    *,
    matchers: str,
    starts_at: datetime,
    ends_at: datetime,
    created_by: str,
    comment: str,
) -> str:
    """Store a silence and return its id; `matchers` is JSON."""
    silence_id = str(uuid.uuid4())
    connection.execute(
        "INSERT INTO ub.silence (silence_id, matchers, starts_at, ends_at, created_by, comment) "
        "VALUES (%s, %s::jsonb, %s, %s, %s, %s)",
        (silence_id, matchers, starts_at, ends_at, created_by, comment),
    )
    return silence_id


def silences(connection: Connection[Any], *, expired: bool = False) -> list[SilenceRow]:
    """Return the silences that hold or will hold, with `expired` all of them, those that end last first."""
    with connection.cursor(row_factory=class_row(SilenceRow)) as cursor:
        return cursor.execute(
            "SELECT silence_id, matchers, starts_at, ends_at, created_by, comment, state FROM api.silences "
            "WHERE %s OR state <> 'expired' ORDER BY ends_at DESC, silence_id",
            (expired,),
        ).fetchall()


def expire_silences(connection: Connection[Any], prefixes: Iterable[str]) -> list[str]:
    """End the silences whose ids begin so now, and return each id once; AlertError where there is no such one."""
    found = [
        resolved(
            connection,
            "SELECT silence_id FROM ub.silence WHERE starts_with(silence_id, %s) AND ends_at > now() LIMIT 3",
            prefix,
            "silence that holds or will hold",
            "`urbanbrain alerts silence list` shows them",
        )
        for prefix in prefixes
    ]
    ended = list(dict.fromkeys(found))
    for silence_id in ended:
        connection.execute(
            "UPDATE ub.silence SET starts_at = least(starts_at, now()), ends_at = now() WHERE silence_id = %s",
            (silence_id,),
        )
    return ended


def _in_force(connection: Connection[Any], alert_id: str, action: ActionName) -> ActionRow | None:
    """Return what holds of that which the action does or undoes."""
    for pair in _DOES_AND_UNDOES:
        if action in pair:
            with connection.cursor(row_factory=class_row(ActionRow)) as cursor:
                return cursor.execute(_IN_FORCE, (alert_id, list(pair), pair[0])).fetchone()
    return None


def _changes_nothing(action: ActionName, before: ActionRow | None) -> bool:
    if action in ("assigned", "commented"):
        return False
    return (before is not None) == (action in ("acknowledged", "closed"))
