"""The console's page in a real browser, on a real database: what people see, click and type."""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

import h3
import pytest
from playwright.async_api import Page, expect

from streams.grid import locate
from tests.browser import needs_browser, page_at
from tests.chaos.proxy import Proxies
from tests.conftest import Database
from tests.integration import store_rows as rows
from tests.integration.console_support import console, until
from tests.integration.store_rows import CELL, T0
from tests.integration.store_support import query, write

pytestmark = [pytest.mark.integration, needs_browser]

HEX = locate.to_hex(CELL)
OTHER = 0x8930996526BFFFF
LATER = T0 + 60_000


def alert(alert_id: str, **changes: Any) -> list[Any]:
    lat, lon = locate.centre(CELL)
    return rows.alert("raised", 0, T0, alert_id=alert_id, lat=lat, lon=lon, **changes)


async def store(database: Database, *written: Any) -> None:
    await asyncio.to_thread(write, database, *written)


async def figures(page: Page, text: str) -> None:
    await expect(page.locator("#figures")).to_have_text(text)


_COPY = """
    const map = document.getElementById("map");
    const copy = Object.assign(document.createElement("canvas"), { width: map.width, height: map.height });
    const pen = copy.getContext("2d", { willReadFrequently: true });
    pen.drawImage(map, 0, 0);
"""
"""Script: the map as it is drawn; read over and over itself, it would earn a warning of the browser."""


async def picture(page: Page) -> str:
    """The map as a data URL."""
    found: str = await page.evaluate(f"() => {{ {_COPY} return copy.toDataURL(); }}")
    return found


async def colour_in_the_middle(page: Page) -> list[int]:
    """Red, green and blue of the middle of the map."""
    middle = "pen.getImageData(map.width / 2, map.height / 2, 1, 1).data"
    found: list[int] = await page.evaluate(f"() => {{ {_COPY} return [...{middle}].slice(0, 3); }}")
    return found


async def colour_of(page: Page, name: str) -> list[int]:
    """A colour of the page's style, such as --c1."""
    text = await page.evaluate(
        "(name) => getComputedStyle(document.documentElement).getPropertyValue(name)", name
    )
    return [*bytes.fromhex(text.removeprefix("#"))]


def test_it_shows_what_the_tables_hold_and_each_change_of_it(migrated: Database) -> None:
    write(
        migrated,
        rows.cells_now({}, {"operator": "didi", "occupancy": 9, "available": 8}, {"cell": OTHER}),
        *alert("5e7a90c1-95a5-5121", summary="13 of 10 in a cell"),
    )

    async def run() -> None:
        async with console(migrated.reader_url) as (base, _), page_at(base) as page:
            await figures(page, "17 vehicles standing in 2 cells, 1 open alert")
            await expect(page).to_have_title("(1) Urban brain")
            await expect(page.locator("#clock")).to_have_text("positions up to 2023-11-14 22:14:00 UTC")
            await expect(page.locator("#banner")).to_be_hidden()

            shown = page.get_by_role("button", name="13 of 10 in a cell")
            await expect(shown).to_contain_text("major oversaturation")
            await expect(shown).to_contain_text("· alert 5e7a90c1")  # by which it is acknowledged
            await shown.click()
            await expect(shown).to_have_attribute("aria-pressed", "true")
            await expect(page.locator("#cell-about")).to_have_text(f"{HEX}: 13 standing. 13 of 10 in a cell")
            lines = page.locator("#cell-table tbody tr")
            await expect(lines).to_have_text(["didi9871", "hello4371", "all1311142"])
            await page.get_by_role("button", name=f"4 in {locate.to_hex(OTHER)}").click()
            await expect(lines).to_have_text(["hello4371"])

            await store(migrated, rows.cells_now({"cell": OTHER, "occupancy": 40, "as_of": LATER}))
            await figures(page, "53 vehicles standing in 2 cells, 1 open alert")
            await expect(lines).to_have_text(["hello403737"])
            first = page.locator("#full button").first
            await expect(first).to_contain_text(f"40 in {locate.to_hex(OTHER)}")
            await store(migrated, *rows.alert("cleared", 1, LATER, alert_id="5e7a90c1-95a5-5121"))
            await expect(page.locator("#alerts-more")).to_have_text("None.")
            await expect(page).to_have_title("Urban brain")

    asyncio.run(run())


