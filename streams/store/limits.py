"""What readers of the database may use up. It is set at each `migrate`: a dump of a database does not hold it.

Temporary tables and large objects know no limit, so readers may make none; ub_writer stages its batches in some. A
statement_timeout guards against mistakes: a session may set another one. What somebody has set for ub_reader stays.
"""

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.sql import SQL, Composed, Identifier, Literal

_SETTINGS = {"statement_timeout": "60s", "temp_file_limit": "1GB"}

_IS_SET = """
SELECT split_part(one, '=', 1) FROM pg_db_role_setting s, unnest(s.setconfig) AS one
WHERE s.setrole = 'ub_reader'::regrole
  AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
_MAKES_LARGE_OBJECTS = "SELECT has_function_privilege('ub_reader', 'lo_create(oid)', 'EXECUTE')"
_NO_LARGE_OBJECTS = SQL(
    "REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) FROM PUBLIC"
)


async def limit_readers(connection: AsyncConnection[Any], log: Callable[[str], None]) -> None:
    """Set the limits that are lacking; `log` is told of those that only a superuser may set."""
    database = Identifier(connection.info.dbname)
    await connection.execute(SQL("GRANT TEMPORARY ON DATABASE {} TO ub_writer").format(database))
    await connection.execute(SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(database))
    found = {name for (name,) in await (await connection.execute(_IS_SET)).fetchall()}
    for name, value in _SETTINGS.items():
        if name not in found:
            setting = SQL("ALTER ROLE ub_reader IN DATABASE {} SET {} = {}")
            statement = setting.format(database, Identifier(name), Literal(value))
            await _try(connection, statement, f"{name} of ub_reader", log)
    if (await (await connection.execute(_MAKES_LARGE_OBJECTS)).fetchall())[0][0]:
        await _try(connection, Composed([_NO_LARGE_OBJECTS]), "that readers make no large objects", log)


async def _try(
    connection: AsyncConnection[Any], statement: Composed, what: str, log: Callable[[str], None]
) -> None:
    try:
        async with connection.transaction():
            await connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        log(f"{what} is a superuser's to set: docs/operations.md, Roles and passwords")
