"""What the tests of the gateway share, and those of `notify`."""

from collections.abc import Iterator

import pytest

from streams.notify import intake
from tests.conftest import Database
from tests.integration.gateway_support import Services, running_services
from tests.integration.notify_support import Desk


@pytest.fixture
def services() -> Iterator[Services]:
    """A broker and a Kafka for this test alone: a gateway's session and topics outlive it."""
    with running_services() as running:
        yield running


@pytest.fixture
def desk(fresh_kafka: str, migrated: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """What a worker would tell and store, for receivers that are notified of it."""
    monkeypatch.setattr(intake, "_TANSU_SESSION_MS", 2_000)  # each of many starts waits for half of it
    made = Desk(fresh_kafka, migrated)
    yield made
    made.close()
