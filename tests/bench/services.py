"""The services of a benchmark: one PostgreSQL for all, brokers and a database anew for every run."""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql

from deploy.endpoints import with_database
from deploy.native.directory import private_directory
from deploy.native.mosquitto import Mosquitto
from deploy.native.postgres import Postgres
from deploy.native.tansu import Tansu
from streams.brokers.admin import create_topics, wait_for_kafka
from streams.settings import load
from streams.store.migrate import migrate

REGION_PARTITIONS = 2


@dataclass(frozen=True, slots=True)
class Database:
    """URLs of a new database for its owner and for ub_writer."""

    owner_url: str
    writer_url: str


class Services:
    """Use as a context, from the main thread."""

    directory: Path

    def __init__(self) -> None:
        self._cleanup = ExitStack()
        self._postgres: Postgres | None = None

    def __enter__(self) -> Self:
        self.directory = self._cleanup.enter_context(private_directory())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    @property
    def postgres(self) -> Postgres:
        """The server, started when first asked for."""
        if self._postgres is None:
            self._postgres = Postgres(self.directory)
            self._cleanup.callback(self._postgres.stop)
            self._postgres.start()
        return self._postgres

    @contextmanager
    def kafka(self, partitions: int) -> Iterator[str]:
        """Give the address of an empty broker with our topics: Tansu, all in memory."""
        broker = Tansu(self.directory)
        try:
            broker.start()
            wait_for_kafka(broker.bootstrap)
            settings = load(source_partitions=partitions, region_partitions=REGION_PARTITIONS)
            create_topics(broker.bootstrap, settings)
            yield broker.bootstrap
        finally:
            broker.stop()

    @contextmanager
    def mqtt(self) -> Iterator[tuple[str, int]]:
        """Give host and port of an empty Mosquitto."""
        with ExitStack() as cleanup:
            home = self.directory / f"mqtt-{secrets.token_hex(4)}"
            home.mkdir()
            home.chmod(0o711)
            broker = Mosquitto(home)
            cleanup.callback(broker.stop)
            broker.start()
            yield broker.host, broker.port

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Give a new database with our tables."""
        name = f"bench_{secrets.token_hex(6)}"
        with psycopg.connect(self.postgres.url, autocommit=True) as server:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            try:
                made = Database(
                    owner_url=with_database(self.postgres.url, name),
                    writer_url=with_database(self.postgres.writer_url, name),
                )
                asyncio.run(migrate(made.owner_url, lambda _line: None))
                server.execute("CHECKPOINT")
                yield made
            finally:
                server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def environment(
    *,
    bootstrap: str,
    database: Database | None = None,
    mqtt: tuple[str, int] | None = None,
    partitions: int,
    directory: Path,
    **settings: object,
) -> dict[str, str]:
    """Return the settings of a process of ours that works with these services."""
    known = {
        "UB_KAFKA_BOOTSTRAP": bootstrap,
        "UB_KAFKA_FLAVOR": "tansu",
        "UB_SOURCE_PARTITIONS": str(partitions),
        "UB_REGION_PARTITIONS": str(REGION_PARTITIONS),
        "UB_DATA_DIR": str(directory / "faust"),
    }
    if database is not None:
        known["UB_DATABASE_URL"] = database.writer_url
    if mqtt is not None:
        known |= {"UB_MQTT_HOST": mqtt[0], "UB_MQTT_PORT": str(mqtt[1])}
    return known | {f"UB_{name.upper()}": str(value) for name, value in settings.items()}
