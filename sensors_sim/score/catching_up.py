"""Whether workers are there, and have worked off what was sent.

At a high speed, or on a busy machine, alerts come long after readings. What a worker finds when it starts is a backlog:
of that alerts are late, or never come (docs/semantics.md).
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from sensors_sim.errors import ScoreError

STILL_S = 60.0
"""What has not moved for so long will not move any more: what is missing was refused, or lost."""

LIVE_WITHIN_MS = 60_000
"""Live cells that are so near their last change, in event time, are up to date."""

POLL_S = 0.5

ALIVE_S = 30.0
"""A stage that is not looked after for so long has no worker: one that lives says so every ten to twenty seconds."""

ALERTING = ("grid", "incidents")
"""Stages through which all goes that becomes an alert."""

READY_WITHIN_S = 60.0
"""So long a worker is waited for before a run."""

SAY_EVERY_S = 5.0

NOT_TAKEN_SHARE = 0.1
"""A system that has not seen a scenario's time takes more than the rest, usual faults on the way or not."""

_UNATTENDED = """
SELECT wanted FROM unnest(%s::text[]) AS wanted LEFT JOIN api.stage ON stage = wanted
WHERE stage IS NULL OR seen_at < now() - make_interval(secs => %s) ORDER BY wanted
"""

_REACHED = """
SELECT coalesce(sum(received), 0)::bigint,
       (SELECT coalesce(extract(epoch FROM max(as_of)) * 1000, 0) FROM api.cell_now)::bigint,
       coalesce(sum(superseded + rejected), 0)::bigint
FROM api.ledger
WHERE stage IN ('fleet', 'sensing', 'requests')
"""


@dataclass(frozen=True, slots=True)
class Reached:
    """How far the system is: readings and events that the stages have stored, event time of the live cells (ms).

    `not_taken` are those of the received that were superseded or rejected.
    """

    received: int
    live_ms: int
    not_taken: int = 0


@dataclass(frozen=True, slots=True)
class Tables:
    """Reads views of schema api, which every service may (docs/tables.md)."""

    url: str

    def reached(self) -> Reached:
        """Return how far the system is; ScoreError if it cannot be asked."""
        ((received, live_ms, not_taken),) = self._ask(_REACHED, ())
        return Reached(received, live_ms, not_taken)

    def unattended(self, stages: Collection[str]) -> list[str]:
        """Return those of these stages of which one or more partitions have no worker now, or which none ever had.

        So it is in a new system while its worker starts. ScoreError if it cannot be asked.
        """
        return [stage for (stage,) in self._ask(_UNATTENDED, (list(stages), ALIVE_S))]

    def _ask(self, question: LiteralString, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        try:
            with psycopg.connect(self.url, connect_timeout=10) as connection:
                return connection.execute(question, values).fetchall()
        except psycopg.Error as error:
            first = str(error).partition("\n")[0]
            raise ScoreError(
                f"the database cannot be asked how far the system is ({first}); check UB_DATABASE_URL, or unset it: "
                "then only --settle says how long alerts are waited for"
            ) from None


def wait_for_workers(
    unattended: Callable[[], list[str]],
    *,
    wall: Callable[[], float],
    sleep: Callable[[float], None],
    say: Callable[[str], None],
) -> list[str]:
    """Wait until no stage is unattended, READY_WITHIN_S at most, and say so; return those that still are."""
    begin = wall()
    said_at = begin - SAY_EVERY_S
    while (found := unattended()) and wall() - begin < READY_WITHIN_S:
        if wall() - said_at >= SAY_EVERY_S:
            said_at = wall()
            say(
                f"no worker for {', '.join(found)}; waiting for one, {READY_WITHIN_S - (said_at - begin):.0f} s more"
            )
        sleep(POLL_S)
    return found


def wait_for(
    wanted: Reached,
    reached: Callable[[], Reached],
    *,
    wall: Callable[[], float],
    sleep: Callable[[float], None],
) -> Reached:
    """Wait until `wanted` is reached, or nothing has moved for STILL_S; return what was reached."""
    found, moved_at = reached(), wall()
    while found.received < wanted.received or found.live_ms < wanted.live_ms:
        if wall() - moved_at >= STILL_S:
            break
        sleep(POLL_S)
        now = reached()
        if now != found:
            found, moved_at = now, wall()
    return found


def seen_before(before: Reached, after: Reached, sent: int) -> str | None:
    """Return what is to be said where the system took little of the `sent` readings, or None."""
    refused = after.not_taken - before.not_taken
    if refused <= NOT_TAKEN_SHARE * sent:
        return None
    return (
        f"{refused:,} of {sent:,} readings were superseded or rejected (api.rejected_summary says why): if the system "
        "has seen this time, or a later one, score on one that has not, such as that of a new `urbanbrain up`"
    )
