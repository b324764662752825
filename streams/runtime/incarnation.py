"""The identity of a topic's log, and where it ends: this tells a rebuilt topic from the one that was checkpointed."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from kafka import TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import UnknownTopicOrPartitionError

from streams.brokers.admin import admin_client
from streams.brokers.kafka_login import PLAIN, KafkaLogin
from streams.errors import LogReplaced, ServiceUnavailable


@dataclass(frozen=True, slots=True)
class Incarnation:
    """The ids that identify a log. A rebuilt topic or cluster has others, even if its name is the same."""

    cluster_id: str
    topic_id: str


class Logs:
    """Asks Kafka about some topics; raises ServiceUnavailable while it is away.

    Ids are remembered for the life of the process, which ends when they change. Stages that begin at the same moment
    ask once, for all of them.
    """

    def __init__(
        self, bootstrap: str, topics: Iterable[str], *, ends_are_true: bool, login: KafkaLogin = PLAIN
    ) -> None:
        self._bootstrap = bootstrap
        self._topics = list(topics)
        self._login = login
        self._ends_are_true = ends_are_true
        self._known: dict[str, Incarnation | None] = {}
        self._asking: asyncio.Task[dict[str, Incarnation | None]] | None = None

    async def incarnation(self, topic: str) -> Incarnation:
        """Return the incarnation of one of the topics."""
        if self._known.get(topic) is None:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(asyncio.to_thread(self._ask))
            asked = await asyncio.shield(self._asking)  # others wait for it too
            # What is read stays what it was: only `check` may see that it is another log now.
            self._known = asked | {name: one for name, one in self._known.items() if one is not None}
        found = self._known.get(topic)
        if found is None:
            raise ServiceUnavailable(
                "Kafka",
                self._bootstrap,
                f"no {topic} in its list",
                what="lacks a topic",
                way_out="restart a worker, which makes what is missing, or let its login see the topic",
            )
        return found

    async def check(self) -> None:
        """Ask again. Raises LogReplaced where a topic is another log now, or gone.

        The records of a new log begin anew: whoever reads on at the old place skips them, or waits for good. Whoever
        writes to a topic that is gone waits until somebody makes it: a worker that starts does.
        """
        found = await asyncio.to_thread(self._ask)
        for topic, was in self._known.items():
            now = found.get(topic, was)
            if was is not None and now != was:
                raise LogReplaced(
                    f"topic {topic} is {'gone' if now is None else 'another log than before'}: Kafka lost its data, "
                    "or somebody deleted it; the worker starts again, and reads the new one from its beginning"
                )

    async def ends_at(self, topic: str, partition: int) -> int | None:
        """Return the offset that the next record gets; None on Tansu, which answers the start of its last batch."""
        if not self._ends_are_true:
            return None
        return await asyncio.to_thread(self._offset, topic, partition, OffsetSpec.LATEST)

    async def begins_at(self, topic: str, partition: int) -> int:
        """Return the offset of the oldest record that the log still has: retention takes the others."""
        return await asyncio.to_thread(self._offset, topic, partition, OffsetSpec.EARLIEST)

    def _ask(self) -> dict[str, Incarnation | None]:
        """Return what Kafka says of each topic, None of one that it does not have; of some it may say nothing now."""
        with admin_client(self._bootstrap, login=self._login) as client:
            cluster_id = str(client.describe_cluster().get("cluster_id"))
            described = client.describe_topics(self._topics)
        found: dict[str, Incarnation | None] = {
            one["name"]: Incarnation(cluster_id, str(one.get("topic_id", "")))
            for one in described
            if not one["error_code"]
        }
        missing = UnknownTopicOrPartitionError.errno
        return found | {one["name"]: None for one in described if one["error_code"] == missing}

    def _offset(self, topic: str, partition: int, which: OffsetSpec) -> int:
        where = TopicPartition(topic, partition)
        with admin_client(self._bootstrap, login=self._login) as client:
            return int(client.list_partition_offsets({where: which})[where].offset)
