"""The HTTP API over a hub and a fake past, on a real socket."""

import asyncio
import json
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence, ValuesView
from datetime import UTC, datetime
from urllib.parse import urljoin

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from streams.console import api
from streams.console.api import application
from streams.console.freshness import Freshness
from streams.console.hosts import names_allowed
from streams.console.live import Hub
from streams.console.params import AlertsQuery, WindowsQuery
from streams.console.stuck import STUCK_S
from streams.console.view import Key, View
from streams.errors import Busy, ServiceUnavailable
from streams.store.view_rows import CellMinute, CellNow, ClearedAlert
from tests.unit.console.rows import CELLS, T0, a_view, alert, cell

Client = TestClient[web.Request, web.Application]

CITY = a_view(
    cell(CELLS[0]), cell(CELLS[1], "didi"), cell(CELLS[2]), alerts=(alert("a"), alert("b", minutes=1))
)
PATHS = ("/health", "/api/v1/cells", "/api/v1/alerts", f"/api/v1/cells/{CELLS[0]}/windows", "/api/v1/live")


class Past:
    """Three minutes, and no alert that is over; or a database that is away."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.asked: list[WindowsQuery | AlertsQuery] = []

    async def minutes(self, cell: str, query: WindowsQuery) -> Sequence[CellMinute]:
        self._ask(query)
        rows = [CellMinute(T0, operator, 1, 0, 0, 1, 0, 1.0) for operator in ("a", "b", "c")]
        return rows[: query.limit + 1]

    async def cleared(self, query: AlertsQuery) -> Sequence[ClearedAlert]:
        self._ask(query)
        return []

    def _ask(self, query: WindowsQuery | AlertsQuery) -> None:
        self.asked.append(query)
        if self.failure is not None:
            raise self.failure


def served(
    check: Callable[[Client, Hub, Past], Awaitable[None]],
    *,
    view: View | None = CITY,
    fresh: bool = True,
    clients: int = 2,
) -> None:
    async def run() -> None:
        hub, past = Hub(Freshness(60, T0), clients), Past()
        if view is not None:
            hub.publish(view, T0)
        if fresh:
            hub.freshness.answered(datetime.now(UTC), asyncio.get_running_loop().time())
        else:
            hub.freshness.failed("PostgreSQL at db:5432/urbanbrain does not answer", 0.0)
        async with TestClient(
            TestServer(
                application(hub, past, names_allowed("127.0.0.1", ""), 0.05), handler_cancellation=True
            )
        ) as client:
            await check(client, hub, past)

    asyncio.run(run())


def test_a_page_from_elsewhere_cannot_ask_under_its_own_name() -> None:
    async def check(client: Client, _hub: Hub, _past: Past) -> None:
        for path in ("/", "/metrics", *PATHS):
            answer = await client.get(path, headers={"Host": "evil.example:8080"})
            body = await answer.json(content_type="application/problem+json")
            assert (answer.status, body["status"]) == (421, 421)
            assert "UB_CONSOLE_HOSTS" in body["detail"]

    served(check)


def test_health_says_200_while_the_database_answers_and_503_with_the_reason_when_it_does_not() -> None:
    async def healthy(client: Client, _hub: Hub, _past: Past) -> None:
        answer = await client.get("/health")
        body = await answer.json()
        assert (answer.status, body["status"], body["cells"], body["open_alerts"]) == (200, "ok", 3, 2)

    async def ill(client: Client, _hub: Hub, _past: Past) -> None:
        answer = await client.get("/health")
        body = await answer.json()
        assert (answer.status, body["status"]) == (503, "stale")
        assert body["stale_since"] == "2026-03-01T12:00:00Z"
        assert "does not answer" in body["reason"]

    served(healthy)
    served(ill, fresh=False)


@pytest.mark.parametrize("fresh", [True, False])
def test_metrics_are_always_answered_200_in_the_format_of_prometheus(fresh: bool) -> None:
    async def check(client: Client, _hub: Hub, _past: Past) -> None:
        answer = await client.get("/metrics")
        body = await answer.text()
        assert (answer.status, answer.content_type) == (200, "text/plain")
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        assert f"\nurbanbrain_database_up {float(fresh)}\n" in body
        assert ("urbanbrain_open_alerts{" in body) == fresh
        assert await (await client.get("/metrics?name[]=up&x=y&x=z")).text() == body, "scrapes have `params`"

    served(check, fresh=fresh)


def test_cells_come_as_json_and_as_geojson_page_by_page() -> None:
    async def check(client: Client, _hub: Hub, _past: Past) -> None:
        found: list[str] = []
        path: str | None = "/api/v1/cells?limit=2"
        while path is not None:
            body = await (await client.get(path)).json()
            found += [each["cell"] for each in body["cells"]]
            path = urljoin(path, body["next"]) if body["next"] else None
        assert found == [*CELLS]
        answer = await client.get("/api/v1/cells", params={"format": "geojson", "operator": "didi"})
        assert answer.content_type == "application/geo+json"
        collection = await answer.json()
        assert [feature["id"] for feature in collection["features"]] == [CELLS[1]]

    served(check)


class Looked(dict[Key, CellNow]):
    """Cells that count how often somebody goes through them."""

    times = 0

    def values(self) -> ValuesView[CellNow]:
        self.times += 1
        return super().values()


def test_many_who_ask_the_same_between_two_polls_get_one_answer_and_another_one_after_the_next() -> None:
    """Each took 80 ms in a large city: 200 at once held up the poll until its figures were told to be stale."""

    async def check(client: Client, hub: Hub, _past: Past) -> None:
        async def ask(path: str) -> str:
            return await (await client.get(path)).text()

        cells = Looked(CITY.cells)
        hub.publish(View(cells), T0)
        cells.times = 0  # not those of the hub itself
        answers = await asyncio.gather(*(ask("/api/v1/cells?limit=2") for _ in range(20)))
        assert (len(set(answers)), cells.times) == (1, 1)
        other = await ask("/api/v1/cells?limit=1")
        assert json.loads(other)["next"] != json.loads(answers[0])["next"]
        hub.publish(a_view(cell(CELLS[2])), T0)
        hub.freshness.answered(datetime.now(UTC), asyncio.get_running_loop().time())
        assert [each["cell"] for each in json.loads(await ask("/api/v1/cells?limit=2"))["cells"]] == [
            CELLS[2]
        ]

    served(check)


def test_windows_are_asked_from_the_past_with_a_link_to_the_rest() -> None:
    async def check(client: Client, _hub: Hub, past: Past) -> None:
        path = f"/api/v1/cells/{CELLS[0]}/windows?operator=hello&limit=2"
        body = await (await client.get(path)).json()
        assert [row["operator"] for row in body["windows"]] == ["a", "b"]
        assert body["next"].startswith("?"), (
            "a path would be wrong behind a proxy that took a part of it away"
        )
        await client.get(urljoin(path, body["next"]))
        (first, second) = past.asked
        assert isinstance(first, WindowsQuery)
        assert (first.operator, first.after) == ("hello", None)
        assert (second.limit, second.after) == (2, (T0, "b"))

    served(check)


def test_open_alerts_come_from_the_view_and_those_that_are_over_from_the_past() -> None:
    async def check(client: Client, _hub: Hub, past: Past) -> None:
        body = await (await client.get("/api/v1/alerts")).json()
        assert [each["alert_id"] for each in body["alerts"]] == ["b", "a"]
        assert body["polled_at"] == (await (await client.get("/health")).json())["polled_at"] is not None
        assert past.asked == []
        body = await (await client.get("/api/v1/alerts?state=cleared&kind=hot_spot")).json()
        assert (body["alerts"], body["next"]) == ([], None)
        assert "polled_at" not in body, "they are as of now"
        assert len(past.asked) == 1

    served(check)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/api/v1/cells?bbox=1,2", "west,south,east,north"),
        ("/api/v1/cells/xyz/windows", "8930994a553ffff"),
        *(
            (f"/api/v1/cells/{text}/windows", "8930994a553ffff")
            for text in (
                f"0x{CELLS[0]}",
                f"0{CELLS[0]}",
                f"%20{CELLS[0]}",
                f"{CELLS[0]}%0A",
                CELLS[0].upper(),
            )
        ),
        (f"/api/v1/cells/{CELLS[0][:8]}_{CELLS[0][8:]}/windows", "8930994a553ffff"),
        (f"/api/v1/cells?parent=%2B{CELLS[0]}", "8930994a553ffff"),
        ("/api/v1/alerts?limit=x", "1 to 1000"),
        ("/api/v1/live?since=1", "since"),
        ("/health?x=1", "x"),
    ],
)
def test_a_question_that_cannot_be_understood_is_a_400_as_problem_json(path: str, said: str) -> None:
    async def check(client: Client, _hub: Hub, _past: Past) -> None:
        answer = await client.get(path)
        assert (answer.status, answer.content_type) == (400, "application/problem+json")
        body = await answer.json()
        assert body["status"] == 400
        assert said in body["detail"]

    served(check)


@pytest.mark.parametrize("view", [None, CITY], ids=["before the first answer", "afterwards"])
def test_questions_are_answered_503_while_the_database_is_away_and_not_with_old_figures(
    view: View | None,
) -> None:
    async def check(client: Client, _hub: Hub, past: Past) -> None:
        for path in PATHS[1:4]:
            answer = await client.get(path)
            assert (answer.status, answer.content_type) == (503, "application/problem+json")
            assert int(answer.headers["Retry-After"]) > 0
            said = (await answer.json())["detail"]
            assert said.startswith("there is no answer of the database of the last seconds"), (
                "whose fault is another matter"
            )
        assert past.asked == [], "nobody waits for a database that is known to be away"

    served(check, view=view, fresh=False)


def test_a_failure_tells_nothing_of_what_is_inside() -> None:
    async def check(client: Client, _hub: Hub, past: Past) -> None:
        past.failure = ServiceUnavailable("PostgreSQL", "secret-host:5432/urbanbrain", "gone")
        answer = await client.get(PATHS[3])
        assert answer.status == 503
        assert "secret-host" not in await answer.text()

    served(check)


def test_too_many_questions_are_not_told_as_a_database_that_is_away() -> None:
    async def check(client: Client, _hub: Hub, past: Past) -> None:
        past.failure = Busy("500 questions wait already")
        answer = await client.get(PATHS[3])
        detail = (await answer.json())["detail"]
        assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
        assert "500 questions wait already" in detail
        assert "database" not in detail

    served(check)


def test_the_live_stream_begins_with_a_snapshot_and_goes_on_with_changes_and_heartbeats() -> None:
    async def check(client: Client, hub: Hub, _past: Past) -> None:
        async with client.get("/api/v1/live") as answer:
            assert answer.content_type == "text/event-stream"
            assert await next_event(answer.content) == "snapshot"
            assert await next_event(answer.content) == "status"
            assert await next_event(answer.content) == "status", "the heartbeat"
            hub.publish(a_view(cell(CELLS[0], standing=9)), T0)
            while (name := await next_event(answer.content)) == "status":
                pass
            assert name == "changes"
            assert hub.clients == 1
            hub.end()
            assert b"event: changes" not in await answer.content.read()

    served(check)


def test_the_live_stream_is_gzip_for_those_who_take_it_and_says_so() -> None:
    async def check(client: Client, hub: Hub, _past: Past) -> None:
        snapshots = []
        for header, encoding in (("gzip", "gzip"), ("identity", None)):
            async with client.get("/api/v1/live", headers={"Accept-Encoding": header}) as answer:
                assert answer.headers.get("Content-Encoding") == encoding
                assert "Accept-Encoding" in answer.headers["Vary"]
                while await next_event(answer.content) != "snapshot":
                    pass
                hub.end()
                told = await answer.content.read()  # raises for a gzip with a wrong checksum
                assert told.endswith(b"\n\n")
                snapshots.append(told.split(b"\n\n")[0])
        assert snapshots[0] == snapshots[1]

    served(check)


def test_answers_are_compressed_for_those_who_take_it_and_small_ones_are_not() -> None:
    async def check(client: Client, _hub: Hub, _past: Past) -> None:
        for path, header, encoding in (
            ("/api/v1/cells", "gzip", "gzip"),
            ("/api/v1/cells", "gzip, deflate", "gzip"),
            ("/api/v1/cells", "identity", None),
            ("/api/v1/cells", "gzip;q=0, deflate", None),
            ("/health", "gzip", None),
        ):
            answer = await client.get(path, headers={"Accept-Encoding": header})
            assert answer.headers.get("Content-Encoding") == encoding
            assert (await answer.json())["cells"]

    served(check)


HUGE = a_view(*(cell(CELLS[0], f"operator {n}") for n in range(50_000)))
"""More than the buffers of a socket hold."""


def a_line(client: Client) -> socket.socket:
    """A client of the live stream that reads only when told to."""
    line = socket.create_connection(("127.0.0.1", client.port or 0))
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1_024)
    line.sendall(b"GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
    line.setblocking(False)
    return line


def test_a_client_that_takes_its_snapshot_slowly_gets_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(client: Client, _hub: Hub, _past: Past) -> None:
        loop, end, slept_s = asyncio.get_running_loop(), b"", 0.0
        # Whoever has half a minute bears a busy machine; what the client sleeps passes for the loop's clock alone.
        real = loop.time
        monkeypatch.setattr(loop, "time", lambda: real() + slept_s)
        with a_line(client) as line:
            async with asyncio.timeout(600):
                while b'"more":false' not in end:
                    taken = await loop.sock_recv(line, 64 * 1_024)
                    assert taken, f"cut off after {slept_s:.1f} s"
                    end = end[-20:] + taken
                    slept_s += 0.01 * STUCK_S
                    await asyncio.sleep(0)
        assert slept_s > STUCK_S, "it was too quick to say anything"

    served(check, view=HUGE)


def test_a_client_that_takes_nothing_is_let_go(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(api, "STUCK_S", 0.3)
    caplog.set_level(logging.INFO, api.__name__)

    async def check(client: Client, hub: Hub, _past: Past) -> None:
        with a_line(client):
            async with asyncio.timeout(30):
                while "; disconnected" not in caplog.text or hub.clients:  # noqa: ASYNC110 - the hub tells nobody
                    await asyncio.sleep(0.005)

    served(check, view=HUGE)


async def next_event(content: asyncio.StreamReader) -> str:
    async with asyncio.timeout(30):
        while line := await content.readline():
            if line.startswith(b"event: "):
                return line.decode().split()[1]
    raise AssertionError("the stream ended")


def test_a_client_that_leaves_frees_its_place_and_one_too_many_is_sent_away() -> None:
    async def check(client: Client, hub: Hub, _past: Past) -> None:
        async with client.get("/api/v1/live") as first:
            assert first.status == 200
            refused = await client.get("/api/v1/live")
            assert refused.status == 503
            assert "UB_CONSOLE_MAX_CLIENTS" in (await refused.json())["detail"]
        async with asyncio.timeout(30):
            while hub.clients:  # noqa: ASYNC110 - the hub tells nobody
                await asyncio.sleep(0.005)

    served(check, clients=1)


def test_it_can_only_be_read() -> None:
    async def check(client: Client, _hub: Hub, _past: Past) -> None:
        for path in ("/metrics", *PATHS):
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                answer = await client.request(method, path)
                assert (answer.status, answer.content_type) == (405, "application/problem+json"), path
                assert "GET" in answer.headers["Allow"]
                assert "only GET is answered" in (await answer.json())["detail"]
        missing = await client.get("/../settings.py")
        assert (missing.status, missing.content_type) == (404, "application/problem+json")
        said = (await missing.json())["detail"]
        assert said.startswith("GET /settings.py: no such path; there are /health, /metrics, /api/v1/cells, ")
        assert "/api/v1/cells/{cell}/windows" in said

    served(check)


def test_every_answer_carries_the_headers_that_keep_foreign_scripts_out() -> None:
    async def check(client: Client, _hub: Hub, _past: Past) -> None:
        for path in (*PATHS[:4], "/", "/console.js", "/nothing", "/api/v1/cells?x=1"):
            answer = await client.get(path)
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"

    served(check)
