"""Mosquitto, Tansu and PostgreSQL as one context: up on entering, down on leaving, come what may."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from deploy.endpoints import Endpoints
from deploy.native.directory import private_directory
from deploy.native.mosquitto import Mosquitto
from deploy.native.postgres import Postgres
from deploy.native.process import ServiceProcess
from deploy.native.tansu import Tansu
from streams.brokers.admin import wait_for_kafka

KAFKA_TIMEOUT_S = 15.0


class Service(Protocol):
    """What the stack asks of each service."""

    def start(self) -> None: ...  # noqa: D102
    def stop(self) -> None: ...  # noqa: D102


class NativeStack:
    """Use as `with NativeStack() as stack: ... stack.endpoints`. Enter it from the main thread
    (see ServiceProcess). `parent` is where its private directory is made; default: the temporary directory.
    """

    directory: Path
    mosquitto: Mosquitto
    tansu: Tansu
    postgres: Postgres

    def __init__(self, parent: Path | None = None) -> None:
        self._parent = parent
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as started:
            self.directory = started.enter_context(private_directory(self._parent))
            self.mosquitto = _running(started, Mosquitto(self.directory))
            self.tansu = _running(started, Tansu(self.directory))
            self.postgres = _running(started, Postgres(self.directory))
            wait_for_kafka(self.tansu.bootstrap, KAFKA_TIMEOUT_S)
            self._cleanup = started.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    @property
    def processes(self) -> tuple[ServiceProcess, ...]:
        """The services, which nobody starts again if they end."""
        return self.mosquitto.process, self.tansu.process, self.postgres.process

    @property
    def endpoints(self) -> Endpoints:
        """Where the services answer; the addresses stay the same over restarts."""
        return Endpoints(
            mqtt_host=self.mosquitto.host,
            mqtt_port=self.mosquitto.port,
            kafka_bootstrap=self.tansu.bootstrap,
            kafka_flavor="tansu",
            database_url=self.postgres.url,
            writer_url=self.postgres.writer_url,
            reader_url=self.postgres.reader_url,
            directory=self.directory,
        )


def _running[S: Service](cleanup: ExitStack, service: S) -> S:
    """Start the service; its stop is registered first, so that an interrupted start is undone too."""
    cleanup.callback(service.stop)
    service.start()
    return service
