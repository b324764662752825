"""A running city: gateway and workers as processes of their own, and what a test needs to talk to them."""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from psycopg.rows import dict_row

from deploy.endpoints import Endpoints
from deploy.native.process import ServiceProcess
from schemas import codec
from streams.brokers.admin import wait_for_kafka
from streams.brokers.kafka_login import kafka_login_of
from streams.errors import UrbanBrainError
from streams.settings import Settings
from streams.topics import ALERTS, TopicSpec, kafka_topics
from tests.conftest import Database
from tests.e2e.commands import TIMEOUT_S, Finished, clean_environment, run
from tests.e2e.services import forget_gateway
from tests.e2e.taps import KafkaRecord, KafkaTap, MqttMessage, MqttTap
from tests.waiting import eventually

_END_OF_A_LOG = 3_000  # characters

Message = tuple[str, bytes]
"""MQTT topic and payload."""

DEFAULTS = {
    "UB_SOURCE_PARTITIONS": "4",
    "UB_REGION_PARTITIONS": "2",
    "UB_IDLE_TIMEOUT_S": "1",
    "UB_CHECKPOINT_INTERVAL_S": "0.5",
    "UB_MIN_DURATION_S": "60",
    "UB_DEFAULT_CAPACITY": "20",
    "UB_JUMP_KMH": "0",  # vehicles of these tests are wherever they are wanted
}


