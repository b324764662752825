"""A broker that makes topics on demand makes none for us: it would choose the number of partitions."""

import asyncio

import pytest
from aiokafka import client
from aiokafka.client import AIOKafkaClient
from kafka import KafkaProducer
from kafka.cluster import ClusterMetadata
from kafka.errors import KafkaTimeoutError

from streams.brokers.admin import topic_partitions
from streams.brokers.own_topics import aiokafka_makes_no_topics, kafka_python_makes_no_topics

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def for_this_test_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MetadataRequest", client.MetadataRequest)
    monkeypatch.setattr(ClusterMetadata, "DEFAULT_CONFIG", dict(ClusterMetadata.DEFAULT_CONFIG))


def test_aiokafka_asks_for_a_topic_and_makes_none(fresh_kafka: str) -> None:
    async def ask() -> None:
        asking = AIOKafkaClient(bootstrap_servers=fresh_kafka)
        await asking.bootstrap()
        try:
            await asking.set_topics(["ub.vehicles"])
            await asking.force_metadata_update()
        finally:
            await asking.close()

    aiokafka_makes_no_topics()
    asyncio.run(ask())
    assert topic_partitions(fresh_kafka) == {}


def test_kafka_python_asks_for_a_topic_and_makes_none(fresh_kafka: str) -> None:
    kafka_python_makes_no_topics()
    producer = KafkaProducer(bootstrap_servers=fresh_kafka, max_block_ms=300)
    try:
        with pytest.raises(KafkaTimeoutError):
            producer.partitions_for("ub.vehicles")
    finally:
        producer.close(timeout=0)
    assert topic_partitions(fresh_kafka) == {}
