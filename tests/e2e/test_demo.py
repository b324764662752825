"""`urbanbrain up`, what `make demo` runs: everything from nothing, alerts as lines, a summary, and nothing left."""

import json
import re
import secrets
import shlex
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest

from tests.e2e.commands import clean_environment
from tests.waiting import eventually

pytestmark = pytest.mark.e2e

SECONDS = 300
"""Longer than it takes on the busiest machine: Ctrl-C ends it, once the alert was told and the console was looked at.

The flood of 3,000 bikes raises its alert after some 20 s at 30 times real time. It stands for ten minutes, so it
may be over unseen where some partitions are 20 s behind others; at 60 times real time 10 s would do for that."""


ALERT = r"^\S+ \S+  RAISED +\w+ +oversaturation +[0-9a-f]{15} .* bikes in a cell for \d+"


def marked(mark: str) -> list[str]:
    """Return the processes that inherited `mark` in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it ended meanwhile, or belongs to somebody else
    return found


class Up:
    """`urbanbrain up` at work, with a mark by which its processes are found."""

    def __init__(self, stack_kind: str, directory: Path, *options: str) -> None:
        self._log = directory / "up.log"
        name, value = "UB_TEST_MARK", secrets.token_hex(8)
        self._mark = f"{name}={value}"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", "up", "--stack", stack_kind, *options],
                env={**clean_environment(), name: value, "UB_IDLE_TIMEOUT_S": "1"},
                cwd=directory,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def shown(self) -> str:
        return self._log.read_text()

    def shows(self, pattern: str) -> re.Match[str]:
        """Wait until it shows this, and return it."""
        eventually(
            lambda: self.shown,
            150.0,
            until=lambda text: re.search(pattern, text, re.M) or self._process.poll() is not None,
        )
        found = re.search(pattern, self.shown, re.M)
        assert found, self.shown
        return found

    def at_work(self) -> list[str]:
        return marked(self._mark)

    def interrupt(self) -> int:
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(120)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)


@contextmanager
def another_terminal(command: str, environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command where the file of the demo was read; it ends with the context."""
    with subprocess.Popen(
        ["sh", "-c", f'. "$1" && exec {command}', "sh", environment],
        env=clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def own_stack(stack_kind: str) -> str:
    if stack_kind == "external":
        pytest.skip("UB_TEST_STACK=external: no services of our own may be started")
    if not Path("/proc/self/environ").exists():
        pytest.skip("no /proc here: it could not be told whether a process was left behind")
    return stack_kind


def test_up_shows_a_flooded_city_and_leaves_nothing_behind(own_stack: str, tmp_path: Path) -> None:
    with Up(own_stack, tmp_path, "--seconds", str(SECONDS), "--speed", "30", "--bikes", "3000") as up:
        up.shows(ALERT)
        at_work = up.at_work()
        the_console_shows_it(up.shown)
        code = up.interrupt()
    assert code == 0, up.shown
    assert all(
        any(part in line for line in at_work) for part in ("gateway", "worker", "console", "sim run", "up")
    )
    assert up.at_work() == []
    says_what_it_does(up.shown)
    adds_up(up.shown)


def test_up_without_a_city_takes_what_another_terminal_publishes(own_stack: str, tmp_path: Path) -> None:
    with Up(own_stack, tmp_path, "--no-city") as up:
        up.shows("no city: everything is ready for your own data")
        (file,) = shlex.split(up.shows(r"in another terminal:  \. (.+)$")[1])
        with another_terminal("env", file) as terminal:
            (url,) = re.findall(r"^UB_DATABASE_URL=(.*)$", terminal.communicate(timeout=30)[0], re.M)
        with psycopg.connect(url, autocommit=True) as connection:
            looked_after = connection.execute("SELECT stage, partitions FROM api.stage").fetchall()
        # what is published before is a backlog, of which alerts come late, or never
        assert sum(partitions for _, partitions in looked_after) == 3 * 8 + 2 * 4 + 2, looked_after
        run = "urbanbrain sim run quiet-sunday --bikes 200 --json --quiet --speed"
        with another_terminal(f"{run} max --for 600", file) as city:
            summary, _ = city.communicate(timeout=120)
        sent = sum(json.loads(summary)["sent"].values())
        assert sent > 200
        with psycopg.connect(url, autocommit=True) as connection:

            def received() -> int:
                (row,) = connection.execute("SELECT coalesce(sum(received), 0)::bigint FROM ub.ledger")
                return int(row[0])

            eventually(received, until=lambda count: count == sent)
            with another_terminal(f"{run} 1", file):
                eventually(received, until=lambda count: count > sent)
                assert up.interrupt() == 0, up.shown
    assert up.at_work() == []
    (arrived,) = re.findall(r"the ledgers balance: ([\d,]+) arrived", up.shown)
    assert int(arrived.replace(",", "")) > sent
    assert "sent by the city" not in up.shown
    assert "were not done" not in up.shown


def the_console_shows_it(shown: str) -> None:
    """The page, the cells and the alert that was just told are there, in the demo that runs now."""
    (url,) = re.findall(r"the live map is at (\S+)", shown)

    def ask(path: str) -> Any:
        with suppress(urllib.error.HTTPError), urllib.request.urlopen(url + path, timeout=30) as answer:
            return json.load(answer)
        return {}

    health = eventually(lambda: ask("health"), until=lambda body: body.get("cells"))
    assert health["status"] == "ok"
    with urllib.request.urlopen(url, timeout=30) as page:
        assert b"console.js" in page.read()
    full = eventually(
        lambda: fullest(ask("api/v1/cells?limit=10000")), until=lambda cell: cell["occupancy"] > 20
    )
    assert full["occupancy"] == sum(row["occupancy"] for row in full["operators"])
    path = f"api/v1/cells/{full['cell']}/windows?limit=1"
    (window,) = eventually(lambda: ask(path), until=lambda body: body.get("windows"))["windows"]
    assert window["readings"] > 0
    eventually(
        lambda: {
            alert["kind"]
            for state in ("open", "cleared")
            for alert in ask(f"api/v1/alerts?state={state}").get("alerts", ())
        },
        until=lambda kinds: "oversaturation" in kinds,
    )


def fullest(body: dict[str, Any]) -> dict[str, Any]:
    cells = body.get("cells") or [{"occupancy": 0}]
    found: dict[str, Any] = max(cells, key=lambda cell: cell["occupancy"])
    return found


def says_what_it_does(shown: str) -> None:
    steps = [
        "starting Mosquitto",
        "schema",
        "topics",
        "gateway, 1 worker",
        "live map is at http://127",
        "the city",
        "first alert",
        "stopping the services",
    ]
    assert [step for step in steps if not re.search(rf"^\[ *[\d.]+ s\].*{step}", shown, re.MULTILINE)] == []
    assert re.search(ALERT, shown, re.M), shown


def adds_up(shown: str) -> None:
    sent, received = numbers("sent by the city", shown), numbers("received by the stage", shown)
    assert sent == received
    vehicles, sensors, requests = sent
    assert vehicles > 10_000
    assert min(sensors, requests) > 0
    assert f"the ledgers balance: {sum(sent):,} sent, {sum(sent):,} arrived" in shown
    (raised,) = re.findall(r"alerts: (\d+) raised", shown)
    assert int(raised) >= 1
    of_cells, of_sensors, of_requests = numbers("windows written:", shown)
    assert of_cells > 100
    assert min(of_sensors, of_requests) > 0
    assert "Traceback" not in shown


def numbers(line: str, shown: str) -> list[int]:
    """Return the numbers of the line that has this text."""
    (text,) = [found for found in shown.splitlines() if line in found]
    return [int(number.replace(",", "")) for number in re.findall(r"\b\d[\d,]*\b", text)]
