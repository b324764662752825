"""Whether receivers are notified now: is a process there that does it, and who does not take what is due."""

from dataclasses import dataclass

NOTIFY = "urbanbrain notify"
"""How the sessions of `notify` begin their names."""

AT_WORK = f"""
SELECT EXISTS (SELECT FROM ub.receiver WHERE name = ANY(%s) AND left_at IS NULL),
       EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '{NOTIFY} %%')
"""  # noqa: S608 - a literal
"""One row: whether any of these receivers is known to a process, and whether one is connected now."""

NOT_TAKEN = """
SELECT receiver, count(*) AS number, extract(epoch FROM now() - min(due_at))::double precision AS for_s,
       (array_agg(note ORDER BY attempts DESC))[1] AS note
FROM ub.notification
WHERE state = 'pending' AND receiver = ANY(%s) AND due_at < now() - interval '1 minute'
GROUP BY receiver HAVING max(attempts) > 0 ORDER BY receiver
"""
"""Rows of `NotTaken`. What waits for its turn was not tried yet, and is no fault of its receiver."""


@dataclass(frozen=True, slots=True)
class NotTaken:
    """A receiver that fails: how many notifications are due, for how many seconds the first, and its last answer."""

    receiver: str
    number: int
    for_s: float
    note: str | None
