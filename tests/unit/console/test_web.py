"""The page: complete, served with its types, without anything from elsewhere and without markup made of data."""

import asyncio
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

import streams.console.api as api_module
from streams.console.api import application
from streams.console.freshness import Freshness
from streams.console.live import Hub
from tests.unit.console.rows import T0
from tests.unit.console.test_api import Past

WEB = Path(api_module.__file__).parent / "web"
SCRIPTS = sorted(WEB.glob("*.js"))
PAGE = (WEB / "index.html").read_text()


def test_the_page_and_all_that_it_names_are_served() -> None:
    named = re.findall(r'(?:src|href)="([^"#]+)"', PAGE)
    imported = [found for script in SCRIPTS for found in re.findall(r'from "\./([^"]+)"', script.read_text())]
    files = {name for name in (*named, *imported) if not name.startswith("api/")}
    assert {"console.js", "console.css", "map.js", "live.js"} <= files

    async def run() -> None:
        async with TestClient(
            TestServer(application(Hub(Freshness(5, T0), 1), Past(), lambda _: True))
        ) as client:
            page = await client.get("/")
            assert (page.status, page.content_type, await page.text()) == (200, "text/html", PAGE)
            for name in files:
                answer = await client.get(f"/{name}")
                assert answer.status == 200, name
                wanted = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}[
                    Path(name).suffix
                ]
                assert answer.content_type == wanted

    asyncio.run(run())


def test_whoever_has_no_mouse_can_skip_to_each_list() -> None:
    targets = re.findall(r'class="skip" href="#([^"]+)"', PAGE)
    assert targets == ["alerts", "full"]
    for target in targets:
        assert f'id="{target}" tabindex="-1"' in PAGE, "or some browsers scroll there, and leave the focus"


def test_the_page_is_served_with_the_time_zone_of_the_city() -> None:
    async def run() -> None:
        hub = Hub(Freshness(5, T0), 1)
        city = application(hub, Past(), lambda _: True, timezone="Asia/Shanghai")
        async with TestClient(TestServer(city)) as client:
            page = await (await client.get("/")).text()
            assert page == PAGE.replace('data-time-zone="UTC"', 'data-time-zone="Asia/Shanghai"') != PAGE

    asyncio.run(run())


@pytest.mark.parametrize("path", sorted(WEB.iterdir()), ids=lambda path: path.name)
def test_nothing_comes_from_elsewhere(path: Path) -> None:
    addresses = [
        found for found in re.findall(r"https?://[^\s\"']+", path.read_text()) if "www.w3.org" not in found
    ]
    assert addresses == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_data_never_becomes_markup_or_code(path: Path) -> None:
    markup = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write"
    code = r"\beval\b|new Function|setAttribute\(.(on|style|href)"
    assert re.findall(f"{markup}|{code}", path.read_text()) == []


def test_the_page_has_neither_inline_scripts_nor_inline_styles_which_its_policy_forbids() -> None:
    assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", PAGE) == []


def test_every_element_that_a_script_asks_for_is_in_the_page() -> None:
    asked = {found for script in SCRIPTS for found in re.findall(r'byId\("([^"]+)"\)', script.read_text())}
    assert asked <= set(re.findall(r'\bid="([^"]+)"', PAGE))
    assert len(asked) > 10


def test_buttons_and_the_map_have_names_for_screen_readers() -> None:
    assert 'lang="en"' in PAGE
    for button in re.findall(r"<button[^>]*>", PAGE):
        assert "aria-label=" in button
    assert re.search(r"<canvas[^>]*tabindex=\"0\"[^>]*aria-describedby", PAGE)


def test_the_legend_says_to_those_who_see_it_what_its_numbers_count() -> None:
    (legend,) = re.findall(r'<div id="legend"[^>]*>(.*?)</div>', PAGE)
    assert "standing" in re.sub(r"<[^>]*>", "", legend)


def test_long_names_and_texts_stay_in_their_place() -> None:
    rules = dict(re.findall(r"^([^{}@\n]+) \{([^}]*)\}$", (WEB / "console.css").read_text(), re.MULTILINE))
    assert all("overflow-wrap: anywhere" in rules[place] for place in ("aside", "#banner"))
    for declaration in ("width: 1px", "height: 1px", "overflow: hidden"):  # elsewhere it would reach the page
        assert declaration in rules[".for-readers"]


def test_on_a_phone_some_of_the_lists_is_in_sight_however_high_header_and_banner_are() -> None:
    """The map takes all touches: where it filled what scrolls, nobody got to the lists."""
    phone = (WEB / "console.css").read_text().split("@media (max-width: 50rem) {")[1]
    (height,) = re.findall(r"#city \{[^}]*\bheight: ([^;]+);", phone)
    assert re.fullmatch(r"min\(.*\b[1-8]\d%\)", height)  # of what they leave


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_scripts_do_what_page_mjs_asks_of_them(tmp_path: Path) -> None:
    script = Path(__file__).parent / "page.mjs"
    web = shutil.copytree(WEB, tmp_path / "web")
    (web / "package.json").write_text('{"type": "module"}')
    ran = subprocess.run(
        ["node", str(script), str(web)], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == [
        "one-piece",
        "both-sides",
        "alert",
        "strays",
        "alerts-alone",
        "marks",
        "areas",
        "fingers",
        "in-sight",
        "legend",
        "focus",
        "table",
        "handling",
        "zones",
        "outlines",
        "parts",
        "quiet",
        "hidden",
        "reasons",
    ]
