"""What the tests of the gateway share."""

from collections.abc import Iterator

import pytest

from tests.integration.gateway_support import Services, running_services


@pytest.fixture
def services() -> Iterator[Services]:
    """A broker and a Kafka for this test alone: a gateway's session and topics outlive it."""
    with running_services() as running:
        yield running