def test_the_map_can_be_clicked_moved_and_zoomed(migrated: Database) -> None:
    write(migrated, rows.cells_now({"occupancy": 30}, {"cell": OTHER}), *alert("a1"))

    async def run() -> None:
        async with console(migrated.reader_url) as (base, _), page_at(base) as page:
            await figures(page, "34 vehicles standing in 2 cells, 1 open alert")
            await page.get_by_role("button", name="raised at").click()  # which brings its cell to the middle
            assert await colour_in_the_middle(page) == await colour_of(page, "--c4")
            assert await colour_of(page, "--c4") != await colour_of(page, "--c1")
            canvas = page.locator("#map")
            await page.get_by_role("button", name=f"4 in {locate.to_hex(OTHER)}").click()
            await expect(page.locator("#cell-about")).to_contain_text(locate.to_hex(OTHER))
            assert await colour_in_the_middle(page) == await colour_of(page, "--c1")
            await canvas.click()  # its middle
            await expect(page.locator("#cell-about")).to_have_text(f"{locate.to_hex(OTHER)}: 4 standing")

            await canvas.focus()
            for _ in range(12):
                await page.keyboard.press("ArrowRight")
            assert await colour_in_the_middle(page) == [0, 0, 0]  # nothing is drawn there
            await page.get_by_role("button", name="Show all cells").click()
            seen = await picture(page)
            await page.mouse.move(400, 400)
            await page.mouse.down()
            await page.mouse.move(500, 450, steps=5)
            await page.mouse.up()
            moved = await picture(page)
            await page.get_by_role("button", name="Zoom in").click()
            zoomed = await picture(page)
            assert seen != moved != zoomed != seen
            await canvas.focus()
            await page.keyboard.press("0")
            assert await picture(page) == seen

    asyncio.run(run())


def _a_rule() -> dict[str, Any]:
    lat, lon = locate.centre(CELL)
    ring = [
        [lon - 1, lat - 1],
        [lon + 1, lat - 1],
        [lon + 1, lat + 1],
        [lon - 1, lat + 1],
        [lon - 1, lat - 1],
    ]
    return {"rule": {"rule_id": "r", "outline": {"type": "MultiPolygon", "coordinates": [[ring]]}}}


def _a_cluster() -> dict[str, Any]:
    return {"hot_spot": {"cells": h3.grid_disk(h3.int_to_str(CELL), 10)}}


@pytest.mark.parametrize("found", [_a_rule(), _a_cluster()], ids=["rule", "cluster"])
def test_an_alert_of_more_than_a_cell_is_shown_with_its_whole_area(
    migrated: Database, found: dict[str, Any]
) -> None:
    evidence = json.dumps({"by_operator": {}, **found})
    write(migrated, rows.cells_now({}), *alert("a1", kind="too_many", evidence=evidence))

    async def run() -> None:
        async with console(migrated.reader_url) as (base, ask), page_at(base) as page:
            body = await until(ask, "/api/v1/alerts", lambda _, body: len(body["alerts"]) == 1)
            if "rule" in found:
                assert body["alerts"][0]["area"] == found["rule"]["outline"]["coordinates"]
            await figures(page, "4 vehicles standing in 1 cell, 1 open alert")
            before = await picture(page)
            await page.get_by_role("button", name="raised at").click()
            await expect(page.locator("#cell-about")).to_contain_text("raised at")
            assert await picture(page) != before
            ink = await colour_of(page, "--ink")
            inked = await page.evaluate(
                f"""(ink) => {{ {_COPY}
                    const data = pen.getImageData(0, 0, map.width, map.height).data;
                    const found = [];
                    for (let at = 0; at < data.length; at += 4)
                        if (ink.every((part, number) => data[at + number] === part)) found.push((at / 4) % map.width);
                    return [Math.min(...found) / map.width, Math.max(...found) / map.width];
                }}""",
                ink,
            )
            west, east = inked
            assert 0 < west < 0.4
            assert 0.6 < east < 1

    asyncio.run(run())


def test_an_alert_says_until_when_it_is_silenced_and_who_has_seen_it(migrated: Database) -> None:
    write(migrated, rows.cells_now({}), *alert("a1", summary="mine"))
    silence = (
        "INSERT INTO ub.silence (silence_id, matchers, starts_at, ends_at, created_by, comment) VALUES "
        """('s', '[{"name": "severity", "value": "major"}]', now(), '2100-01-01 12:00Z', 'anna', 'fair') RETURNING 1"""
    )
    seen = (
        "INSERT INTO ub.alert_action (alert_id, sequence, action, at, by, severity, action_id) "
        "VALUES ('a1', 0, 'acknowledged', now(), 'bo', 'major', 'x') RETURNING 1"
    )

    async def run() -> None:
        async with console(migrated.reader_url) as (base, _), page_at(base) as page:
            mine = page.get_by_role("button", name="mine")
            await expect(mine).not_to_contain_text("silenced")
            for doing, said in ((silence, "silenced until 2100-01-01 12:00:00 UTC"), (seen, "seen by bo")):
                await asyncio.to_thread(query, migrated.owner_url, doing)
                await expect(mine).to_contain_text(said)
            ended = "UPDATE ub.silence SET ends_at = now() RETURNING 1"
            await asyncio.to_thread(query, migrated.owner_url, ended)
            await expect(mine).not_to_contain_text("silenced")
            await expect(mine).to_contain_text("seen by bo")

    asyncio.run(run())


