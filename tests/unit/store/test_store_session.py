"""Addresses and errors never show a password."""

import asyncio

import pytest

from streams.errors import ServiceUnavailable, SettingsError
from streams.store.session import Session, address_of


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
    assert caught.value.retry_after > 0
