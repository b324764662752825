"""Which log a topic is: the cluster's id and the topic's own, asked once from Kafka."""

import asyncio

from streams.admin import admin_client
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
        with admin_client(self._bootstrap) as client:
            cluster_id = str(client.describe_cluster().get("cluster_id"))
            (described,) = client.describe_topics([topic])
        return Incarnation(cluster_id, str(described.get("topic_id", "")))
