"""One database connection that comes back after an outage, shared by the coroutines of a process."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus

from streams.database_url import parts_of
from streams.errors import MigrationError, ServiceUnavailable, SettingsError

log = logging.getLogger(__name__)

_CONNECT = {
    # A database host that vanished without a word is noticed after some 15 s, not after 2 hours.
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
}

_SLOW_S = 30.0
"""A transaction that takes longer is said: nothing else shows why nothing is stored."""

_LIFETIME_S = 3600.0
"""An older connection is replaced, as pools do. A server process needs more memory the longer it lives, and its
temporary tables keep VACUUM from advancing the age of the database (pg_database.datfrozenxid)."""

_AUTHORITY = "set sslrootcert in UB_DATABASE_URL to the certificate of the authority that signed its"
ONLY_READS = (
    "if no standby is about to take over, give UB_DATABASE_URL the server that writes, or all of them: "
    "host=a,b and target_session_attrs=read-write; or look for default_transaction_read_only"
)
_FEWER = "raise max_connections, or the limit of the role, or end what does nothing (pg_stat_activity)"
_PATIENCE = (
    "raise the limit that it names for the role (ALTER ROLE … SET), or see what keeps the database busy"
)
_REFUSALS = (
    (
        "does not match host name",
        "shows a certificate that is refused",
        "set the host in UB_DATABASE_URL to a name that stands in its certificate, or give it one with this name "
        "(subjectAltName)",
    ),
    (
        "certificate verify failed",  # libpq does not say why
        "shows a certificate that is refused",
        f"{_AUTHORITY}, or renew its certificate where that has expired",
    ),
    ("root certificate file", "cannot be verified", _AUTHORITY),
    (
        "server does not support SSL",
        "does not speak TLS",
        "switch it on there (ssl = on), or take sslmode out of UB_DATABASE_URL",
    ),
    (
        "no encryption",
        "refuses us without TLS",
        "add sslmode=verify-full to UB_DATABASE_URL, or let this machine and this user in by pg_hba.conf",
    ),
    ("invalid sslmode value", "cannot be asked", "correct UB_DATABASE_URL"),
    (
        "password authentication failed",
        "refuses us",
        "correct the user and the password in UB_DATABASE_URL",
    ),
    *((words, "only reads", ONLY_READS) for words in ("read-only", "hot standby mode")),
    *((words, "has no connection left", _FEWER) for words in ("too many c", "connection slots are reserved")),
    (
        "the database system is",  # starting up, shutting down, in recovery mode, not yet accepting connections
        "is not ready",
        "wait for it, and see in its log what it does if that takes long",
    ),
    *(
        (f"due to {what} timeout", "ends what takes longer than it allows", _PATIENCE)
        for what in ("statement", "lock", "transaction", "idle-in-transaction", "idle-session")
    ),
    ("No space left", "has no disk left", "make room there"),
    (
        "unsupported startup parameter",
        "is a pooler that refuses what UB_DATABASE_URL asks for",
        "take it out there, or name it in ignore_startup_parameters of PgBouncer",
    ),
)
"""What libpq says, what it means that the server does, and the way out."""

LACKING = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.InvalidSchemaName,
)
"""What the database says where a migration is missing."""


PASSING = (
    psycopg.OperationalError,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.TransactionTimeout,
    psycopg.errors.ReadOnlySqlTransaction,
)
"""What the database says where it is away, gives up, or is no place to write for now."""


def lacking() -> MigrationError:
    """Return the error that a person sees then."""
    return MigrationError("the database lacks tables of ours; run `urbanbrain migrate`")


def forbidden(error: psycopg.errors.InsufficientPrivilege) -> SettingsError:
    """Return the error that a person sees when our role may not do what it was to do."""
    said = str(error).splitlines()[0]
    return SettingsError(
        f"UB_DATABASE_URL: its role may not do this ({said}); give that of a member of ub_writer"
    )


def address_of(url: str) -> str:
    """Return host:port/database of a PostgreSQL URL or conninfo string, without its password."""
    try:
        parts = parts_of(url)
    except ValueError as error:
        raise SettingsError(f"UB_DATABASE_URL cannot be read; {error}") from None
    host = str(parts.get("host") or parts.get("hostaddr") or "local socket")
    return f"{host}:{parts.get('port') or 5432}/{parts.get('dbname') or parts.get('user') or ''}"


def unavailable(url: str, error: psycopg.Error) -> ServiceUnavailable:
    """Return the error that a person sees when the database of `url` is away or too busy."""
    lines = str(error).strip().splitlines()
    reason = lines[0] if lines else type(error).__name__
    if "no password supplied" in reason:
        return ServiceUnavailable(
            *("PostgreSQL", address_of(url), reason),
            what="asks for a password",
            way_out="give it in UB_DATABASE_URL (postgresql://USER:PASSWORD@…)",
        )
    for words, what, way_out in _REFUSALS:
        if words in reason:
            return ServiceUnavailable("PostgreSQL", address_of(url), reason, what=what, way_out=way_out)
    # libpq says so of a missing role, of too many connections and of a server that is about to start
    refuses = "FATAL:" in reason or isinstance(error, psycopg.errors.ProgramLimitExceeded)
    return ServiceUnavailable("PostgreSQL", address_of(url), reason, refuses=refuses)


class Session:
    """A lazily opened connection. Transactions of concurrent coroutines run one after the other."""

    def __init__(self, url: str, *, application_name: str, lifetime_s: float = _LIFETIME_S) -> None:
        self.address = address_of(url)
        self._url = url
        given = conninfo_to_dict(url)
        defaults = {name: value for name, value in _CONNECT.items() if name not in given}
        self._conninfo = make_conninfo(url, **defaults)
        self._application_name = application_name
        self._connection: AsyncConnection[tuple[Any, ...]] | None = None
        self._lifetime_s, self._until = lifetime_s, 0.0
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with self._lock:
            await self._disconnect()

    @asynccontextmanager
    async def transaction(
        self, within_s: float | None = None
    ) -> AsyncIterator[AsyncConnection[tuple[Any, ...]]]:
        """Run the body in one transaction, committed at its end, rolled back when it raises.

        After `within_s` from its BEGIN on the connection is broken (`abort`), for an answer may never come.

        Raises ServiceUnavailable when the database is away, shuts down, or gives up for a reason that
        passes (deadlock, too many connections, disk full, read-only). Whether a commit that was interrupted took
        place is then unknown: what runs here must do no harm when it is repeated. MigrationError where
        it lacks tables of ours, SettingsError where our role may not do this.
        """
        async with self._lock:
            connection = await self._connect()
            loop = asyncio.get_running_loop()
            overdue = None if within_s is None else loop.call_later(within_s, self.abort)
            slow, since = loop.call_later(_SLOW_S, self._say_slow), loop.time()
            try:
                async with connection.transaction():
                    yield connection
            except PASSING as error:
                if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
                    await self._disconnect()  # the next connection may lead to a server that writes
                await self._drop_if_broken()
                raise unavailable(self._url, error) from error
            except LACKING:
                raise lacking() from None
            except psycopg.errors.InsufficientPrivilege as error:
                raise forbidden(error) from None
            except psycopg.InterfaceError as error:  # "the connection is closed", or misuse of psycopg
                if not await self._drop_if_broken():
                    raise
                raise unavailable(self._url, error) from error
            finally:
                slow.cancel()
                if (took_s := loop.time() - since) > _SLOW_S:
                    self._say_slow_one_ended(took_s)
                if overdue is not None:
                    overdue.cancel()

    def _say_slow(self) -> None:
        log.warning(
            "PostgreSQL at %s: a transaction of %s has taken %.0f s until now; `urbanbrain doctor` says whether "
            "somebody holds a lock that it waits for",
            *(self.address, self._application_name, _SLOW_S),
        )

    def _say_slow_one_ended(self, took_s: float) -> None:
        log.warning(
            "PostgreSQL at %s: a transaction of %s ended after %.0f s",
            *(self.address, self._application_name, took_s),
        )

    def abort(self) -> None:
        """Break the connection: who waits for its answer fails at once, silent as the server may be."""
        connection = self._connection
        if connection is not None and not connection.closed:
            with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as link:
                link.shutdown(socket.SHUT_RDWR)

    async def _connect(self) -> AsyncConnection[tuple[Any, ...]]:
        await self._drop_if_broken()
        if time.monotonic() >= self._until:
            await self._disconnect()
        if self._connection is None:
            try:
                self._connection = await AsyncConnection.connect(
                    self._conninfo, autocommit=True, application_name=self._application_name
                )
            except psycopg.OperationalError as error:
                raise unavailable(self._url, error) from error
            self._until = time.monotonic() + self._lifetime_s
        return self._connection

    async def _drop_if_broken(self) -> bool:
        """Part with a connection that is closed, or still in the midst of something; return whether it was.

        psycopg leaves one so where a COPY is cancelled just as the database answers: it would refuse all that follows.
        """
        if self._connection is None or self._connection.info.transaction_status is TransactionStatus.IDLE:
            return False
        await self._disconnect()
        return True

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
