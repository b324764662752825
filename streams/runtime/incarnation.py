"""Which log a topic is: the cluster's id and the topic's own, asked once from Kafka."""

import asyncio

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from streams.errors import ServiceUnavailable
from streams.runtime.stage import Incarnation


class Incarnations:
    """Cluster and topic ids of one Kafka, remembered for the life of the process."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._known: dict[str, Incarnation] = {}

    async def __call__(self, topic: str) -> Incarnation:
        """Return the incarnation of a topic; raises ServiceUnavailable while Kafka is away."""
        if topic not in self._known:
            self._known[topic] = await asyncio.to_thread(self._ask, topic)
        return self._known[topic]

    def _ask(self, topic: str) -> Incarnation:
        try:
            admin = KafkaAdminClient(bootstrap_servers=self._bootstrap)
            try:
                cluster_id = str(admin.describe_cluster().get("cluster_id"))
                (described,) = admin.describe_topics([topic])
            finally:
                admin.close()
        except KafkaError as error:
            raise ServiceUnavailable("Kafka", self._bootstrap, str(error)) from error
        return Incarnation(cluster_id, str(described.get("topic_id", "")))