class OwnProcess:
    """One of our commands in the background, with the processes that it starts in turn."""

    def __init__(
        self, name: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> None:
        self.log = log
        self._service = ServiceProcess(
            name,
            [sys.executable, "-m", "streams.cli", *arguments],
            log,
            environment=environment,
            stop_timeout_s=30.0,
        )
        self._service.start(lambda: True, timeout_s=5.0)
        self.pid = self._service.pid

    @property
    def running(self) -> bool:
        return self._service.running

    def children(self) -> list[int]:
        """Process ids of the processes it started."""
        listed = subprocess.run(["pgrep", "-P", str(self.pid)], capture_output=True, text=True, check=False)
        return [int(line) for line in listed.stdout.split()]

    def show_stacks(self) -> None:
        """Have it and those it started write into its log where each of their threads is."""
        begin = len(self.log.read_bytes())
        for pid in (self.pid, *self.children()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGUSR1)
        with suppress(AssertionError):
            eventually(
                lambda: self.log.read_bytes()[begin:], 30.0, until=lambda told: b"streams/cli.py" in told
            )

    def stop(self) -> None:
        """SIGTERM, and wait until it and all that it started are gone; whoever stays behind is an orphan."""
        self._service.stop()
        assert not self._group_lives(), f"{self.log.name}: it ended and left processes behind"

    def end(self) -> None:
        """Leave nothing behind, whatever the test did: a test that cares how it ends has called `stop`."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._service.kill()

    def _group_lives(self) -> bool:
        # It leads a session and so a process group of its own; our children stay in it.
        with suppress(ProcessLookupError):
            os.killpg(self.pid, 0)
            return True
        return False


class City:
    """Built by the `a_city` and `city` fixtures (conftest.py)."""

    def __init__(
        self, endpoints: Endpoints, database: Database, directory: Path, settings: Mapping[str, str]
    ) -> None:
        self.database = database
        self.directory = directory
        self.gateway_id = f"gateway-{secrets.token_hex(4)}"
        self.lose_kafka: Callable[[], None]
        """Have Kafka forget all it has, its topics too, while our processes run; where the fixture has set it."""
        self.environment = {
            **clean_environment(),
            **endpoints.environment(),
            "UB_DATABASE_URL": database.writer_url,
            "UB_GATEWAY_ID": self.gateway_id,
            "UB_DATA_DIR": str(directory / "faust"),
            **DEFAULTS,
            **settings,
        }
        self._endpoints = endpoints
        self._processes: list[OwnProcess] = []
        self._connection: psycopg.Connection[dict[str, Any]] | None = None

    # ------------------------------------------------------------------ processes

    def start(self, name: str, *arguments: str) -> OwnProcess:
        """Run one of our commands in the background until the city is left."""
        number = len(self._processes)
        process = OwnProcess(name, arguments, self.environment, self.directory / f"{number}-{name}.log")
        self._processes.append(process)
        return process

    def start_gateway(self) -> OwnProcess:
        """Start a gateway and wait until it has subscribed."""
        gateway = self.start("gateway", "gateway")
        eventually(gateway.log.read_text, until=lambda log: "at work" in log or not gateway.running)
        assert gateway.running, gateway.log.read_text()
        return gateway

    def start_worker(self, processes: int = 1) -> OwnProcess:
        """Start a supervisor with its workers; they begin when Kafka has given them their partitions."""
        return self.start("worker", "worker", "--processes", str(processes))

    def run(
        self, *arguments: str, settings: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S
    ) -> Finished:
        """Run one of our commands to its end; `settings` go before the city's own."""
        return run(
            *arguments,
            environment={**self.environment, **(settings or {})},
            directory=self.directory,
            timeout_s=timeout_s,
        )

    def logs(self) -> str:
        """Return the logs of all processes."""
        return "\n".join(f"--- {process.log.name}\n{process.log.read_text()}" for process in self._processes)

    def state(self) -> str:
        """Return what a failure's message should say: ends of logs, stacks, and whether Kafka answers."""
        told = []
        for process in self._processes:
            log = process.log.read_text()
            told += [f"--- {process.log.name}, {len(log)} characters", log[-_END_OF_A_LOG:]]
            if process.running:
                process.show_stacks()
                told += ["--- and its stacks", process.log.read_text()[len(log) :]]
        try:
            told.append(f"--- a new client sees {wait_for_kafka(self.kafka_bootstrap, 3.0)}")
        except UrbanBrainError as error:
            told.append(f"--- a new client: {error}")
        return "\n".join(told)

    # ------------------------------------------------------------------ MQTT and Kafka

    @contextmanager
    def publisher(self) -> Iterator["Publisher"]:
        """Connect as an operator does: MQTT v5, QoS 1."""
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        client.max_inflight_messages_set(1_000)
        client.connect(self._endpoints.mqtt_host, self._endpoints.mqtt_port)
        client.loop_start()
        try:
            yield Publisher(client)
        finally:
            client.disconnect()
            client.loop_stop()

    def publish(self, messages: Iterable[Message]) -> None:
        """Publish in order and return when the broker has confirmed all of them."""
        with self.publisher() as publisher:
            publisher.publish(messages)

    def mqtt_tap(self, *filters: str) -> MqttTap:
        """Subscribe to what goes by from now on, and to what is retained."""
        return MqttTap(self._endpoints.mqtt_host, self._endpoints.mqtt_port, *filters)

    def retained(self, topic_filter: str) -> list[MqttMessage]:
        """Return what a subscriber gets who comes only now."""
        with self.mqtt_tap(topic_filter) as tap:
            return [message for message in tap.everything() if message.retained]

    def kafka_tap(self) -> KafkaTap:
        """Read all topics from the beginning."""
        return KafkaTap(self._endpoints.kafka_bootstrap, self.topics, kafka_login_of(self.settings()))

    def alerts_told(self) -> list[KafkaRecord]:
        """Return the records of `ub.alerts`: of each event that the database has there must be one."""
        events = {(row["alert_id"], row["sequence"]) for row in self.query("SELECT * FROM ub.alert_event")}
        assert events, "no alert was raised yet"
        with self.kafka_tap() as tap:
            records = tap.of(ALERTS)
        assert events <= {(a.alert_id, a.sequence) for a in (codec.alert.decode(r.value) for r in records)}
        return records

    @property
    def topics(self) -> tuple[TopicSpec, ...]:
        """The Kafka topics as this city has them."""
        return kafka_topics(
            int(self.environment["UB_SOURCE_PARTITIONS"]), int(self.environment["UB_REGION_PARTITIONS"])
        )

    @property
    def kafka_bootstrap(self) -> str:
        """Address of its Kafka."""
        return self._endpoints.kafka_bootstrap

    def settings(self) -> Settings:
        """The settings that its processes read."""
        mine = {k.removeprefix("UB_").lower(): v for k, v in self.environment.items() if k.startswith("UB_")}
        return Settings(**mine)  # type: ignore[arg-type]

    # ------------------------------------------------------------------ tables

    def query(self, statement: LiteralString, *parameters: object) -> list[dict[str, Any]]:
        """Ask the database, as its owner."""
        if self._connection is None:
            self._connection = psycopg.connect(self.database.owner_url, autocommit=True, row_factory=dict_row)
        return self._connection.execute(statement, parameters).fetchall()

    def count(self, statement: LiteralString) -> int:
        """Return the one number that a query gives, 0 for null."""
        (row,) = self.query(statement)
        return int(next(iter(row.values())) or 0)

    # ------------------------------------------------------------------ the end

    def eventually[T](
        self, look: Callable[[], T], timeout_s: float = 60.0, *, until: Callable[[T], object] = bool
    ) -> T:
        """Wait as `eventually` does; a failure shows where the processes stand too."""
        try:
            return eventually(look, timeout_s, until=until)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.state()}") from None

    def close(self) -> None:
        """End every process; the newest first."""
        while self._processes:
            self._processes.pop().end()
        if self._connection is not None:
            self._connection.close()
        forget_gateway(self._endpoints.mqtt_host, self._endpoints.mqtt_port, self.gateway_id)


class Publisher:
    """One MQTT connection that stays open over several calls: its messages keep their order."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def publish(self, messages: Iterable[Message]) -> None:
        """Publish in order and return when the broker has confirmed all of them."""
        for info in [self._client.publish(topic, payload, qos=1) for topic, payload in messages]:
            info.wait_for_publish(60)
            assert info.is_published()
