"""Addresses and errors never show a password."""

import asyncio
import struct

import psycopg
import pytest

from streams.errors import ServiceUnavailable, SettingsError
from streams.store.session import Session, address_of, unavailable


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("postgresql://ub_writer:sesame@db.example:6543/urbanbrain", "db.example:6543/urbanbrain"),
        ("postgresql://ub_writer@127.0.0.1/urbanbrain", "127.0.0.1:5432/urbanbrain"),
        ("host=/run/postgresql user=ub_writer password=sesame", "/run/postgresql:5432/ub_writer"),
        ("postgresql:///urbanbrain", "local socket:5432/urbanbrain"),
    ],
)
def test_an_address_has_host_port_and_database_only(url: str, address: str) -> None:
    assert address_of(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:ses%zame@h:1/d",
        "postgresql://u:p@sesame@h:1/d",
        # As `openssl rand -base64` makes them: what stands before the slash is taken for the port, the rest for the
        # database.
        "postgresql://u:ses/ame@h:1/d",
        "postgresql://u:123/sesame@h:1/d",
        "postgresql://u:p@h:1sesame/d",
    ],
)
def test_a_url_that_cannot_be_read_is_not_quoted(url: str) -> None:
    with pytest.raises(SettingsError, match="UB_DATABASE_URL cannot be read") as caught:
        Session(url, application_name="test")
    assert "ses" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_database_with_an_at_sign_in_its_name_has_it_encoded_as_a_password_has() -> None:
    assert address_of("postgresql://u:p@h:1/a%40b") == "h:1/a@b"
    assert address_of("postgresql://u:p@h:1,i:2/d") == "h,i:1,2/d"


def test_a_database_that_is_away_is_named_without_the_password() -> None:
    async def run() -> None:
        async with (
            Session("postgresql://u:sesame@127.0.0.1:1/d", application_name="test") as session,
            session.transaction(),
        ):
            pass

    with pytest.raises(ServiceUnavailable, match=r"PostgreSQL at 127\.0\.0\.1:1/d does not answer") as caught:
        asyncio.run(run())
    assert "sesame" not in str(caught.value)
    assert "; start it, or correct UB_DATABASE_URL; " in str(caught.value)
    assert caught.value.retry_after > 0


def test_a_password_that_is_missing_is_asked_for() -> None:
    error = psycopg.OperationalError("connection failed: … failed: fe_sendauth: no password supplied")
    said = str(unavailable("postgresql://ub_writer@127.0.0.1:1/d", error))
    assert said.startswith("PostgreSQL at 127.0.0.1:1/d asks for a password (")
    assert "; give it in UB_DATABASE_URL (" in said
    assert "start it" not in said


@pytest.mark.parametrize(
    ("reason", "what", "way_out"),
    [
        (
            "SSL error: certificate verify failed",
            "shows a certificate that is refused",
            "set sslrootcert in UB_DATABASE_URL to the certificate of the authority that signed its, or renew its",
        ),
        (
            'server certificate for "db" (and 1 other name) does not match host name "10.0.0.1"',
            "shows a certificate that is refused",
            "set the host in UB_DATABASE_URL to a name that stands in its certificate, or give it one with this name "
            "(subjectAltName)",
        ),
        (
            'root certificate file "/nope.pem" does not exist',
            "cannot be verified",
            "set sslrootcert in UB_DATABASE_URL to the certificate of the authority that signed its",
        ),
        (
            "server does not support SSL, but SSL was required",
            "does not speak TLS",
            "switch it on there (ssl = on), or take sslmode out of UB_DATABASE_URL",
        ),
        (
            'FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "u", database "d", no encryption',
            "refuses us without TLS",
            "add sslmode=verify-full to UB_DATABASE_URL",
        ),
        ('invalid sslmode value: "verify_full"', "cannot be asked", "correct UB_DATABASE_URL"),
        (
            'FATAL:  password authentication failed for user "u"',
            "refuses us",
            "correct the user and the password in UB_DATABASE_URL",
        ),
        ("session is read-only", "only reads", "if no standby is about to take over, give UB_DATABASE_URL"),
        ("server is in hot standby mode", "only reads", "if no standby is about to take over, give"),
        ("FATAL:  sorry, too many clients already", "has no connection left", "raise max_connections"),
        (
            'FATAL:  too many connections for role "ub_writer"',
            "has no connection left",
            "raise max_connections, or the limit of the role",
        ),
        (
            "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
            "has no connection left",
            "raise max_connections",
        ),
        ("FATAL:  the database system is not yet accepting connections", "is not ready", "wait for it"),
        (
            "FATAL:  unsupported startup parameter in options: statement_timeout",
            "is a pooler that refuses what UB_DATABASE_URL asks for",
            "take it out there, or name it in ignore_startup_parameters of PgBouncer",
        ),
    ],
)
def test_what_is_wrong_with_tls_or_the_login_is_said_with_the_way_out(
    reason: str, what: str, way_out: str
) -> None:
    error = psycopg.OperationalError(
        f'connection failed: connection to server at "10.0.0.1" failed: {reason}\nmore'
    )
    said = str(unavailable("postgresql://u:sesame@10.0.0.1:1/d", error))
    assert said.startswith(f"PostgreSQL at 10.0.0.1:1/d {what} (")
    assert f"); {way_out}" in said
    assert "start it" not in said


@pytest.mark.parametrize(
    ("reason", "what", "way_out"),
    [
        ("cannot execute INSERT in a read-only transaction", "only reads", "if no standby is about to"),
        (
            "canceling statement due to statement timeout",
            "ends what takes longer than it allows",
            "raise the limit that it names for the role (ALTER ROLE … SET), or see what keeps the database busy",
        ),
        (
            "canceling statement due to lock timeout",
            "ends what takes longer than it allows",
            "raise the limit",
        ),
        (
            'could not extend file "base/16384/2691": No space left on device',
            "has no disk left",
            "make room there",
        ),
    ],
)
def test_why_a_database_gives_up_is_said_with_the_way_out(reason: str, what: str, way_out: str) -> None:
    said = str(unavailable("postgresql://u:sesame@10.0.0.1:1/d", psycopg.OperationalError(reason)))
    assert said.startswith(f"PostgreSQL at 10.0.0.1:1/d {what} ({reason}); {way_out}")


async def _let_in_and_fall_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Log a client of PostgreSQL's protocol 3.0 in, and answer nothing any more."""
    (size,) = struct.unpack("!i", await reader.readexactly(4))
    await reader.readexactly(size - 4)
    authentication_ok, ready_for_query = b"R" + struct.pack("!ii", 8, 0), b"Z" + struct.pack("!i", 5) + b"I"
    writer.write(authentication_ok + ready_for_query)
    while await reader.read(1024):
        pass
    writer.close()


def test_a_connection_on_which_even_begin_is_not_answered_is_broken_in_time() -> None:
    async def run() -> None:
        server = await asyncio.start_server(_let_in_and_fall_silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        url = f"postgresql://u@127.0.0.1:{port}/d?sslmode=disable&gssencmode=disable"
        async with server, asyncio.timeout(60), Session(url, application_name="test") as session:
            with pytest.raises(ServiceUnavailable, match="does not answer"):
                async with session.transaction(within_s=0.1):
                    pass

    asyncio.run(run())
