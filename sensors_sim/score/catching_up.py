"""Has the system worked off what was sent? At a high speed, or on a busy machine, alerts come long after readings."""

from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from sensors_sim.errors import ScoreError

STILL_S = 60.0
"""What has not moved for so long will not move any more: what is missing was refused, or lost."""

LIVE_WITHIN_MS = 60_000
"""Live cells that are so near the last reading, in event time, are up to date."""

POLL_S = 0.5

_REACHED = """
SELECT (SELECT coalesce(sum(received), 0) FROM api.ledger WHERE stage IN ('fleet', 'sensing', 'requests'))::bigint,
       (SELECT coalesce(extract(epoch FROM max(as_of)) * 1000, 0) FROM api.cell_now)::bigint
"""


@dataclass(frozen=True, slots=True)
class Reached:
    """How far the system is: readings and events that the stages have stored, event time of the live cells (ms)."""

    received: int
    live_ms: int


@dataclass(frozen=True, slots=True)
class Tables:
    """Reads views of schema api, which every service may (docs/tables.md)."""

    url: str

    def reached(self) -> Reached:
        """Return how far the system is; ScoreError if it cannot be asked."""
        try:
            with psycopg.connect(self.url, connect_timeout=10) as connection:
                (row,) = connection.execute(_REACHED).fetchall()
        except psycopg.Error as error:
            first = str(error).partition("\n")[0]
            raise ScoreError(
                f"the database cannot be asked how far the system is ({first}); check UB_DATABASE_URL, or unset it: "
                "then only --settle says how long alerts are waited for"
            ) from None
        return Reached(*map(int, row))


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
