"""`notify` between a real Kafka, a real database, and a real HTTP server that fails, hangs and comes back."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
from kafka import KafkaProducer

from schemas import codec
from schemas.alerts import Alert, AlertAction, Evidence, Severity
from streams import topics
from streams.brokers.admin import create_topics, wait_for_kafka
from streams.notify.receivers import parse, parse_inhibitions
from streams.notify.service import run
from streams.settings import Settings
from tests.conftest import Database
from tests.integration import store_rows as rows
from tests.integration.store_rows import CELL, T0
from tests.integration.store_support import query, write
from tests.waiting import wait_until


@dataclass(frozen=True, slots=True)
class Request:
    """What a receiver was sent."""

    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def id_(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Hook:
    """A receiver. `answer` is the status that it gives to what comes from then on; None: it hangs.

    While `free` is not set, it takes its time.
    `trips_over` are messages that it fails at with 500.
    """

    url: str = ""
    answer: int | None = 200
    headers: dict[str, str] = field(default_factory=dict)
    taken: list[Request] = field(default_factory=list)
    tried: list[tuple[float, str]] = field(default_factory=list)
    free: threading.Event = field(default_factory=threading.Event)
    trips_over: frozenset[str] = frozenset()

    @property
    def ids(self) -> list[str]:
        return [request.id_ for request in self.taken]


@contextmanager
def hook() -> Iterator[Hook]:
    """A receiver on a free port; it can be told to fail and to hang."""
    made, over = Hook(), threading.Event()
    made.free.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = Request({name.lower(): value for name, value in self.headers.items()}, body)
            answer = 500 if request.id_ in made.trips_over else made.answer
            made.tried.append((time.monotonic(), request.id_))
            made.free.wait()
            if answer is None:  # whoever sent it has given up long before
                over.wait()
                return
            if answer == 200:
                made.taken.append(request)
            self.send_response(answer)
            for name, value in made.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        over.set()
        made.free.set()
        server.shutdown()
        server.server_close()


class Desk:
    """Alerts as the incidents stage leaves them: on Kafka and in the tables."""

    def __init__(self, bootstrap: str, database: Database, **settings: Any) -> None:
        self.database = database
        self.settings = Settings(
            kafka_bootstrap=bootstrap,
            kafka_flavor="tansu",
            database_url=database.writer_url,
            **settings,
        )
        wait_for_kafka(bootstrap)
        create_topics(bootstrap, self.settings)
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
        self._sequence: dict[str, int] = {}

    def close(self) -> None:
        self._producer.close(timeout=1)

    def tell(
        self,
        alert_id: str,
        action: AlertAction = "raised",
        severity: Severity = "major",
        *,
        subject: str | None = None,
        only_kafka: bool = False,
    ) -> Alert:
        """One event of an alert."""
        sequence = self._sequence[alert_id] = self._sequence.get(alert_id, -1) + 1
        alert = msgspec.structs.replace(event(alert_id, sequence, action, severity), subject=subject)
        if not only_kafka:
            write(
                self.database,
                *rows.alert(
                    action,
                    sequence,
                    alert.updated_at,
                    alert_id=alert_id,
                    severity=severity,
                    region=alert.region,
                    summary=alert.summary,
                    evidence=codec.encode(alert.evidence).decode(),
                    body=codec.encode(alert).decode(),
                ),
                rows.geometry(),
                stage="incidents",
            )
        self.send(alert)
        return alert

    def send(self, alert: Alert) -> None:
        """Put an event on Kafka."""
        self.put(codec.encode(alert), alert.cell)

    def put(self, value: bytes, key: str = f"{CELL:x}") -> None:
        self._producer.send(topics.ALERTS, key=key.encode(), value=value).get(60)

    def states(self) -> list[tuple[Any, ...]]:
        return query(
            self.database.owner_url,
            "SELECT receiver, alert_id, sequence, reason, state, note FROM ub.notification ORDER BY number",
        )


def event(alert_id: str, sequence: int, action: AlertAction, severity: Severity = "major") -> Alert:
    at = T0 + 120_000 + 1_000 * sequence
    cleared = action == "cleared"
    return Alert(
        alert_id=alert_id,
        sequence=sequence,
        action=action,
        kind="oversaturation",
        severity=severity,
        status="cleared" if cleared else "active",
        acknowledged=False,
        cell=f"{CELL:x}",
        region="82309ffffffffff",
        zone="default",
        lat=31.23,
        lon=121.47,
        starts_at=T0,
        updated_at=at,
        ends_at=at if cleared else None,
        summary=f"{action}: 95 bikes in a cell for 60",
        policy="default",
        policy_version="1",
        evidence=Evidence(95, 60, 60, 48, {"hello": 95}, "ub.cells", 0, 7),
    )


@contextmanager
def notifying(desk: Desk, receivers: str) -> Iterator[None]:
    """`notify` at work, in a thread of its own, its receivers known; stopped in order at the end."""
    parsed = parse(receivers, {"SECRET": "whsec_c2VzYW1lLW9wZW4="}, "test")
    inhibitions = parse_inhibitions(receivers, "test")
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    failures: list[BaseException] = []

    def work() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(
                run(desk.settings, parsed, lambda _lat, _lon: "Pudong", stop, inhibitions)
            )
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        # What is told from now on is no longer what was open as they were met.
        names = {one.name for one in parsed}
        known = "SELECT name FROM ub.receiver WHERE left_at IS NULL"
        wait_until(
            lambda: (
                not thread.is_alive() or names <= {name for (name,) in query(desk.database.owner_url, known)}
            ),
            "the receivers",
        )
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        assert not thread.is_alive()
        loop.close()
    assert failures == []