def test_who_is_on_an_alert_by_keyboard_stays_on_it_when_it_moves_up_the_list(migrated: Database) -> None:
    mine_now = {"alert_id": "a2", "summary": "mine"}
    write(migrated, rows.cells_now({}), *alert("a1", summary="another"), *alert(**mine_now, severity="minor"))

    async def run() -> None:
        async with console(migrated.reader_url) as (base, _), page_at(base) as page:
            await figures(page, "4 vehicles standing in 1 cell, 2 open alerts")
            await page.keyboard.press("Tab")
            await page.keyboard.press("Enter")  # "Skip to alerts"
            await page.keyboard.press("Tab")
            await page.keyboard.press("Tab")
            mine = page.get_by_role("button", name="mine")
            await expect(mine).to_be_focused()
            await store(migrated, *rows.alert("escalated", 1, LATER, **mine_now, severity="critical"))
            await expect(page.locator("#alerts button").first).to_contain_text("critical")
            await expect(page.locator("#alerts button").first).to_contain_text("mine")
            await expect(mine).to_be_focused()
            await page.keyboard.press("Enter")
            await expect(mine).to_have_attribute("aria-pressed", "true")

    asyncio.run(run())


def test_by_keyboard_one_gets_to_the_fullest_cells_past_all_alerts(migrated: Database) -> None:
    write(migrated, rows.cells_now({}), *alert("a1", summary="first"), *alert("a2", summary="second"))

    async def run() -> None:
        async with console(migrated.reader_url) as (base, _), page_at(base) as page:
            await figures(page, "4 vehicles standing in 1 cell, 2 open alerts")
            await page.keyboard.press("Tab")
            await page.keyboard.press("Tab")
            await page.keyboard.press("Enter")  # "Skip to fullest cells"
            await page.keyboard.press("Tab")
            await expect(page.locator("#full button").first).to_be_focused()

    asyncio.run(run())


def test_a_database_that_is_away_puts_up_a_banner_until_it_is_back(migrated: Database) -> None:
    write(migrated, rows.cells_now({}))
    address = urlsplit(migrated.reader_url)
    assert address.port is not None

    async def run(link: Any, url: str) -> None:
        async with console(url) as (base, ask), page_at(base) as page:
            await figures(page, "4 vehicles standing in 1 cell, 0 open alerts")
            await asyncio.to_thread(link.trouble, "cut")
            banner = page.locator("#banner")
            await expect(banner).to_be_visible()
            await expect(banner).to_contain_text("What you see is as of")
            await figures(page, "4 vehicles standing in 1 cell, 0 open alerts")
            await store(migrated, rows.cells_now({"occupancy": 7, "as_of": LATER}))
            await asyncio.to_thread(link.trouble, "none")
            await until(ask, "/health", lambda status, _: status == 200)
            await figures(page, "7 vehicles standing in 1 cell, 0 open alerts")
            await expect(banner).to_be_hidden()

    with Proxies() as proxies:
        link = proxies.between(address.port)
        asyncio.run(run(link, migrated.reader_url.replace(f":{address.port}/", f":{link.port}/")))


def test_when_the_console_ends_the_page_says_so_and_keeps_what_it_shows(migrated: Database) -> None:
    write(migrated, rows.cells_now({}))

    async def run() -> None:
        async with AsyncExitStack() as ending:
            base, _ = await ending.enter_async_context(console(migrated.reader_url))
            async with page_at(base, expected=("ERR_", "Failed to load resource")) as page:
                await figures(page, "4 vehicles standing in 1 cell, 0 open alerts")
                await ending.aclose()
                banner = page.locator("#banner")
                await expect(banner).to_have_text("No connection to the console. Trying again …")
                await figures(page, "4 vehicles standing in 1 cell, 0 open alerts")

    asyncio.run(run())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_is_wider_than_the_screen_and_data_is_never_markup(
    migrated: Database, scheme: str
) -> None:
    evil = '<img src=x onerror="alert(1)">' + "veryLongName" * 20
    write(
        migrated,
        rows.cells_now({"operator": evil}),
        *alert("a1", summary=evil, subject=evil),
    )

    async def run() -> None:
        async with (
            console(migrated.reader_url) as (base, _),
            page_at(base, (390, 844), color_scheme=scheme, has_touch=True) as page,
        ):
            shown = page.locator("#alerts button")
            await expect(shown).to_contain_text(evil)
            await shown.tap()
            await expect(page.locator("#cell-table tbody th")).to_have_text(evil)
            assert await page.locator("img").count() == 0
            wide = "[...document.querySelectorAll('*')].filter((it) => it.scrollWidth > 390).map((it) => it.outerHTML)"
            assert await page.evaluate(wide) == []
            await page.locator("#full button").first.scroll_into_view_if_needed()
            await expect(page.locator("#full button").first).to_be_in_viewport()
            back = await page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (back == "rgb(20, 24, 28)") is (scheme == "dark")

    asyncio.run(run())
