"""Bring the database to the schema of this program: numbered SQL files, each applied once.

A file `NNNN_name.sql` applies to every database, `NNNN_name.community.sql` only where TimescaleDB's
Community edition runs; on the Apache edition it stays pending, so that a later change of edition
finds it. Files must not open or end transactions: each runs in one, together with its row in
ub.schema_migration.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from streams.errors import MigrationError, ServiceUnavailable
from streams.store.limits import limit_readers
from streams.store.rights import grant_rights
from streams.store.session import unavailable

MIGRATIONS = Path(__file__).parent / "migrations"

_LOCK = 0x7562_6D69_6772  # "ubmigr": taken by every process that migrates this database

_LOOK_S = 5.0

_REWORDED = {
    "31d96370c1fc1ba56f443bfcf46e3c9f58cf6c45a2001f3ccd654b175f8ecf4a": (
        "53afce185f1427f3e4cb2760b3cede71d1155dab3760f84e22a857763dc838b4"
    ),
}
"""Checksums of files of which only a comment was changed since: of each the present one. Databases hold either."""

_INSTALL = (
    "install it on the database server (Debian: apt install postgresql-17-timescaledb; elsewhere the image "
    "timescale/timescaledb:latest-pg17), set shared_preload_libraries = 'timescaledb' and restart PostgreSQL"
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One SQL file. `community` migrations are for TimescaleDB's Community edition only."""

    version: int
    name: str
    sql: str
    community: bool

    @property
    def checksum(self) -> str:
        """SHA-256 of the SQL text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Applied:
    """One row of ub.schema_migration."""

    version: int
    name: str
    checksum: str


def load(folder: Path = MIGRATIONS) -> list[Migration]:
    """Return the migrations of a folder by version; raises MigrationError where two have the same one."""
    found: dict[int, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        name = path.stem.removesuffix(".community")
        version = int(name.split("_", 1)[0])
        if version in found:
            raise MigrationError(
                f"migrations {found[version].name} and {name} have the same number; "
                "give the newer one the next number"
            )
        # read as text, so that line ends of another system do not change the checksum
        found[version] = Migration(version, name, path.read_text("utf-8"), path.stem.endswith(".community"))
    return list(found.values())


def pending(known: Sequence[Migration], applied: Sequence[Applied], *, community: bool) -> list[Migration]:
    """Return what is still to be applied, in order.

    Raises MigrationError where the database holds a migration that this program does not know, or
    one whose file was edited afterwards.
    """
    by_version: Mapping[int, Migration] = {migration.version: migration for migration in known}
    if unknown := [row for row in applied if row.version not in by_version]:
        newest = max(unknown, key=lambda row: row.version)
        raise MigrationError(
            f"the database is at migration {newest.name}, this program knows migrations up to "
            f"{max(by_version, default=0):04}; run the newer program, or restore a backup from before it"
        )
    for row in applied:
        migration = by_version[row.version]
        if migration.checksum != _REWORDED.get(row.checksum, row.checksum):
            raise MigrationError(
                f"migration {row.name} was edited after it was applied (sha256 {row.checksum[:12]} then, "
                f"{migration.checksum[:12]} now); restore the file and put the change into a new migration"
            )
    done = {row.version for row in applied}
    return [m for m in known if m.version not in done and (community or not m.community)]


async def migrate(url: str, log: Callable[[str], None], folder: Path = MIGRATIONS) -> list[str]:
    """Apply what is pending and return the names of what was applied.

    `url` must log in as the owner of the database (a superuser, or a role with CREATEROLE). Several
    processes may call this at once: one works, the others wait and find nothing to do.

    Raises MigrationError, or ServiceUnavailable when the database is away.
    """
    known = load(folder)
    async with _owning(), _connect(url) as connection, _locked(connection, log):
        await _prepare(connection)
        applied = await _applied(connection)
        if applied and await grant_rights(connection):
            log("roles or rights were lacking, as after a restore; granted")
        done = []
        for migration in pending(known, applied, community=await _is_community(connection)):
            log(f"migration {migration.name}")
            await _apply(connection, migration)
            done.append(migration.name)
        await limit_readers(connection, log)
        return done


async def missing(url: str, folder: Path = MIGRATIONS) -> list[str]:
    """Return the names of migrations that the database still lacks, as ub_writer can see them.

    All of them where it was never migrated. Raises MigrationError where it is newer than this program,
    or ServiceUnavailable when it is away.
    """
    known = load(folder)
    async with _connect(url) as connection:
        if not await _scalar(connection, "SELECT to_regclass('ub.schema_migration') IS NOT NULL"):
            return [m.name for m in known if not m.community]
        todo = pending(known, await _applied(connection), community=await _is_community(connection))
        return [migration.name for migration in todo]


async def say_what_differs(url: str, log: Callable[[str], None], folder: Path = MIGRATIONS) -> None:
    """Say so where the database is not at the migrations of this program: a worker goes on with what is there.

    A database that is away, or hides this from us, is said elsewhere.
    """
    try:
        todo = await asyncio.wait_for(missing(url, folder), _LOOK_S)
    except MigrationError as error:
        log(str(error))
    except (ServiceUnavailable, psycopg.Error, TimeoutError):
        pass
    else:
        if todo:
            log(
                f"the database lacks migrations of this program, from {todo[0]} on; run `urbanbrain migrate` with "
                "the owner's UB_DATABASE_URL"
            )


@asynccontextmanager
async def _connect(url: str) -> AsyncIterator[AsyncConnection[Any]]:
    try:
        async with await AsyncConnection.connect(
            url, autocommit=True, connect_timeout=5, application_name="urbanbrain migrate"
        ) as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise unavailable(url, error) from error


@asynccontextmanager
async def _owning() -> AsyncIterator[None]:
    """Say what to do where the login may not do what a migration does."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        reason = str(error).strip().splitlines()[0]
        raise MigrationError(
            f"{reason}; migrate as the owner of the database: set UB_DATABASE_URL"
        ) from error


