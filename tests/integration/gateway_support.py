"""A gateway process between a real Mosquitto and a real Tansu, a publisher before it and a reader behind it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from kafka import KafkaConsumer, TopicPartition
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from pydantic import SecretStr

from deploy.native.directory import private_directory
from deploy.native.mosquitto import Mosquitto
from deploy.native.tansu import Tansu
from schemas import codec
from schemas.rejected import Rejected
from schemas.requests import RequestFrame
from schemas.sensors import SensorFrame
from schemas.vehicles import VehicleFrame
from streams import topics
from streams.brokers.admin import create_topics, wait_for_kafka
from streams.settings import Settings
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
PARTITIONS = 4

_GATEWAY = """
import logging, signal, threading
from streams.gateway.bridge import Bridge
from streams.settings import load
logging.basicConfig(level=logging.INFO, format="%(relativeCreated)d %(name)s %(levelname)s %(message)s")
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
Bridge(load()).run(stop)
"""

Pair = tuple[str, int]
"""(vehicle_id, ts): what tells one reading from another."""


@dataclass(slots=True)
class Services:
    """Brokers of one test's own: it stops, pauses and refills them as it likes."""

    directory: Path
    mosquitto: Mosquitto
    tansu: Tansu

    def settings(self, **overrides: object) -> Settings:
        values: dict[str, object] = {
            "mqtt_host": self.mosquitto.host,
            "mqtt_port": self.mosquitto.port,
            "kafka_bootstrap": self.tansu.bootstrap,
            "kafka_flavor": "tansu",
            "source_partitions": PARTITIONS,
            "service_wait_s": 10.0,
        }
        return Settings(**(values | overrides))  # type: ignore[arg-type]

    @contextmanager
    def kafka_paused(self) -> Iterator[None]:
        """Kafka answers nothing, as in a network that swallows packets."""
        assert self.tansu._process is not None
        pid = self.tansu._process.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def running_services() -> Iterator[Services]:
    with private_directory() as directory:
        services = Services(directory, Mosquitto(directory), Tansu(directory))
        try:
            services.mosquitto.start()
            services.tansu.start()
            wait_for_kafka(services.tansu.bootstrap)
            create_topics(services.tansu.bootstrap, services.settings())
            yield services
        finally:
            services.mosquitto.stop()
            services.tansu.stop()


class GatewayProcess:
    """`urbanbrain gateway` without the command line, in a process that can be killed."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self.log = log
        environment = {
            f"UB_{name.upper()}": value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            for name, value in settings
            if value is not None
        }
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                [sys.executable, "-c", _GATEWAY],
                cwd=ROOT,
                env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_at_work(self) -> None:
        try:
            wait_until(
                lambda: self.lines("at work") or self._child.poll() is not None, "the gateway to start"
            )
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log.read_text()}") from None
        assert self._child.poll() is None, self.log.read_text()

    def lines(self, part: str) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if part in line]

    def terminate(self) -> int:
        self._child.send_signal(signal.SIGTERM)
        return self._child.wait(30)

    def kill(self) -> None:
        self._child.kill()
        self._child.wait(10)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It does nothing meanwhile; what is sent to it waits in the broker."""
        self._child.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._child.send_signal(signal.SIGCONT)

    @property
    def memory_mb(self) -> float:
        status = Path(f"/proc/{self._child.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024


@contextmanager
def running_gateway(services: Services, **overrides: object) -> Iterator[GatewayProcess]:
    """One more gateway process, at work; killed at the end if the test has not ended it."""
    number = len(list(services.directory.glob("gateway-*.log")))
    gateway = GatewayProcess(services.settings(**overrides), services.directory / f"gateway-{number}.log")
    try:
        gateway.wait_at_work()
        yield gateway
    finally:
        gateway.kill()


@contextmanager
def publisher(services: Services) -> Iterator[Client]:
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.max_inflight_messages_set(1_000)
    client.connect(services.mosquitto.host, services.mosquitto.port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def publish_all(client: Client, messages: Iterable[tuple[str, bytes]]) -> None:
    """Publish at QoS 1 and return when the broker has them all."""
    for info in [client.publish(topic, payload, qos=1) for topic, payload in messages]:
        info.wait_for_publish(60)
        assert info.is_published()


@dataclass(frozen=True, slots=True)
class Row:
    """One reading as it stands in Kafka."""

    partition: int
    offset: int
    vehicle_id: str
    ts: int
    operator: str


class Reader:
    """Reads what gateways write from its beginning. It keeps what it saw; sensor and request frames by partition."""

    def __init__(self, services: Services) -> None:
        self._consumer = KafkaConsumer(
            bootstrap_servers=services.tansu.bootstrap,
            enable_auto_commit=False,
            fetch_max_wait_ms=50,
            max_poll_records=100_000,
            metrics_enabled=False,
        )
        sources = (topics.VEHICLES, topics.SENSORS, topics.REQUESTS)
        self._partitions = [
            TopicPartition(topic, number) for topic in sources for number in range(PARTITIONS)
        ]
        self._partitions += [TopicPartition(topics.REJECTED, number) for number in range(2)]
        self._consumer.assign(self._partitions)
        self._consumer.seek_to_beginning()
        self.frames: list[VehicleFrame] = []
        self.rows: list[Row] = []
        self.sensors: list[tuple[int, SensorFrame]] = []
        self.requests: list[tuple[int, RequestFrame]] = []
        self.rejected: list[Rejected] = []
        self.headers: list[dict[str, bytes]] = []
        self.sizes: list[int] = []

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    @property
    def pairs(self) -> set[Pair]:
        return {(row.vehicle_id, row.ts) for row in self.rows}

    def read_until(self, done: Callable[["Reader"], bool], what: str, timeout_s: float = 60.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not done(self):
            assert time.monotonic() < deadline, f"waited {timeout_s:g} s for {what}"
            self.poll()

    def read_to_the_end(self) -> None:
        """Take in all that Kafka has confirmed by now; of the last batch it says only where it begins."""
        ends = self._consumer.end_offsets(self._partitions)
        self.read_until(
            lambda _: all(self._consumer.position(partition) >= end for partition, end in ends.items()),
            "the ends of the log",
        )

    def poll(self) -> None:
        """Take in what is there at a glance."""
        for where, records in self._consumer.poll(timeout_ms=100).items():
            for record in records:
                self.headers.append(dict(record.headers))
                self.sizes.append(len(record.value))
                if where.topic == topics.REJECTED:
                    self.rejected.append(codec.rejected.decode(record.value))
                elif where.topic == topics.SENSORS:
                    self.sensors.append((record.partition, codec.sensor_frame.decode(record.value)))
                elif where.topic == topics.REQUESTS:
                    self.requests.append((record.partition, codec.request_frame.decode(record.value)))
                else:
                    self._take(record.partition, record.offset, codec.vehicle_frame.decode(record.value))

    def _take(self, partition: int, offset: int, frame: VehicleFrame) -> None:
        self.frames.append(frame)
        operators = frame.operator if isinstance(frame.operator, list) else [frame.operator] * len(frame.ts)
        self.rows += [
            Row(partition, offset, vehicle_id, ts, operator)
            for vehicle_id, ts, operator in zip(frame.vehicle_id, frame.ts, operators, strict=True)
        ]


def reading(vehicle_id: str, ts: int, **more: object) -> dict[str, object]:
    return {"vehicle_id": vehicle_id, "ts": ts, "lat": 31.23, "lon": 121.47, **more}


def array(readings: Iterable[dict[str, object]]) -> bytes:
    return msgspec.json.encode(list(readings))


def now_ms() -> int:
    return time.time_ns() // 1_000_000
