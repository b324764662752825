"""Cities for end-to-end tests: real processes on real services, all of them gone when the test is over."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from deploy.endpoints import Endpoints
from deploy.native.directory import private_directory
from streams.store.migrate import migrate
from tests.conftest import new_database
from tests.e2e.city import City
from tests.e2e.services import brokers_of_its_own

CityMaker = Callable[..., AbstractContextManager[City]]


@pytest.fixture(scope="session")
def a_city(stack: Endpoints, stack_kind: str) -> CityMaker:
    """`with a_city(UB_...="...") as city:` services without processes, a new and migrated database."""

    @contextmanager
    def make(**settings: str) -> Iterator[City]:
        with private_directory() as directory, new_database(stack) as database:
            asyncio.run(migrate(database.owner_url, lambda _line: None))
            with brokers_of_its_own(stack_kind, stack, directory) as endpoints:
                city = City(endpoints, database, directory, settings)
                try:
                    yield city
                finally:
                    city.close()

    return make


@pytest.fixture
def city(a_city: CityMaker) -> Iterator[City]:
    """A city of the test's own."""
    with a_city() as made:
        yield made
