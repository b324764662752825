"""The console on a real database, as ub_reader: what it answers is what the tables hold, also after an outage."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from psycopg.conninfo import make_conninfo

from deploy.native.ports import answers, free_port
from streams import settings as settings_module
from streams.console import database as console_database
from streams.console.params import WindowsQuery
from streams.console.service import serving
from streams.errors import Busy, ServiceUnavailable
from streams.fold.contract import Ledger
from streams.grid import locate
from streams.store import views
from streams.store.migrate import migrate
from streams.store.session import Session
from tests.chaos.onlooker import Seen
from tests.chaos.proxy import Proxies
from tests.conftest import Database
from tests.integration import store_rows as rows
from tests.integration.console_support import POLL_S, console, until
from tests.integration.store_rows import CELL, T0
from tests.integration.store_support import query, write
from tests.waiting import eventually

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
HEX = locate.to_hex(CELL)
OTHER = 0x8930996526BFFFF
_PATIENCE_S = 60.0


def test_live_cells_and_open_alerts_are_those_of_the_views(migrated: Database) -> None:
    write(
        migrated,
        rows.cells_now({}, {"operator": "didi", "occupancy": 9, "available": 9}, {"cell": OTHER}),
        *rows.alert("raised", 0, T0),
        rows.geometry(),
    )

    async def run() -> None:
        async with console(migrated.reader_url) as (_, ask):
            _, body = await ask("/api/v1/cells")
            found = {
                (cell["cell"], row["operator"]): (row["occupancy"], row["available"], row["on_trip"])
                for cell in body["cells"]
                for row in cell["operators"]
            }
            statement = "SELECT hex, operator, occupancy, available, on_trip FROM api.cell_now"
            assert found == {(row[0], row[1]): row[2:] for row in query(migrated.reader_url, statement)}
            assert len(found) == 3
            _, body = await ask("/api/v1/alerts")
            (alert,) = body["alerts"]
            wanted = query(
                migrated.reader_url, "SELECT alert_id, summary, hex, occupancy FROM api.alerts_open"
            )
            assert [(alert["alert_id"], alert["summary"], alert["cell"], alert["occupancy"])] == wanted
            await asyncio.to_thread(write, migrated, *rows.alert("cleared", 1, T0 + 60_000))
            await until(ask, "/api/v1/alerts", lambda _, body: body["alerts"] == [])
            _, body = await ask("/api/v1/alerts?state=cleared")
            (cleared,) = body["alerts"]
            assert (cleared["alert_id"], cleared["ends_at"]) == (alert["alert_id"], "2023-11-14T22:15:00Z")
            _, body = await ask(
                f"/api/v1/alerts?state=cleared&after={cleared['ends_at']},{cleared['alert_id']}"
            )
            assert body["alerts"] == []

    asyncio.run(run())


def test_alerts_say_until_when_they_are_silenced_by_the_clock_of_the_database(migrated: Database) -> None:
    write(migrated, rows.cells_now({}), *rows.alert("raised", 0, T0))
    matchers = json.dumps([{"name": "operator", "value": "hello", "isRegex": False, "isEqual": True}])
    silence = """
        INSERT INTO ub.silence (silence_id, matchers, starts_at, ends_at, created_by, created_at, comment)
        VALUES (%s, %s, now() + %s::interval, now() + %s::interval, 'anna', now(), 'works') RETURNING ends_at
    """

    async def run() -> None:
        async with console(migrated.reader_url) as (_, ask):

            async def until_told(moment: datetime | None) -> None:
                def told(_status: int, body: dict[str, Any]) -> bool:
                    (alert,) = body["alerts"]
                    found = alert["silenced_until"]
                    return (None if found is None else datetime.fromisoformat(found)) == moment

                body = await until(ask, "/api/v1/alerts", told)
                assert body["alerts"][0]["operators"] == ["hello"]

            def make(name: str, begin: str, end: str) -> datetime:
                ((ends_at,),) = query(migrated.owner_url, silence, name, matchers, begin, end)
                return ends_at

            await until_told(None)
            await asyncio.to_thread(make, "over", "-2 hours", "-1 hour")
            await asyncio.to_thread(make, "to-come", "1 hour", "2 hours")
            held = await asyncio.to_thread(make, "held", "-1 hour", "1 hour")
            await until_told(held)
            soon = await asyncio.to_thread(make, "soon", "-1 hour", "61 minutes")
            await until_told(soon)
            ended = "UPDATE ub.silence SET ends_at = now() WHERE silence_id IN ('held', 'soon') RETURNING 1"
            await asyncio.to_thread(query, migrated.owner_url, ended)
            await until_told(None)

    asyncio.run(run())


def test_cells_that_hold_nothing_are_not_told_and_those_that_became_empty_are_gone(
    migrated: Database,
) -> None:
    nobody = dict.fromkeys(("available", "non_operational", "on_trip", "occupancy"), 0)
    riding = {"cell": OTHER, **nobody, "on_trip": 1}
    write(migrated, rows.cells_now({}, {"operator": "didi", **nobody}, riding))

    async def run() -> None:
        async with console(migrated.reader_url) as (_, ask):

            async def told() -> dict[str, list[str]]:
                _, body = await ask("/api/v1/cells")
                return {
                    cell["cell"]: [row["operator"] for row in cell["operators"]] for cell in body["cells"]
                }

            assert await told() == {HEX: ["hello"], locate.to_hex(OTHER): ["hello"]}
            await asyncio.to_thread(write, migrated, rows.cells_now({**nobody, "as_of": T0 + 1}))
            await until(ask, "/health", lambda _s, body: body["cells"] == 1)
            assert await told() == {locate.to_hex(OTHER): ["hello"]}

    asyncio.run(run())


def test_windows_of_a_cell_come_newest_first_within_a_time_and_page_by_page(migrated: Database) -> None:
    minutes = [
        {"window_start": T0 + 60_000 * number, "operator": operator, "occupancy": number}
        for number in range(5)
        for operator in ("didi", "hello")
    ]
    write(migrated, rows.windows(*minutes, {"cell": OTHER}))

    async def run() -> None:
        async with console(migrated.reader_url) as (_, ask):
            found: list[tuple[int, str]] = []
            path: str | None = (
                f"/api/v1/cells/{HEX}/windows?from=2023-11-14T22:15:00Z&to=2023-11-14T22:18:00Z&limit=4"
            )
            while path is not None:
                status, body = await ask(path)
                assert status == 200, body
                assert len(body["windows"]) <= 4
                found += [(row["occupancy"], row["operator"]) for row in body["windows"]]
                path = urljoin(path, body["next"]) if body["next"] else None
            assert found == [(number, operator) for number in (3, 2, 1) for operator in ("didi", "hello")]
            _, body = await ask(f"/api/v1/cells/{HEX}/windows?operator=didi&limit=2")
            assert [row["occupancy"] for row in body["windows"]] == [4, 3]
            _, body = await ask(f"/api/v1/cells/{locate.to_hex(OTHER)}/windows")
            assert len(body["windows"]) == 1

    asyncio.run(run())


def test_the_newest_windows_of_a_cell_are_found_without_reading_all_that_are_kept(migrated: Database) -> None:
    """Three minutes of two operators every five hours for 36 days, the last ones four days before the newest count."""
    ends = [T0 - hours * 3_600_000 for hours in range(100, 24 * 40, 5)]
    starts = [end - minute * 60_000 for end in ends for minute in range(3)]
    expected = [(start, operator) for start in starts for operator in ("didi", "hello")]
    stored = rows.windows(*({"window_start": start, "operator": operator} for start, operator in expected))
    write(migrated, stored, rows.cells_now({"as_of": T0}))

    async def run() -> None:
        async with Session(migrated.reader_url, application_name="test") as session:

            async def ask(limit: int, **narrowed: Any) -> tuple[list[tuple[int, str]], int]:
                asked = {**dict.fromkeys(("operator", "begin", "end", "after")), **narrowed}
                async with session.transaction() as connection:
                    await views.begin(connection)
                    found = await views.cell_minutes(connection, HEX, limit=limit, **asked)
                    cursor = await connection.execute(
                        "SELECT count(DISTINCT relation) FROM pg_locks JOIN pg_class c ON c.oid = relation "
                        "WHERE pid = pg_backend_pid() AND relname LIKE '%hyper%chunk'"
                    )
                    ((chunks,),) = await cursor.fetchall()
                return [(round(row.minute.timestamp() * 1000), row.operator) for row in found], chunks

            found, chunks = await ask(10)
            assert (found, chunks < 10) == (expected[:10], True)
            after = datetime.fromtimestamp(expected[100][0] / 1000, UTC), expected[100][1]
            found, chunks = await ask(10, after=after)
            assert (found, chunks < 4) == (expected[101:111], True)
            found, _ = await ask(10_000)
            assert found == expected
            begin = datetime.fromtimestamp(expected[50][0] / 1000, UTC)
            assert (await ask(10_000, begin=begin))[0] == expected[:52]
            assert (await ask(10_000, end=begin))[0] == expected[52:]
            assert (await ask(10, end=datetime(1, 1, 1, tzinfo=UTC)))[0] == []

    asyncio.run(run())


def test_it_answers_503_without_our_views_and_begins_to_work_when_they_are_there(database: Database) -> None:
    async def run() -> None:
        settings = settings_module.load(
            database_url=database.owner_url, console_port=0, console_poll_s=POLL_S
        )
        async with serving(settings, None) as base, aiohttp.ClientSession() as client:

            async def ask(path: str) -> tuple[int, dict[str, Any]]:
                async with client.get(base.rstrip("/") + path) as answer:
                    return answer.status, json.loads(await answer.read())

            await until(ask, "/health", lambda _, body: "urbanbrain migrate" in str(body["reason"]))
            await migrate(database.owner_url, lambda _line: None)
            await until(ask, "/health", lambda status, _: status == 200)

    asyncio.run(run())


def test_after_an_outage_the_live_view_is_exact_again_and_meanwhile_nobody_gets_old_figures(
    migrated: Database,
) -> None:
    write(migrated, rows.cells_now({}, {"cell": OTHER}))
    address = urlsplit(migrated.reader_url)
    assert address.port is not None

    async def run(link: Any, url: str) -> None:
        seen = Seen()
        async with console(url) as (base, ask), aiohttp.ClientSession() as client:

            async def follow() -> None:
                async with client.get(f"{base}api/v1/live") as answer:
                    event = ""
                    async for line in answer.content:
                        name, _, value = line.decode().rstrip("\n").partition(": ")
                        if name == "event":
                            event = value
                        elif name == "data":
                            seen.take(event, json.loads(value))

            follower = asyncio.create_task(follow())
            await until(ask, "/health", lambda _s, _b: len(seen.cells) == 2)
            await asyncio.to_thread(link.trouble, "cut")
            body = await until(ask, "/health", lambda status, _b: status == 503)
            assert body["stale_since"] is not None
            assert "PostgreSQL" in body["reason"]
            await until(ask, "/health", lambda _s, _b: seen.status.get("fresh") is False)
            assert len(seen.cells) == 2, "what was known stays on the map"
            for path in ("/api/v1/cells", "/api/v1/alerts", f"/api/v1/cells/{HEX}/windows"):
                status, body = await ask(path)
                assert status == 503, body
            await asyncio.to_thread(write, migrated, rows.cells_now({"occupancy": 77, "as_of": T0 + 1}))
            await asyncio.to_thread(
                query, migrated.owner_url, "DELETE FROM ub.cell_now WHERE cell = %s RETURNING 1", OTHER
            )
            await asyncio.to_thread(link.trouble, "none")
            await until(ask, "/health", lambda status, _b: status == 200)
            await until(ask, "/health", lambda _s, _b: {**seen.status}.get("fresh") is True)
            assert {key: row["occupancy"] for key, row in seen.cells.items()} == {(HEX, "hello"): 77}
            assert seen.snapshots == 1, "the stream itself was never cut"
            follower.cancel()

    with Proxies() as proxies:
        link = proxies.between(address.port)
        asyncio.run(run(link, migrated.reader_url.replace(f":{address.port}/", f":{link.port}/")))


def test_where_no_worker_has_stored_anything_for_a_while_it_says_so(migrated: Database) -> None:
    claimed = """
        INSERT INTO ub.ledger (stage, topic, partition, received, applied, superseded, rejected, updated_at)
        VALUES ('fleet', 'ub.vehicles', %s, 0, 0, 0, 0, now() - %s * INTERVAL '1 second') RETURNING updated_at
    """

    async def run() -> None:
        async with console(migrated.reader_url) as (base, ask), aiohttp.ClientSession() as client:
            _, body = await ask("/health")
            assert (body["status"], body["stored_at"]) == ("ok", None)

            async def check(partition: int, ago_s: int, status: str) -> None:
                ((at,),) = await asyncio.to_thread(query, migrated.owner_url, claimed, partition, ago_s)
                body = await until(
                    ask,
                    "/health",
                    lambda _s, body: body["stored_at"] is not None and body["status"] == status,
                )
                assert datetime.fromisoformat(body["stored_at"]) == at
                assert (body["quiet_s"] or 0) // 60 == (60 if status == "quiet" else 0)
                async with client.get(f"{base}api/v1/live") as answer:
                    while not (line := await answer.content.readline()).startswith(b"event: status"):
                        assert line
                    told = json.loads((await answer.content.readline()).removeprefix(b"data: "))
                assert datetime.fromisoformat(told["stored_at"]) == at
                assert (told["quiet_s"] is None) == (status == "ok")

            await check(0, 3_600, "quiet")
            await check(1, 2, "ok")

    asyncio.run(run())


def test_metrics_add_up_what_became_of_readings_over_partitions(migrated: Database) -> None:
    booked = """
        INSERT INTO ub.ledger (stage, topic, partition, received, applied, superseded, rejected, updated_at)
        VALUES ('fleet', 'ub.vehicles', 0, 60, 50, 7, 3, now()), ('fleet', 'ub.vehicles', 1, 40, 40, 0, 0, now()),
               ('sensing', 'ub.sensors', 0, 5, 4, 0, 1, now()) RETURNING stage
    """
    query(migrated.owner_url, booked)

    async def run() -> None:
        async with (
            console(migrated.reader_url) as (base, _),
            aiohttp.ClientSession() as client,
            client.get(f"{base}metrics") as answer,
        ):
            text = await answer.text()
        found = {
            (sample.labels["stage"], sample.labels["outcome"]): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "urbanbrain_readings_total"
        }
        assert found == {
            ("fleet", "applied"): 90,
            ("fleet", "superseded"): 7,
            ("fleet", "rejected"): 3,
            ("sensing", "applied"): 4,
            ("sensing", "superseded"): 0,
            ("sensing", "rejected"): 1,
        }

    asyncio.run(run())


def test_where_nobody_looks_after_the_grid_it_says_so_though_others_store_on(migrated: Database) -> None:
    async def run() -> None:
        async with console(migrated.reader_url) as (base, ask), aiohttp.ClientSession() as client:

            async def check(status: str, unattended: list[str], said: str | None) -> None:
                body = await until(ask, "/health", lambda _s, body: body["status"] == status)
                assert (body["unattended"], body["quiet_s"]) == (unattended, None)
                assert (body["reason"] is None) is (said is None)
                assert said is None or re.fullmatch(said, body["reason"])
                async with client.get(f"{base}api/v1/live") as answer:
                    while not (line := await answer.content.readline()).startswith(b"event: status"):
                        assert line
                    told = json.loads((await answer.content.readline()).removeprefix(b"data: "))
                assert (told["unattended"], told["reason"]) == (unattended, body["reason"])

            await asyncio.to_thread(write, migrated, ledger=Ledger())
            for stage in ("grid", "incidents"):
                await asyncio.to_thread(write, migrated, stage=stage)
            await check("ok", [], None)
            for column in ("seen_at", "updated_at"):
                aged = f"UPDATE ub.checkpoint SET {column} = {column} - interval '1 h' RETURNING 1"
                await asyncio.to_thread(query, migrated.owner_url, aged)
            since = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
            both = rf"no worker looks after grid and incidents since {since}; cells and alerts stand still"
            await check("unattended", ["grid", "incidents"], both)
            await asyncio.to_thread(write, migrated, stage="grid")
            await until(ask, "/health", lambda _s, body: len(body["unattended"]) == 1)
            await check(
                "unattended", ["incidents"], rf"no worker looks after incidents since {since}; alerts .*"
            )
            await asyncio.to_thread(write, migrated, stage="incidents")
            await check("ok", [], None)

    asyncio.run(run())


def test_questions_that_wait_for_one_that_gets_no_answer_are_refused_soon(migrated: Database) -> None:
    address = urlsplit(migrated.reader_url)
    assert address.port is not None

    async def run(link: Any, url: str) -> None:
        asked, query = console_database.Database(url, None), WindowsQuery(None, None, None, 10, None)
        try:
            assert await asked.minutes(HEX, query) == []
            await asyncio.to_thread(link.trouble, "silent")
            answers_ = await asyncio.gather(
                *(asked.minutes(HEX, query) for _ in range(10)), return_exceptions=True
            )
            # one asked, and got no answer; the others did not ask, one after the other, to find nobody
            assert Counter(map(type, answers_)) == {ServiceUnavailable: 1, Busy: 9}, answers_
            await asyncio.to_thread(link.trouble, "none")
            assert await asked.minutes(HEX, query) == []
        finally:
            asked.abort()
            await asked.close()

    with Proxies() as proxies:
        link = proxies.between(address.port)
        url = migrated.reader_url.replace(f":{address.port}/", f":{link.port}/")
        asyncio.run(run(link, make_conninfo(url, connect_timeout=2)))


def test_a_right_that_was_taken_away_is_told_as_that(migrated: Database) -> None:
    async def run() -> None:
        async with console(migrated.reader_url) as (_, ask):
            with psycopg.connect(migrated.owner_url, autocommit=True) as connection:
                connection.execute("REVOKE SELECT ON api.cell_now FROM ub_reader")
            body = await until(ask, "/health", lambda status, _: status == 503)
            assert "refuses us (permission denied" in body["reason"]

    asyncio.run(run())


def test_many_short_questions_at_once_are_all_answered_and_too_many_are_told_to_wait(
    migrated: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_database, "TURN_S", _PATIENCE_S)  # on a busy machine a hundred take longer

    async def run() -> None:
        asked, query = (
            console_database.Database(migrated.reader_url, None),
            WindowsQuery(None, None, None, 10, None),
        )
        try:
            assert await asyncio.gather(*(asked.minutes(HEX, query) for _ in range(100))) == [[]] * 100
            monkeypatch.setattr(console_database, "MOST_WAITING", 3)
            found = await asyncio.gather(
                *(asked.minutes(HEX, query) for _ in range(5)), return_exceptions=True
            )
            assert [isinstance(one, Busy) for one in found] == [False, False, False, True, True]
        finally:
            await asked.close()

    asyncio.run(run())


def test_a_connection_on_which_no_answer_comes_can_be_given_up_at_once(migrated: Database) -> None:
    async def run() -> None:
        async with Session(migrated.reader_url, application_name="test") as session:
            async with session.transaction():
                pass  # there is a connection now
            asyncio.get_running_loop().call_later(0.2, session.abort)
            async with asyncio.timeout(60):
                with pytest.raises(ServiceUnavailable):
                    async with session.transaction() as connection:
                        await connection.execute("SELECT pg_sleep(600)")
            async with session.transaction() as connection:
                await views.begin(connection)
                assert await views.cells_now(connection) == []

    asyncio.run(run())


def test_its_transactions_cannot_write_whoever_it_is(migrated: Database) -> None:
    async def run() -> None:
        session = Session(migrated.writer_url, application_name="test")
        async with session, session.transaction() as connection:
            await views.begin(connection)
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                await connection.execute("DELETE FROM ub.ledger")

    asyncio.run(run())


COMMAND = """
from functools import partial
from streams.cli import main
from streams.console import service
service.application = partial(service.application, heartbeat_s=3600.0)
main()
"""
"""The commands, with a console that would end an hour later if it waited for a heartbeat."""


def test_the_command_ends_at_once_at_sigterm_and_closes_its_streams(
    migrated: Database, tmp_path: Path
) -> None:
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("UB_")},
        "UB_DATABASE_URL": migrated.reader_url,
        "UB_CONSOLE_PORT": str(port),
    }
    command = [sys.executable, "-c", COMMAND, "console"]
    with (tmp_path / "console.log").open("wb") as log:
        console = subprocess.Popen(command, env=environment, stderr=log, cwd=ROOT)
    try:
        eventually(lambda: answers(port) or console.poll() is not None)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/live", timeout=60) as stream:
            eventually(stream.readline, until=lambda line: line.startswith(b"id: "))
            console.send_signal(signal.SIGTERM)
            stream.read()  # a stream that was cut instead of closed raises IncompleteRead
            assert console.wait(60) == 0
    finally:
        console.kill()
        console.wait()
    said = (tmp_path / "console.log").read_text()
    assert f"the console is at http://127.0.0.1:{port}/" in said
    assert "Traceback" not in said
