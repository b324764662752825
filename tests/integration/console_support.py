"""A console on a database, for tests that ask it or look at its page."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from streams import settings as settings_module
from streams.console.service import serving

POLL_S = 0.1
_PATIENCE_S = 60.0

Ask = Callable[[str], Awaitable[tuple[int, dict[str, Any]]]]


@asynccontextmanager
async def console(url: str, **others: Any) -> AsyncIterator[tuple[str, Ask]]:
    """A console on a database, with `others` of its settings; its value is its URL, and how to ask it."""
    settings = settings_module.load(database_url=url, console_port=0, console_poll_s=POLL_S, **others)
    async with serving(settings, None) as base, aiohttp.ClientSession() as client:

        async def ask(path: str) -> tuple[int, dict[str, Any]]:
            async with client.get(base.rstrip("/") + path) as answer:
                return answer.status, json.loads(await answer.read())

        await until(ask, "/health", lambda status, _body: status == 200)
        yield base, ask


async def until(ask: Ask, path: str, good: Callable[[int, dict[str, Any]], bool]) -> dict[str, Any]:
    """Ask until the answer is good."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        status, body = await ask(path)
        if good(status, body):
            return body
        assert time.monotonic() < deadline, f"{path}: {status} {body}"
        await asyncio.sleep(0.02)
