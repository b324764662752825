"""Partitions are Kafka's own."""

import pytest
from kafka.partitioner.default import DefaultPartitioner

from streams.partition import Partitions


class OneTopic:
    """The part of kafka-python's cluster metadata that its partitioner looks at."""

    def __init__(self, partitions: int) -> None:
        self._partitions = set(range(partitions))

    def topics(self) -> set[str]:
        return {"t"}

    def partitions_for_topic(self, _topic: str) -> set[int]:
        return self._partitions

    available_partitions_for_topic = partitions_for_topic


@pytest.mark.parametrize("count", [1, 4, 7, 64])
def test_an_id_lands_where_a_kafka_producer_would_put_it_as_a_key(count: int) -> None:
    partitions, cluster = Partitions(count), OneTopic(count)
    for id_ in [f"bike:{n}" for n in range(300)] + ["x", "a" * 64]:
        expected = DefaultPartitioner().partition("t", id_, id_.encode(), None, None, cluster)
        assert partitions[id_] == expected
        assert partitions[id_] == expected  # remembered


def test_java_agrees() -> None:
    # org.apache.kafka.common.utils.UtilsTest.testMurmur2: murmur2("foobar") = -790332482,
    # murmur2("a-little-bit-long-string") = -985981536; toPositive() clears the sign bit.
    partitions = Partitions(1_000)
    assert partitions["foobar"] == (-790332482 & 0x7FFFFFFF) % 1_000
    assert partitions["a-little-bit-long-string"] == (-985981536 & 0x7FFFFFFF) % 1_000


def test_it_never_remembers_more_than_it_may() -> None:
    partitions = Partitions(8, max_ids=10)
    first = {f"v{n}": partitions[f"v{n}"] for n in range(35)}
    assert len(partitions) <= 10
    assert {id_: partitions[id_] for id_ in first} == first
