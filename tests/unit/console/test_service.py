"""The whole console without a database: it serves, says so, and ends at once."""

import asyncio
from functools import partial
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from streams import settings as settings_module
from streams.console import service, stuck, unasked
from streams.console.api import application
from streams.console.service import serving
from streams.errors import SettingsError

NOWHERE = "postgresql://ub_reader:sesame@127.0.0.1:1/urbanbrain"


MUCH = 1 << 24
"""Bytes: more than the buffers of a socket hold."""


def settings(**given: object) -> settings_module.Settings:
    return settings_module.load(database_url=NOWHERE, console_port=0, **given)


def test_it_serves_without_a_database_says_why_and_ends_at_once_with_its_streams(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not after a heartbeat, which does not come here."""
    monkeypatch.setattr(service, "application", partial(service.application, heartbeat_s=3600.0))

    async def run() -> None:
        async with aiohttp.ClientSession() as client, asyncio.timeout(60):
            async with serving(settings(), None) as url:
                async with client.get(f"{url}health") as answer:
                    body = await answer.json()
                    assert (answer.status, body["status"]) == (503, "stale")
                async with client.get(url) as page:
                    assert page.status == 200
                stream = await client.get(f"{url}api/v1/live")
                assert b"retry: 1000" in await stream.content.readline()
            assert b'"fresh":false' in await stream.content.read(), "closed, not reset"

    asyncio.run(run())


def test_an_address_that_is_taken_is_named_with_the_way_out() -> None:
    async def run() -> None:
        async with serving(settings(), None) as url:
            port = int(url.rstrip("/").rpartition(":")[2])
            taken = settings_module.load(database_url=NOWHERE, console_port=port)
            with pytest.raises(SettingsError, match=rf"UB_CONSOLE_PORT={port}.*0 for any free port"):
                async with serving(taken, None):
                    pass

    asyncio.run(run())


@pytest.mark.parametrize(
    ("request_", "logged"),
    [(b"GET /" + b"x" * 9_000 + b" HTTP/1.1", False), (b"GET / HTTP/1.1\r\nno header", True)],
    ids=["too long", "no request"],
)
def test_a_line_that_is_too_long_is_answered_and_no_error_in_the_log(
    request_: bytes, logged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        async with serving(settings(), None) as url:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", int(url.rstrip("/").rpartition(":")[2])
            )
            writer.write(request_ + b"\r\nHost: localhost\r\n\r\n")
            assert b" 400 " in await reader.readline()
            writer.close()

    asyncio.run(run())
    assert any(record.levelname == "ERROR" for record in caplog.records) is logged


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (b"GET /health HTTP/1.1\r\n\r\n", "Missing 'Host' header in request."),
        (b"GET / HTTP/9.9\r\n\r\n", "Invalid HTTP version"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\na\x9b\x1b[2J b: c\r\n\r\n", "header"),
    ],
    ids=["no host", "another version", "escapes"],
)
def test_a_request_that_is_no_http_is_one_line_in_the_log(
    request_: bytes, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever looks which ports are open would fill it with tracebacks."""

    async def run() -> None:
        async with serving(settings(), None) as url:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", int(url.rstrip("/").rpartition(":")[2])
            )
            writer.write(request_)
            assert b" 400 " in await reader.readline()
            writer.close()

    asyncio.run(run())
    (record,) = (one for one in caplog.records if one.name.endswith("console.service.server"))
    assert record.exc_info is None
    assert record.getMessage().startswith("a request that is no HTTP is answered with 400: ")
    assert said in record.getMessage()
    assert record.getMessage().isprintable()


def test_connections_on_which_nothing_is_asked_are_closed_and_others_are_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They were kept for ever, each with an open file: 256 of them, and nobody was served any more."""
    monkeypatch.setattr(unasked, "PATIENCE_S", 0.1)
    monkeypatch.setattr(service, "_SWEEP_S", 0.02)

    async def run() -> None:
        async with serving(settings(), None) as url, asyncio.timeout(30):
            port = int(url.rstrip("/").rpartition(":")[2])
            (nothing, a), (half, b), (asks, c) = [
                await asyncio.open_connection("127.0.0.1", port) for _ in range(3)
            ]
            b.write(b"GET /hea")
            c.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b" 503 " in await asks.readline()
            assert await nothing.read() == b""
            assert await half.read() == b""
            c.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert (await asks.read()).count(b" 503 ") == 1
            for writer in (a, b, c):
                writer.close()

    asyncio.run(run())


def test_a_client_that_takes_nothing_of_an_answer_is_cut_off_which_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each that asked for all cells of a city, and never read, kept 8 MB for ever."""
    monkeypatch.setattr(stuck, "STUCK_S", 1.0)
    monkeypatch.setattr(service, "_SWEEP_S", 0.02)

    async def much(_request: web.Request) -> web.Response:
        return web.Response(body=bytes(MUCH))

    def with_much(*given: Any, **named: Any) -> web.Application:
        app = application(*given, **named)
        app.router.add_get("/much", much)
        return app

    monkeypatch.setattr(service, "application", with_much)

    async def run() -> None:
        async with serving(settings(), None) as url, asyncio.timeout(30):
            port = int(url.rstrip("/").rpartition(":")[2])
            connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            for _, writer in connections:
                writer.write(b"GET /much HTTP/1.1\r\nHost: localhost\r\n\r\n")
            (reads, a), (reads_not, b) = connections
            taken = 0
            while taken < MUCH:
                taken += len(await reads.read(1 << 16))
                await asyncio.sleep(0.01)  # all of it takes longer than a client may take nothing
            assert len(await reads_not.read()) < MUCH
            for writer in (a, b):
                writer.close()

    asyncio.run(run())


def test_it_listens_on_the_loopback_only_unless_it_is_told_otherwise() -> None:
    assert settings_module.Settings.model_fields["console_host"].default == "127.0.0.1"


def test_an_empty_address_is_refused_for_it_would_be_every_interface() -> None:
    with pytest.raises(SettingsError, match="UB_CONSOLE_HOST"):
        settings(console_host="")
