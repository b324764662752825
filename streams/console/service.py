"""`urbanbrain console`: the web server and the poll, from settings, until it is asked to stop."""

import asyncio
import logging
import math
import resource
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from streams.console.api import application
from streams.console.crowded import Crowded
from streams.console.database import Database
from streams.console.freshness import Freshness
from streams.console.hosts import names_allowed, url_of
from streams.console.live import Hub, poll, watch
from streams.console.stuck import Stuck
from streams.console.unasked import Unasked
from streams.errors import SettingsError
from streams.fold.outlines import District
from streams.printable import printable
from streams.retry import set_within
from streams.settings import Settings

log = logging.getLogger(__name__)

_STALE_AFTER_S = 5.0
_SHUTDOWN_S = 0.5
"""For requests under way; streams are ended before."""
_KEEP_S = 75.0
"""For the next question of who asked one; aiohttp's own is an hour."""
_SWEEP_S = 1.0
_MOST_SAID = 200
"""Characters of what is wrong with a request."""


async def run(settings: Settings, stop: asyncio.Event, district: District | None) -> None:
    """Serve until `stop` is set; a database that is away at the start is waited for while serving."""
    async with serving(settings, district) as url:
        log.info("the console is at %s", url)
        await stop.wait()
        log.info("stopping")


@asynccontextmanager
async def serving(settings: Settings, district: District | None) -> AsyncIterator[str]:
    """Serve while the context lasts; its value is the URL. Raises SettingsError where it cannot listen.

    `district` tells the districts that silences may ask for; None where they are not known.
    """
    stale_after_s = max(_STALE_AFTER_S, 3 * settings.console_poll_s)
    hub = Hub(Freshness(stale_after_s, datetime.now(UTC)), settings.console_max_clients)
    database = Database(settings.database_url.get_secret_value(), district)
    # Handlers end with their clients: those of the live stream would wait for the next heartbeat otherwise.
    allows = names_allowed(settings.console_host, settings.console_hosts)
    app, unasked = application(hub, database, allows, timezone=settings.timezone), Unasked[object](_room())

    async def note(request: web.Request, _response: web.StreamResponse) -> None:
        unasked.asked(request.protocol)

    app.on_response_prepare.append(note)
    runner = web.AppRunner(
        app,
        handler_cancellation=True,
        keepalive_timeout=_KEEP_S,
        access_log=None,
        logger=_server_log(),
        shutdown_timeout=_SHUTDOWN_S,
    )
    await runner.setup()
    asyncio.get_running_loop().set_exception_handler(Crowded())
    ended = asyncio.Event()
    tasks: list[asyncio.Task[None]] = []
    try:
        url = await _listen(runner, settings.console_host, settings.console_port)
        tasks += [
            asyncio.create_task(poll(database, hub, settings.console_poll_s, ended), name="poll"),
            asyncio.create_task(watch(hub, ended, stale_after_s), name="watch"),
            asyncio.create_task(_sweep(runner, unasked, ended), name="sweep"),
        ]
        yield url
    finally:
        # 1. streams and questions come to their end, a poll that waits is broken off
        ended.set()
        hub.end()
        database.abort()
        if tasks:
            await asyncio.wait(tasks, timeout=_SHUTDOWN_S)
        for task in tasks:  # connecting, at the most
            task.cancel()
        # 2. the server, then the connections
        await runner.cleanup()
        await asyncio.gather(*tasks, return_exceptions=True)
        await database.close()


async def _sweep(runner: web.AppRunner, unasked: Unasked[object], stop: asyncio.Event) -> None:
    """Close connections on which nothing is asked, cut those that take no answer, until `stop` is set."""
    stuck = Stuck[asyncio.Transport]()
    while not stop.is_set():
        open_ones = [] if runner.server is None else runner.server.connections
        closing = set(unasked.to_close(open_ones, time.monotonic()))
        for connection in open_ones:
            if connection in closing:
                connection.force_close()
        transports = [one.transport for one in open_ones if one.transport is not None]
        waiting = {one: one.get_write_buffer_size() for one in transports}
        for transport in stuck.to_cut(waiting, time.monotonic()):
            transport.abort()  # closing it would wait until all is taken
        await set_within(stop, _SWEEP_S)


def _room() -> float:
    """Return how many connections there may be: half as many as this process may have files."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return math.inf if files == resource.RLIM_INFINITY else files / 2


def _server_log() -> logging.Logger:
    """Return the log of the web server, without tracebacks of requests that are none: their answer is 400."""
    server = log.getChild("server")
    server.addFilter(_is_worth_a_line)
    return server


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Whether it is; of a request that is no HTTP, such as those of who looks which ports are open, make it one."""
    error = None if record.exc_info is None else record.exc_info[1]
    if isinstance(error, LineTooLong):
        return False
    if isinstance(error, HttpProcessingError):
        said = printable(" ".join(error.message.split()))
        record.msg, record.args = "a request that is no HTTP is answered with 400: %s", (said[:_MOST_SAID],)
        record.exc_info = None
    return True


async def _listen(runner: web.AppRunner, host: str, port: int) -> str:
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
    except OSError as error:
        raise SettingsError(
            f"UB_CONSOLE_HOST={host}, UB_CONSOLE_PORT={port}: the console cannot listen there ({error}); "
            "name another address, or 0 for any free port"
        ) from None
    address, bound, *_ = runner.addresses[0]
    return url_of(address, bound)