@asynccontextmanager
async def _locked(connection: AsyncConnection[Any], log: Callable[[str], None]) -> AsyncIterator[None]:
    """Hold the advisory lock of this database; it goes with the session if the process dies."""
    if not await _scalar(connection, "SELECT pg_try_advisory_lock(%s)", _LOCK):
        log("another process is migrating this database; waiting for it")
        await connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    try:
        yield
    finally:
        if not connection.closed:
            await connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


async def _prepare(connection: AsyncConnection[Any]) -> None:
    """Make the extension and the table of migrations, and fix the search_path for what follows."""
    await connection.execute("SET client_min_messages = warning")
    if not await _scalar(
        connection, "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"
    ):
        await _create_extension(connection)
    schema = await _scalar(
        connection,
        "SELECT nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
        "WHERE extname = 'timescaledb'",
    )
    await connection.execute(SQL("SET search_path = pg_catalog, {}, pg_temp").format(Identifier(schema)))
    await connection.execute("CREATE SCHEMA IF NOT EXISTS ub")
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS ub.schema_migration (version integer PRIMARY KEY, name text NOT NULL, "
        "checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )


async def _create_extension(connection: AsyncConnection[Any]) -> None:
    if not await _scalar(
        connection, "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')"
    ):
        raise MigrationError(f"TimescaleDB is not installed beside this PostgreSQL; {_INSTALL}")
    try:
        await connection.execute("CREATE EXTENSION timescaledb")
    except psycopg.Error as error:
        # Without shared_preload_libraries TimescaleDB ends the session with a FATAL error.
        reason = str(error).strip().splitlines()[0]
        raise MigrationError(f"the extension timescaledb cannot be created ({reason}); {_INSTALL}") from error


async def _is_community(connection: AsyncConnection[Any]) -> bool:
    return bool(
        await _scalar(connection, "SELECT current_setting('timescaledb.license', true) = 'timescale'")
    )


async def _applied(connection: AsyncConnection[Any]) -> list[Applied]:
    cursor = await connection.execute(
        "SELECT version, name, checksum FROM ub.schema_migration ORDER BY version"
    )
    return [Applied(*row) for row in await cursor.fetchall()]


async def _apply(connection: AsyncConnection[Any], migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(migration.sql.encode())  # no parameters: several statements are allowed
            await connection.execute(
                "INSERT INTO ub.schema_migration (version, name, checksum) VALUES (%s, %s, %s)",
                (migration.version, migration.name, migration.checksum),
            )
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        raise MigrationError(
            f"migration {migration.name} failed and was rolled back ({str(error).strip()}); "
            "the database is as it was before it"
        ) from error


async def _scalar(connection: AsyncConnection[Any], query: str, *parameters: object) -> Any:
    cursor = await connection.execute(query.encode(), parameters or None)
    row = await cursor.fetchone()
    return row[0] if row else None
