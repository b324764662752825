"""A city that can be hurt: services, gateways, workers, a console as processes, a proxy on every link between two."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, LiteralString, Self

import psycopg
from psycopg.rows import dict_row

from deploy.endpoints import Endpoints
from deploy.native.directory import private_directory
from deploy.native.mosquitto import Mosquitto
from deploy.native.ports import LOOPBACK, free_port
from deploy.native.postgres import Postgres
from deploy.native.tansu import Tansu
from streams.brokers.admin import create_topics, wait_for_kafka
from streams.settings import Settings
from streams.store.migrate import migrate
from tests.chaos.disk import SmallDisk
from tests.chaos.faketime import Clock
from tests.chaos.onlooker import Onlooker
from tests.chaos.plan import OPERATORS
from tests.chaos.processes import ROOT, Child, children_of
from tests.chaos.proxy import Proxies, Proxy, kafka_client_id
from tests.waiting import eventually

SETTINGS = {
    "UB_SOURCE_PARTITIONS": "8",  # Faust gives each of 3 workers at most 8/3, rounded up: the third has 2
    "UB_REGION_PARTITIONS": "2",
    "UB_JUMP_KMH": "0",  # its vehicles jump all the time, and alerts are not what is compared
    "UB_MIN_DURATION_S": "5",  # so that there are alerts: of what is open the console and MQTT are to know
    "UB_WINDOW_S": "10",
    # Longer than any publisher, link or broker is away: the promise of exactness rests on it (docs/chaos.md).
    "UB_ALLOWED_LATENESS_S": "30",
    "UB_AMEND_HORIZON_S": "600",
    "UB_IDLE_TIMEOUT_S": "3",
    "UB_FRAME_LINGER_MS": "50",
    "UB_PUBLISH_INTERVAL_MS": "50",
    "UB_KAFKA_FETCH_WAIT_MS": "50",
}
GATEWAY = "gateway-chaos"
_COMMAND_S = 1200.0  # an audit of half an hour takes minutes


class City:
    """Use as a context. `clocks` names processes ("gateway", "worker") whose wall clock can be stepped;
    `disk_mb` puts PostgreSQL's data on a disk of that size.
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        settings: Mapping[str, str] | None = None,
        clocks: tuple[str, ...] = (),
        disk_mb: int | None = None,
    ) -> None:
        self._workers = workers
        self._settings = {**SETTINGS, **(settings or {})}
        self._clock_names = clocks
        self._disk_mb = disk_mb
        self._cleanup = ExitStack()
        self._connection: psycopg.Connection[dict[str, Any]] | None = None
        self.clocks: dict[str, Clock] = {}
        self.links: dict[str, Proxy] = {}
        self.disk: SmallDisk | None = None
        self.revived: list[str] = []
        """Processes of ours that ended by themselves and were started again."""
        self.extra: Child | None = None

    def __enter__(self) -> Self:
        with self._cleanup:
            self._start()
            self._cleanup = self._cleanup.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def _start(self) -> None:
        enter = self._cleanup.enter_context
        self.directory = enter(private_directory())
        proxies = enter(Proxies())
        kafka_port = free_port()
        self.mosquitto = Mosquitto(self.directory)
        self.tansu = Tansu(self.directory, advertised_port=kafka_port)
        data = self.directory
        if self._disk_mb is not None:
            self.disk = enter(SmallDisk(self.directory / "disk", self._disk_mb))
            data = self.disk.path
        self.postgres = Postgres(data)
        for service in (self.mosquitto, self.tansu, self.postgres):
            self._cleanup.callback(service.stop)
            service.start()
        self.links["kafka"] = proxies.between(self.tansu.port, port=kafka_port, label=kafka_client_id)
        for name in ("gateway-mosquitto", "worker-mosquitto", *(f"{op}-mosquitto" for op in OPERATORS)):
            self.links[name] = proxies.between(self.mosquitto.port)
        for name in ("worker-postgres", "console-postgres"):
            self.links[name] = proxies.between(self.postgres.port)
        wait_for_kafka(self.kafka_bootstrap)
        create_topics(self.kafka_bootstrap, self.settings())
        if self.disk is not None:
            self._little_log()
        asyncio.run(migrate(self.postgres.url, lambda _line: None))
        for name in self._clock_names:
            self.clocks[name] = Clock(self.directory / f"{name}.clock")
        self.gateway = self._child("gateway", "gateway")
        self.worker = self._child("worker", "worker", "--processes", str(self._workers))
        port = free_port()
        self.console = self._child(
            "console",
            "console",
            UB_CONSOLE_PORT=str(port),
            UB_DATABASE_URL=self._through(self.postgres.reader_url, "console-postgres"),
        )
        self.onlooker = Onlooker(port)
        self._cleanup.callback(self.onlooker.stop)
        self._cleanup.callback(self._close_connection)

    def _little_log(self) -> None:
        """Keep PostgreSQL's own log within the small disk."""
        for name, value in (("max_wal_size", "64MB"), ("min_wal_size", "32MB")):
            self.query(f"ALTER SYSTEM SET {name} = '{value}'")
        self.query("SELECT pg_reload_conf()")

    # ------------------------------------------------------------------ processes

    def _child(self, name: str, *arguments: str, **environment: str) -> Child:
        child = Child(
            name,
            "streams.cli",
            arguments,
            {**self._environment(name.partition("-")[0]), **environment},
            self.directory / f"{name}.log",
        )
        self._cleanup.callback(child.end)
        return child

    def _environment(self, kind: str) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("UB_")}
        environment = {
            **ours,
            **self._endpoints(kind).environment(),
            "UB_GATEWAY_ID": GATEWAY,
            "UB_DATA_DIR": str(self.directory / "faust"),
            **self._settings,
        }
        return environment | (self.clocks[kind].environment() if kind in self.clocks else {})

    def _endpoints(self, kind: str) -> Endpoints:
        through = self.links.get(f"{kind}-mosquitto", self.links["gateway-mosquitto"])
        return Endpoints(
            mqtt_host=LOOPBACK,
            mqtt_port=through.port,
            kafka_bootstrap=self.kafka_bootstrap,
            kafka_flavor="tansu",
            database_url=self.postgres.url,
            writer_url=self._through(self.postgres.writer_url, "worker-postgres"),
            reader_url=self.postgres.reader_url,
        )

    def _through(self, url: str, link: str) -> str:
        return url.replace(f":{self.postgres.port}/", f":{self.links[link].port}/")

    def start(self) -> None:
        """Start gateway, workers and console; return when the gateway has subscribed."""
        self.gateway.start()
        self.worker.start()
        self.console.start()
        self.onlooker.start()
        eventually(self.gateway.said, until=lambda log: "at work" in log or not self.gateway.running)
        assert self.gateway.running, self.gateway.said()

    def start_load(
        self, seconds: float, *, seed: int, rate: int, speed: float = 1.0, rotating: float = 0.0
    ) -> "Load":
        """Publish for so long, from a process of its own."""
        number = sum(1 for _ in self.directory.glob("published-*"))
        published = self.directory / f"published-{number}"
        ports = [f"--port={self.links[f'{operator}-mosquitto'].port}" for operator in OPERATORS]
        arguments = [
            *ports,
            f"--seconds={seconds:.1f}",
            f"--seed={seed}",
            f"--rate={rate}",
            f"--speed={speed}",
            f"--rotating={rotating}",
            f"--log={published}",
        ]
        child = Child(
            f"load-{number}",
            "tests.chaos.load",
            arguments,
            os.environ,
            self.directory / f"load-{number}.log",
        )
        self._cleanup.callback(child.end)
        child.start()
        return Load(child, published)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of our commands to its end, with the worker's settings."""
        return subprocess.run(
            [sys.executable, "-m", "streams.cli", *arguments],
            env={**self._environment("worker"), "PYTHONPATH": str(ROOT)},
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=_COMMAND_S,
            check=False,
        )

    def worker_processes(self) -> list[int]:
        """Process ids of the supervisor's workers that live now."""
        return children_of(self.worker.pid) if self.worker.running else []

    def add_worker(self) -> Child:
        """Start a supervisor with one more worker process."""
        if self.extra is None:
            self.extra = self._child("worker-extra", "worker", UB_WORKER_ID="worker-extra")
        self.extra.start()
        return self.extra

    def tend(self) -> None:
        """Start again what ended by itself, as systemd or Docker would; the supervisor does so for its workers."""
        for child in (self.gateway, self.worker, self.console):
            if child.wanted and not child.running:
                self.revived.append(child.name)
                child.start()

    # ------------------------------------------------------------------ what the services hold

    @property
    def kafka_bootstrap(self) -> str:
        return self.tansu.bootstrap

    @property
    def window_ms(self) -> int:
        return int(self._settings["UB_WINDOW_S"]) * 1000

    @property
    def allowed_lateness_s(self) -> float:
        return float(self._settings["UB_ALLOWED_LATENESS_S"])

    def settings(self) -> Settings:
        """The settings that the worker reads."""
        environment = self._environment("worker")
        mine = {k.removeprefix("UB_").lower(): v for k, v in environment.items() if k.startswith("UB_")}
        return Settings(_env_file=None, **mine)  # type: ignore[call-arg, arg-type]

    def query(self, statement: LiteralString, *parameters: object) -> list[dict[str, Any]]:
        """Ask the database as its owner, past all proxies; a connection that PostgreSQL took along is made anew."""
        for last in (False, True):
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = psycopg.connect(
                        self.postgres.url, autocommit=True, row_factory=dict_row
                    )
                cursor = self._connection.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError:
                self._close_connection()
                if last:
                    raise
        raise AssertionError("unreachable")

    def _close_connection(self) -> None:
        with suppress(psycopg.Error):
            if self._connection is not None:
                self._connection.close()
        self._connection = None

    def logs(self, limit: int = 200_000) -> str:
        """Return the ends of all logs, for the message of a failure."""
        return "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-limit:]}"
            for path in sorted(self.directory.glob("*.log"))
            if path.name not in ("tansu.log", "mosquitto.log")
        )


class Load:
    """The publishing process, and the directory in which it wrote down what it published."""

    def __init__(self, child: Child, published: Path) -> None:
        self.child = child
        self.published = published

    def line(self, number: int) -> dict[str, Any] | None:
        """Return a line of its output: 0 how it began, -1 its summary; None while it is not there."""
        lines = [line for line in self.child.said().splitlines() if line.startswith("{")]
        if number == -1 and len(lines) < 2:
            return None
        return json.loads(lines[number]) if lines else None

    def began(self) -> dict[str, Any]:
        """Wait until it publishes and return when it began, by the wall clock and in event time."""
        began = eventually(lambda: self.line(0), 20.0)
        assert began is not None
        return began

    def finish(self, timeout_s: float, meanwhile: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Wait until it has published everything, and the broker confirmed it; return its summary."""

        def ended() -> bool:
            meanwhile()
            return not self.child.running

        eventually(ended, timeout_s)
        summary = self.line(-1)
        assert summary is not None, self.child.said()
        assert summary["unconfirmed"] == 0, summary
        return summary
