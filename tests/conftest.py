"""How tests run, and services for them: one stack for the session, a fresh database for each test that asks.

Kafka topics outlive a test (Tansu cannot delete them for good): a test uses names of its own, or asks
for `fresh_kafka`. MQTT topics outlive it only where retained: a test uses an operator of its own.
"""

import asyncio
import os
import secrets
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql
from xdist.scheduler.loadscope import LoadScopeScheduling

from deploy.endpoints import Endpoints, with_database
from deploy.native.tansu import Tansu
from streams.store.migrate import migrate
from streams.warm import warm
from tests.stack import chosen_kind, native_services_or_skip, running_stack

# No deadline (a few cores are shared, and an example may be the first to compile something), and the same examples
# every time in CI.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("here"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

_NEEDS_THE_MACHINE = ("bench", "contract", "integration", "e2e", "chaos")
"""Folders of tests with services or whole processes, in the order in which they run: what breaks things comes last."""


_WHOLE = ("e2e", "chaos")
"""Those of them that mostly wait for whole processes."""

_FOUND = ("anomalies", "board", "feeds_quiet", "policies", "score", "silent_feed", "thresholds")
"""What the files are about, of those with whole processes, that ask what a running system finds."""

_PEOPLE = ("test_alert", "test_incidents", "test_listings", "test_notify")
"""How the files begin, of the others, that are about what people are told and what they do."""


_ONE_OF_SEVERAL = "PYTEST_XDIST_WORKER" in os.environ


class _Queues(LoadScopeScheduling):  # type: ignore[misc]
    """Tests with services run in four queues, each in one process.

    Two are of whole processes: what a running system finds, and the rest. Two are of the others: people, and the rest.
    These are given out first; the pure ones fill what is left, in a process of their own meanwhile, as those with
    services mostly wait. Tests of properties take long, and each may be given to whoever has nothing to do; unit
    tests of one file share what it has simulated.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = PurePath(nodeid.partition("::")[0])
        folder = path.parts[1]
        if folder in _NEEDS_THE_MACHINE and os.environ.get("UB_TEST_STACK") == "external":
            return "all"  # on servers that they share: some delete topics, which others read
        if folder in _WHOLE:
            return "found" if path.stem.removeprefix("test_") in _FOUND else "whole"
        if folder in _NEEDS_THE_MACHINE:
            return "people" if path.name.startswith(_PEOPLE) else "services"
        return nodeid if folder == "property" else str(path)


def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes `--numprocesses auto` means: one for each queue, and one for the pure tests."""
    return 5


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Queues:
    """Have pytest-xdist give out tests so, and in their order, where several processes run them."""
    config.option.loadscopereorder = False
    return _Queues(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests with services; what breaks things comes last.

    Several processes begin with a queue each, and end with tests of properties: those are given out one by one, so
    that all end at about the same time.
    """
    pure = ("unit", "property")
    order = (*_NEEDS_THE_MACHINE, *pure) if _ONE_OF_SEVERAL else (*pure, *_NEEDS_THE_MACHINE)
    items.sort(key=lambda item: order.index(_folder(item)))


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(Path(__file__).parent).parts[0]


def _step_back(item: pytest.Item) -> None:
    """Leave the processor to those that take longer: the pure ones to all, the rest to whole processes.

    Nobody comes forward again, and nobody need: what comes later in a process steps further back.
    """
    folder = _folder(item)
    wanted = 5 if folder not in _NEEDS_THE_MACHINE else 0 if folder in _WHOLE else 2
    os.nice(max(0, wanted - os.nice(0)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Set up a test, if what it needs is installed."""
    if _ONE_OF_SEVERAL:
        _step_back(item)
    with native_services_or_skip():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """Run a test, if what it needs is installed."""
    with native_services_or_skip():
        return (yield)


@dataclass(frozen=True, slots=True)
class Database:
    """URLs of one database, for its owner (a superuser) and for the two roles of services."""

    name: str
    owner_url: str
    writer_url: str
    reader_url: str


@pytest.fixture(scope="session")
def stack_kind() -> str:
    """docker, native or external."""
    return chosen_kind()


@pytest.fixture(scope="session")
def stack(stack_kind: str) -> Iterator[Endpoints]:
    """The three services, started once and stopped at the end of the session.

    Machine code is made before anybody waits for a process that needs it: it takes a busy machine a minute.
    """
    warm()
    with running_stack(stack_kind) as endpoints:
        yield endpoints


@contextmanager
def new_database(stack: Endpoints, template: str | None = None) -> Iterator[Database]:
    """Create a database, an empty one or a copy of another, and drop it at the end."""
    name = f"ub_test_{secrets.token_hex(6)}"
    create = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if template is not None:
        create += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    with psycopg.connect(stack.database_url, autocommit=True) as server:
        server.execute(create)
        try:
            yield Database(
                name=name,
                owner_url=with_database(stack.database_url, name),
                writer_url=with_database(stack.writer_url, name),
                reader_url=with_database(stack.reader_url, name),
            )
        finally:
            # FORCE: TimescaleDB's scheduler is connected to every database that has the extension.
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def database(stack: Endpoints) -> Iterator[Database]:
    """A new, empty database (not migrated), dropped after the test."""
    with new_database(stack) as made:
        yield made


@pytest.fixture(scope="session")
def template(stack: Endpoints) -> Iterator[str]:
    """Name of a database with our tables and views, for `migrated_database`. Nobody may connect to it."""
    with new_database(stack) as made:
        asyncio.run(migrate(made.owner_url, lambda _line: None))
        with psycopg.connect(stack.database_url, autocommit=True) as server:
            server.execute(
                sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(made.name))
            )
            # TimescaleDB's scheduler is connected; while somebody is, it cannot be copied.
            server.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s",
                [made.name],
            )
        yield made.name


@contextmanager
def migrated_database(stack: Endpoints, template: str) -> Iterator[Database]:
    """Copy the template, which takes half as long as all migrations, and drop the copy at the end."""
    with new_database(stack, template) as made:
        asyncio.run(migrate(made.owner_url, lambda _line: None))  # what a copy lacks, as a restored dump does
        yield made


@pytest.fixture
def migrated(stack: Endpoints, template: str) -> Iterator[Database]:
    """A new database with our tables and views, dropped after the test."""
    with migrated_database(stack, template) as made:
        yield made


@pytest.fixture
def kafka(stack: Endpoints) -> str:
    """Bootstrap address of the session's Kafka."""
    return stack.kafka_bootstrap


@pytest.fixture
def mqtt(stack: Endpoints) -> tuple[str, int]:
    """Host and port of the session's MQTT broker."""
    return stack.mqtt_host, stack.mqtt_port


@pytest.fixture
def fresh_kafka(stack_kind: str, tmp_path: Path) -> Iterator[str]:
    """Bootstrap address of an empty Kafka of the test's own: always Tansu, which starts in milliseconds."""
    if stack_kind == "external":
        pytest.skip("UB_TEST_STACK=external: no broker of our own may be started")
    broker = Tansu(tmp_path)
    try:
        broker.start()
        yield broker.bootstrap
    finally:
        broker.stop()
