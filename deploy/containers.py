"""The three services in Docker containers on free ports, through testcontainers: tests, and a demo where an
engine answers. Images are pinned; deploy/compose.yaml names the same ones for production.
"""

import secrets
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from deploy.endpoints import Endpoints, database_url, with_login
from deploy.native.ports import LOOPBACK
from deploy.roles import READER, WRITER, ensure_roles
from streams.brokers.admin import wait_for_kafka
from streams.brokers.probe import probe_mqtt
from streams.errors import ServiceUnavailable, UrbanBrainError

MOSQUITTO_IMAGE = "eclipse-mosquitto:2.0.21"
KAFKA_IMAGE = "confluentinc/cp-kafka:7.9.1"
"""Apache Kafka 3.9: testcontainers' Kafka module starts Confluent's image only."""
TIMESCALE_IMAGE = "timescale/timescaledb:2.19.3-pg17"

START_TIMEOUT_S = 180
_ANSWER_S = 10.0
"""Of an engine that is there; one that hangs does not count."""
_POLL_S = 0.2
_SHARED_MEMORY = "512m"
"""As in deploy/compose.yaml, which says why."""
_WITHOUT_DOCKER = "or leave Docker out: `urbanbrain up --stack native`, UB_TEST_STACK=native for tests"
_LIMITS = Path(__file__).resolve().parent / "mosquitto" / "conf.d" / "limits.conf"
_LISTENER = "listener 1883\nallow_anonymous true\npersistence_location /mosquitto/data/\nlog_dest stdout\n"


def engine_answers() -> bool:
    """Whether a Docker engine answers; a client alone, or a socket without a daemon, does not count."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        asked = subprocess.run([docker, "info"], check=False, capture_output=True, timeout=_ANSWER_S)
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


def can_start() -> bool:
    """Whether an engine answers and testcontainers, a development dependency, is installed."""
    return find_spec("testcontainers") is not None and engine_answers()


class ContainersFailed(UrbanBrainError):
    """Docker did not start a service: no network to pull its image through, no engine where it is looked for."""


class ContainerStack:
    """Use as `with ContainerStack() as stack: ... stack.endpoints`."""

    endpoints: Endpoints

    def __init__(self) -> None:
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        try:
            # It belongs to testcontainers.
            from docker.errors import DockerException  # type: ignore[import-untyped]  # noqa: PLC0415
        except ImportError as error:
            raise ContainersFailed(
                f"testcontainers, which starts the services in containers, is not installed ({error}); "
                f"`make setup` installs it, {_WITHOUT_DOCKER}"
            ) from error

        try:
            with ExitStack() as started:
                self.endpoints = _running(started)
                self._cleanup = started.pop_all()
        # testcontainers raises errors of Python itself.
        except (DockerException, OSError, RuntimeError, psycopg.OperationalError) as error:
            raise ContainersFailed(
                f"Docker does not start the services ({error}); see whether `docker run --rm hello-world` "
                f"works, {_WITHOUT_DOCKER}"
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()


def _running(started: ExitStack) -> Endpoints:
    """Start the three and return where they answer; what `started` holds takes them down."""
    # Reads the engine's settings when imported, and is a development dependency.
    from testcontainers.community.kafka import KafkaContainer  # noqa: PLC0415
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415

    owner_password, writer_password, reader_password = (secrets.token_urlsafe(18) for _ in range(3))
    mqtt = DockerContainer(MOSQUITTO_IMAGE)
    _publish(mqtt, 1883)
    configuration = (_LISTENER + _LIMITS.read_text()).encode()
    mqtt.with_copy_into_container(configuration, "/mosquitto/config/mosquitto.conf")
    started.enter_context(mqtt)
    mqtt_host, mqtt_port = _address(mqtt, 1883)

    database = (
        DockerContainer(TIMESCALE_IMAGE)
        .with_envs(POSTGRES_USER="ub_owner", POSTGRES_PASSWORD=owner_password, POSTGRES_DB="urbanbrain")
        .with_env("TIMESCALEDB_TELEMETRY", "off")
        .with_kwargs(shm_size=_SHARED_MEMORY)
    )
    _publish(database, 5432)
    started.enter_context(database)

    kafka = KafkaContainer(KAFKA_IMAGE).with_kraft()
    _publish(kafka, kafka.port)
    started.callback(kafka.stop)
    kafka.start(timeout=START_TIMEOUT_S)
    bootstrap = kafka.get_bootstrap_server()
    wait_for_kafka(bootstrap, START_TIMEOUT_S)

    owner_url = database_url("ub_owner", owner_password, *_address(database, 5432), "urbanbrain")
    _until_answered(lambda: psycopg.connect(owner_url, connect_timeout=3).close())
    _until_answered(lambda: probe_mqtt(mqtt_host, mqtt_port))
    ensure_roles(owner_url, {WRITER: writer_password, READER: reader_password})
    return Endpoints(
        mqtt_host=mqtt_host,
        mqtt_port=mqtt_port,
        kafka_bootstrap=bootstrap,
        kafka_flavor="kafka",
        database_url=owner_url,
        writer_url=with_login(owner_url, WRITER, writer_password),
        reader_url=with_login(owner_url, READER, reader_password),
    )


def _publish(container: Any, port: int) -> None:
    """Publish a port on our loopback, as nothing here has accounts; on all addresses where that does not reach it.

    It does not where the engine is on another machine, or where we are in a container ourselves.
    """
    client = container.get_docker_client()
    is_here = client.get_connection_mode().value == "docker_host" and client.host() in ("localhost", LOOPBACK)
    container.ports[str(port)] = (LOOPBACK, None) if is_here else None  # no method of it takes an address


def _address(container: Any, port: int) -> tuple[str, int]:
    """Return where the host reaches a container's port."""
    return str(container.get_container_host_ip()), int(container.get_exposed_port(port))


def _until_answered(attempt: Callable[[], object]) -> None:
    """Repeat until it succeeds; the last error once START_TIMEOUT_S is over."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            attempt()
        except (ServiceUnavailable, psycopg.OperationalError):
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)
        else:
            return
