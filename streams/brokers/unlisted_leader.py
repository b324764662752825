"""A broker that is down is in the list of brokers no more, and may still be said to lead a partition.

The I/O thread of kafka-python 3.0.12's producer then fails at each turn, before it looks at its connections: it neither
asks again who leads the partition nor sends anything to anybody else, for good and without a word.
"""

from typing import Any

from kafka.errors import UnknownBrokerIdError
from kafka.net.compat import KafkaNetClient

_MAYBE_CONNECT = KafkaNetClient.maybe_connect


def kafka_python_asks_again_who_leads() -> None:
    """From now on a leader that is not in the list is one that cannot be reached: the list is asked for again."""
    KafkaNetClient.maybe_connect = _maybe_connect


def _maybe_connect(client: Any, node_id: Any, **options: Any) -> None:
    try:
        _MAYBE_CONNECT(client, node_id, **options)
    except UnknownBrokerIdError:
        client._manager.update_backoff(node_id)
        client.cluster.request_update()
