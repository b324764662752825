"""A real browser on a page: Chromium, driven by Playwright. A page on which anything goes wrong fails its test."""

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import ConsoleMessage, Page, Request, async_playwright, expect

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
"""Debian's, or any other that is installed."""

needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason=f"no browser is installed ({', '.join(_NAMES)} on the PATH)"
)

_PATIENCE_MS = 60_000.0
_DESK = (1280, 800)


@asynccontextmanager
async def page_at(
    url: str, size: tuple[int, int] = _DESK, expected: Sequence[str] = (), **about: Any
) -> AsyncIterator[Page]:
    """Open a page of `size`, with what `about` says of the browser; nothing may go wrong on it but what is expected.

    `expected` are parts of lines that it may write to its console.
    """
    host = urlsplit(url).netloc
    wrong: list[str] = []

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(part in message.text for part in expected):
            wrong.append(f"{message.type}: {message.text}")

    def asked(request: Request) -> None:
        if urlsplit(request.url).netloc != host:
            wrong.append(f"it asks {request.url}")

    expect.set_options(timeout=_PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM)
        try:
            viewport: Any = dict(zip(("width", "height"), size, strict=True))
            page = await browser.new_page(viewport=viewport, **about)
            page.set_default_timeout(_PATIENCE_MS)
            page.on("console", said)
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.on("dialog", lambda dialog: wrong.append(f"a dialog: {dialog.message}"))
            page.on("request", asked)
            await page.goto(url)
            yield page
        finally:
            await browser.close()
    assert wrong == []
