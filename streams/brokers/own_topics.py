"""Topics are made by us alone (`create_topics`): one that a broker makes on demand has as many partitions as it likes.

Both clients ask for one by asking where it is, as they do whenever they reconnect. A Kafka that lost its data would
have made all topics by then.
"""

from functools import partial

from kafka.cluster import ClusterMetadata


def aiokafka_makes_no_topics() -> None:
    """From now on aiokafka says so when it asks; it has no setting for that."""
    from aiokafka import client  # noqa: PLC0415 - a gateway does without it

    vars(client)["MetadataRequest"] = partial(client.MetadataRequest, allow_auto_topic_creation=False)


def kafka_python_makes_no_topics() -> None:
    """From now on kafka-python says so when it asks; 3.0.12 has a setting for that, and does not heed it."""
    ClusterMetadata.DEFAULT_CONFIG["allow_auto_create_topics"] = False
