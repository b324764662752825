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


@pytest.mark.parametrize("url", ["postgresql://u:ses%zame@h:1/d", "postgresql://u:p@sesame@h:1/d"])
def test_a_url_that_cannot_be_read_is_not_quoted(url: str) -> None:
    with pytest.raises(SettingsError, match="UB_DATABASE_URL cannot be read") as caught:
        Session(url, application_name="test")
    assert "ses" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


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
