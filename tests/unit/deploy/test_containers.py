"""The Docker stack, as far as it goes without an engine."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from testcontainers.core.config import ConnectionMode, testcontainers_config

from deploy import containers
from deploy.containers import ContainersFailed, ContainerStack

COMPOSE = Path(containers.__file__).with_name("compose.yaml")


class Engine(ThreadingHTTPServer):
    """Takes every container, and says that it runs; that of Kafka then has no port, which ends the start."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.asked_for: dict[str, dict[str, Any]] = {}


class _Answers(BaseHTTPRequestHandler):
    server: Engine
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        ports = {f"{port}/tcp": [{"HostIp": "", "HostPort": "1"}] for port in (1883, 5432)}
        self._answer(
            {
                "ApiVersion": "1.44",
                "Id": "c0",
                "State": {"Status": "running"},
                "NetworkSettings": {"Ports": ports},
            }
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "/containers/create" in self.path:
            asked = json.loads(body)
            self.server.asked_for[asked["Image"]] = asked
        self._answer({"Id": "c0"})

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer({})

    def do_DELETE(self) -> None:
        self._answer({})

    def _answer(self, content: object) -> None:
        answer = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    with Engine() as served:
        thread = threading.Thread(target=served.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{served.server_port}")
        monkeypatch.setattr(testcontainers_config, "ryuk_disabled", True)
        monkeypatch.setattr(testcontainers_config, "connection_mode_override", ConnectionMode.docker_host)
        yield served
        served.shutdown()
        thread.join()


def test_an_engine_that_is_not_where_it_is_looked_for_is_said_in_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`docker` may know another place than `DOCKER_HOST`, as where it is Podman."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(ContainersFailed, match=r"Docker does not start the services .*--stack native"):
        ContainerStack().__enter__()


def test_a_container_that_does_not_come_to_work_is_said_in_a_line(engine: Engine) -> None:
    """What testcontainers raises is none of Docker's errors."""
    with pytest.raises(ContainersFailed, match=r"Docker does not start .*port 9093 is not available.*native"):
        ContainerStack().__enter__()
    assert len(engine.asked_for) == 3


def test_without_testcontainers_it_is_said_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker.errors", None)
    with pytest.raises(ContainersFailed, match=r"testcontainers.*`make setup`.*--stack native"):
        ContainerStack().__enter__()


@pytest.mark.parametrize(
    ("host", "address"), [(None, "127.0.0.1"), ("localhost", "127.0.0.1"), ("192.0.2.7", "")]
)
def test_services_without_accounts_listen_on_the_loopback_unless_the_engine_is_elsewhere(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, host: str | None, address: str
) -> None:
    monkeypatch.setattr(testcontainers_config, "tc_host_override", host)
    with pytest.raises(ContainersFailed):
        ContainerStack().__enter__()
    bound = {
        port: at
        for asked in engine.asked_for.values()
        for port, at in asked["HostConfig"]["PortBindings"].items()
    }
    assert bound == {f"{port}/tcp": [{"HostIp": address, "HostPort": ""}] for port in (1883, 5432, 9093)}


def test_the_database_has_the_shared_memory_of_production_and_reports_to_nobody(engine: Engine) -> None:
    with pytest.raises(ContainersFailed):
        ContainerStack().__enter__()
    asked = engine.asked_for[containers.TIMESCALE_IMAGE]
    production = yaml.safe_load(COMPOSE.read_text())["services"]["timescaledb"]
    assert asked["HostConfig"]["ShmSize"] == int(production["shm_size"].removesuffix("m")) << 20
    telemetry = production["environment"].get("TIMESCALEDB_TELEMETRY")
    assert telemetry == "off"
    assert f"TIMESCALEDB_TELEMETRY={telemetry}" in asked["Env"]
