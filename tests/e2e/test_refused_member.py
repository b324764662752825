"""A Kafka that does not let a worker into its group, or not any more, or refuses it offsets and records.

The worker says so, and goes on as soon as it may.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from kafka import KafkaProducer

from deploy.endpoints import Endpoints
from deploy.native.directory import private_directory
from deploy.native.mosquitto import Mosquitto
from streams import topics
from tests.conftest import Database
from tests.e2e.city import City
from tests.e2e.services import with_brokers
from tests.integration.strict_kafka import (
    GROUP_AUTHORIZATION_FAILED,
    REBALANCE_IN_PROGRESS,
    TOPIC_AUTHORIZATION_FAILED,
    UNKNOWN_SERVER_ERROR,
    StrictKafka,
    strict_kafka,
)

pytestmark = pytest.mark.e2e


@dataclass(frozen=True, slots=True)
class Strict:
    """A city, and the Kafka on which it is."""

    city: City
    kafka: StrictKafka


@pytest.fixture
def strict(stack: Endpoints, stack_kind: str, migrated: Database) -> Iterator[Strict]:
    if stack_kind != "native":
        pytest.skip("it brings a Kafka and an MQTT broker of its own")
    with private_directory() as directory, strict_kafka() as kafka:
        mosquitto = Mosquitto(directory)
        endpoints = with_brokers(stack, mosquitto, kafka.bootstrap)
        city = City(endpoints, migrated, directory, {"UB_STAGES": "grid"})
        try:
            mosquitto.start()
            yield Strict(city, kafka)
        finally:
            city.close()
            mosquitto.stop()


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (GROUP_AUTHORIZATION_FAILED, "let its account read the group"),
        (REBALANCE_IN_PROGRESS, "does not let this worker into group"),
    ],
)
def test_a_worker_that_its_group_refuses_is_in_once_it_may_be(strict: Strict, code: int, says: str) -> None:
    strict.kafka.members = code
    worker = strict.city.start_worker()
    strict.city.eventually(lambda: says in worker.log.read_text())
    assert "from offset" not in worker.log.read_text()
    strict.kafka.members = 0
    strict.city.eventually(lambda: worker.log.read_text().count("from offset") >= 2)


@pytest.mark.parametrize("code", [GROUP_AUTHORIZATION_FAILED, UNKNOWN_SERVER_ERROR])
def test_a_worker_that_its_group_refuses_from_now_on_is_back_once_it_may_be(
    strict: Strict, code: int
) -> None:
    worker = strict.city.start_worker()
    strict.city.eventually(lambda: worker.log.read_text().count("from offset") >= 2)
    strict.kafka.members = code
    strict.city.eventually(lambda: "does not let this worker into group" in worker.log.read_text())
    strict.kafka.members, before = 0, strict.kafka.alive
    strict.city.eventually(lambda: strict.kafka.alive >= before + 3)
    write(strict.kafka)
    strict.city.eventually(lambda: records_stored(strict.city) == 1)
    assert "ended with code" not in worker.log.read_text()


@pytest.mark.parametrize(
    ("refused", "says"),
    [
        ({"commits": UNKNOWN_SERVER_ERROR}, "cannot commit the offsets of group"),
        ({"commits": TOPIC_AUTHORIZATION_FAILED}, "cannot commit the offsets of group"),
        ({"offsets": UNKNOWN_SERVER_ERROR}, "does not say at which offsets group"),
        ({"reads": {topics.PARTIALS: TOPIC_AUTHORIZATION_FAILED}}, "cannot read from Kafka"),
    ],
)
def test_a_worker_that_is_refused_offsets_or_records_goes_on_without_a_restart(
    strict: Strict, refused: dict[str, Any], says: str
) -> None:
    city, kafka = strict.city, strict.kafka
    allowed = {name: getattr(kafka, name) for name in refused}
    for name, code in refused.items():
        setattr(kafka, name, code)
    worker = city.start_worker()
    city.eventually(lambda: "from offset" in worker.log.read_text())
    write(kafka)
    city.eventually(lambda: says in worker.log.read_text())
    for name, code in allowed.items():
        setattr(kafka, name, code)
    write(kafka)
    city.eventually(lambda: records_stored(city) == 2)
    log = worker.log.read_text()
    assert "Traceback" not in log
    assert "ended with code" not in log


def records_stored(city: City) -> int:
    """How many records the checkpoints cover."""
    return city.count('SELECT sum("offset" + 1) FROM ub.checkpoint')


def write(kafka: StrictKafka) -> None:
    """One record for the grid, which counts it as refused."""
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)
    producer.send(topics.PARTIALS, key=b"region", value=b"{}").get(60)
    producer.close()
