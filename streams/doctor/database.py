"""Checks of the database: it answers, fits this program, and lets us write."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from streams.doctor.check import RIGHTS_ADVICE, TIMEOUT_S, Check, first_line
from streams.doctor.running import (
    check_deliveries,
    check_operators,
    check_refused,
    check_room,
    check_stages,
)
from streams.errors import MigrationError
from streams.settings import Settings
from streams.store.filled_with import FILLED_WITH, WAY_OUT, difference, fills_with, named
from streams.store.migrate import missing
from streams.store.session import ONLY_READS, address_of, unavailable

CLOCK_TOLERANCE_S = 2.0


def check_database(settings: Settings, timeout_s: float = TIMEOUT_S) -> list[Check]:
    """The database answers, has TimescaleDB and our schema, lets us write, and agrees about the time."""
    url = settings.database_url.get_secret_value()
    with connected(url, timeout_s) as connection:

        def ask[T](check: Callable[..., T], *more: object) -> T:
            with limited(connection, timeout_s):
                return check(connection, *more)

        user = connection.info.user
        found = [
            Check("database", True, f"{address_of(url)} answers, PostgreSQL {_version(connection)}, {user}")
        ]
        found.append(ask(check_clock))
        found.append(ask(check_timescale))
        schema = check_schema(url, timeout_s)
        found.append(schema)
        if schema.ok:
            found += [
                ask(check_rights),
                ask(check_filled, settings),
                ask(check_stages),
                ask(check_room, settings, timeout_s),
                ask(check_refused, timeout_s),
            ]
            found += ask(check_operators, settings)
            found += ask(check_deliveries, settings)
    return found


def check_clock(connection: psycopg.Connection[Any]) -> Check:
    """The clocks of this machine and of the database agree: both stamp readings."""
    asked = time.time()
    row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    answered = time.time()
    assert row is not None
    ahead = row[0] - (asked + answered) / 2
    detail = f"the database's is {ahead:+.1f} s from this machine's"
    # it looked at its clock at any time in between
    if abs(ahead) > CLOCK_TOLERANCE_S + (answered - asked) / 2:
        return Check(
            "clock", False, detail, "synchronize the clocks of both machines by NTP (chrony, timesyncd)"
        )
    return Check("clock", True, detail)


def check_timescale(connection: psycopg.Connection[Any]) -> Check:
    """The extension is installed in this database; which edition it is decides what it can do."""
    row = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
    if row is None:
        return Check(
            "TimescaleDB",
            False,
            "the extension is not installed in this database",
            "run `urbanbrain migrate` with the owner's UB_DATABASE_URL; the server needs the package too",
        )
    licence = connection.execute("SELECT current_setting('timescaledb.license', true)").fetchone()
    edition = "Community" if licence is not None and licence[0] == "timescale" else "Apache"
    return Check("TimescaleDB", True, f"{row[0]}, {edition} edition")


def check_schema(url: str, timeout_s: float) -> Check:
    """Every migration of this program is applied, and none of a newer one."""
    try:
        pending = asyncio.run(asyncio.wait_for(missing(url), timeout_s))
    except MigrationError as error:
        return Check("schema", False, str(error), "run the program that belongs to this database")
    except TimeoutError:
        return Check(
            "schema", False, f"no answer within {timeout_s:g} s", "look for locks in pg_stat_activity"
        )
    except psycopg.errors.InsufficientPrivilege as error:
        return Check("schema", False, first_line(error), RIGHTS_ADVICE)
    if pending:
        advice = "run `urbanbrain migrate` with the owner's UB_DATABASE_URL"
        return Check("schema", False, f"not applied: {', '.join(pending)}", advice)
    return Check("schema", True, "every migration is applied")


def check_rights(connection: psycopg.Connection[Any]) -> Check:
    """The server writes, and we may write every table of schema ub and stage batches in temporary tables."""
    if connection.execute("SELECT current_setting('transaction_read_only')::boolean").fetchall() == [(True,)]:
        return Check("rights", False, "the server only reads", ONLY_READS)
    rows = connection.execute(
        """
        SELECT relname FROM pg_class
        WHERE relnamespace = 'ub'::regnamespace AND relkind IN ('r', 'p') AND relname <> 'schema_migration'
          AND NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
               AND has_table_privilege(oid, 'UPDATE'))
        ORDER BY relname
        """
    ).fetchall()
    refused = [name for (name,) in rows]
    temporary = connection.execute(
        "SELECT has_database_privilege(current_database(), 'TEMPORARY')"
    ).fetchone()
    if temporary is None or not temporary[0]:
        refused.append("temporary tables")
    if refused:
        return Check(
            "rights",
            False,
            f"{connection.info.user} may not write {', '.join(refused)}",
            "connect as ub_writer, or run `urbanbrain migrate`, which grants it its rights",
        )
    return Check("rights", True, f"{connection.info.user} may write schema ub")


def check_filled(connection: psycopg.Connection[Any], settings: Settings) -> Check:
    """The database was filled with the cells and windows of our settings: workers refuse to go on with others."""
    name = "cells and windows"
    try:
        before = dict(connection.execute(FILLED_WITH).fetchall())
    except psycopg.errors.InsufficientPrivilege as error:
        return Check(name, False, first_line(error), RIGHTS_ADVICE)
    if said := difference(fills_with(settings), before):
        return Check(name, False, said, WAY_OUT)
    if not before:
        return Check(name, True, "no worker has filled the database yet")
    return Check(name, True, f"the database was filled with {named(before)}")


@contextmanager
def connected(url: str, timeout_s: float) -> Iterator[psycopg.Connection[Any]]:
    """Connect within `timeout_s`; ServiceUnavailable where that is not possible, or ends."""
    try:
        with psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=int(timeout_s),
            application_name="urbanbrain doctor",
        ) as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise unavailable(url, error) from error


@contextmanager
def limited(connection: psycopg.Connection[Any], timeout_s: float) -> Iterator[None]:
    """Let each question of the body take `timeout_s` at most.

    It is one transaction: a pooler refuses a limit in the URL's options, and where it shares sessions, others would get
    what is set for longer.
    """
    with connection.transaction():
        connection.execute(f"SET LOCAL statement_timeout = {int(timeout_s * 1000)}".encode())
        yield


def _version(connection: psycopg.Connection[Any]) -> str:
    number = connection.info.server_version
    return f"{number // 10_000}.{number % 10_000}"
