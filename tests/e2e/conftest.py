"""Cities for end-to-end tests: real processes on real services, all of them gone when the test is over."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from deploy.endpoints import Endpoints
from deploy.native.directory import private_directory
from tests.conftest import migrated_database
from tests.e2e.city import City
from tests.e2e.services import brokers_of_its_own

CityMaker = Callable[..., AbstractContextManager[City]]


@pytest.fixture(scope="session")
def a_city(stack: Endpoints, stack_kind: str, template: str) -> CityMaker:
    """`with a_city(UB_...="...") as city:` services without processes, a new and migrated database."""

    @contextmanager
    def make(**settings: str) -> Iterator[City]:
        with (
            private_directory() as directory,
            migrated_database(stack, template) as database,
            brokers_of_its_own(stack_kind, stack, directory) as (endpoints, lose_kafka),
        ):
            city = City(endpoints, database, directory, settings)
            city.lose_kafka = lose_kafka
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
