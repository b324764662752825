"""The clock by which silences and due times count from now: the database's. The machine at hand may be an hour off."""

from datetime import UTC, datetime, timedelta
from typing import Any

import click
from psycopg import Connection

_TOLERANCE = timedelta(seconds=30)


def now_of(connection: Connection[Any]) -> datetime:
    """Return the time by the database's clock; whoever reads another one on this machine is told so."""
    from streams.store import queries  # noqa: PLC0415

    there = queries.now(connection)
    if (said := difference(datetime.now(UTC), there)) is not None:
        click.echo(said, err=True)
    return there


def difference(here: datetime, there: datetime) -> str | None:
    """Return how far this machine's clock is off the database's, and which one counts; None where they agree."""
    if abs(there - here) <= _TOLERANCE:
        return None
    seconds, way = abs(there - here).total_seconds(), "behind" if there > here else "ahead of"
    return (
        f"this machine's clock is {seconds:.0f} s {way} the database's, which counts: there it is "
        f"{there:%Y-%m-%d %H:%M:%S} UTC; synchronize them by NTP (chrony, timesyncd)"
    )


def at(when: timedelta | datetime, now: datetime) -> datetime:
    """Return the time that a duration from `now` ends at, or the time itself."""
    return now + when if isinstance(when, timedelta) else when
