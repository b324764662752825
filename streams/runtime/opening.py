"""Claims a partition, loads its fold, and finds where in the log it goes on."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from faust.types import TP

from streams.errors import LogGap
from streams.fold.contract import Fold
from streams.retry import Waiting, retrying
from streams.runtime.incarnation import Incarnation, Logs
from streams.runtime.owned import Owned
from streams.said_once import SaidSeldom
from streams.store.checkpoint import Claim, Store

log = logging.getLogger(__name__)

_TRY_AGAIN_S = 0.02  # until records that Kafka has not shown are asked for again


class Opener:
    """Opens the partitions of one topic for one stage of this worker."""

    def __init__(
        self,
        stage: str,
        topic: str,
        *,
        open_fold: Callable[[Claim], Awaitable[Fold]],
        store: Store,
        logs: Logs,
        owner: str,
        waiting: Waiting,
        partitions: int | None = None,
    ) -> None:
        """`partitions`: how many of the topic our records are placed in; those beyond are left alone."""
        self.open_fold = open_fold
        self._stage = stage
        self._waiting = waiting
        self._topic = topic
        self._store = store
        self._logs = logs
        self._owner = owner
        self._partitions = partitions
        self._left_alone: set[int] = set()
        self._holes = SaidSeldom(time.monotonic)

    async def open(self, partition: int, wanted: Callable[[], bool], stop: asyncio.Event) -> Owned | None:
        """Claim a partition and load its fold; None if it is no longer `wanted`: another worker may own it by now.

        None of one that was added to the topic, too: what others put there belongs to ids that are counted elsewhere.
        """
        if self._partitions is not None and partition >= self._partitions:
            self._leave_alone(partition)
            return None

        async def claim() -> tuple[Claim, Fold] | None:
            if not wanted():
                return None
            which = await self._logs.incarnation(self._topic)
            claimed = await self._claim(partition, which, None)
            # Asked after the claim: from then on no one else moves the offset.
            if (cut_to := await self._cut_to(partition, which, claimed.restored.offset)) is not None:
                claimed = await self._claim(partition, which, cut_to)
            return claimed, await self.open_fold(claimed)

        found = await retrying(claim, stop, self._waiting)
        if found is None or not wanted():
            return None
        claimed, fold = found
        offset = claimed.restored.offset
        log.info("%s: partition %d from offset %d, epoch %d", self._stage, partition, offset, claimed.epoch)
        return Owned(claimed, fold, offset, offset)

    async def _cut_to(self, partition: int, which: Incarnation, offset: int) -> int | None:
        """Return the last offset that is left of a log that has lost what was folded up to `offset`; None: it has not.

        Kafka may lose the end of a log where its machine, or a leader that others had not followed yet, dies.
        -1: it may be another log, as a broker without ids of topics does not tell.
        """
        end = await self._logs.ends_at(self._topic, partition) if offset >= 0 else None
        if end is None or end > offset:
            return None
        if not which.topic_id:
            log.warning(
                "%s: %s/%d ends before the checkpoint's offset %d: it is a new log",
                *(self._stage, self._topic, partition, offset),
            )
            return -1
        log.error(
            "%s: %s/%d: Kafka has lost the records from offset %d to %d, which were folded; going on behind them",
            *(self._stage, self._topic, partition, end, offset),
        )
        return end - 1

    async def _claim(self, partition: int, which: Incarnation, cut_to: int | None) -> Claim:
        return await self._store.claim(
            self._stage,
            self._topic,
            partition,
            cluster_id=which.cluster_id,
            topic_id=which.topic_id,
            owner=self._owner,
            cut_to=cut_to,
            partitions=self._partitions,
        )

    def _leave_alone(self, partition: int) -> None:
        if partition not in self._left_alone:
            self._left_alone.add(partition)
            log.error(
                "%s: partition %d was added to %s, and is not read: the settings ask for %d, and ids keep to those; "
                "delete the topic once the others are read, and it is made anew at the next start",
                *(self._stage, partition, self._topic, self._partitions),
            )

    async def follows(self, owned: Owned, event: Any, wanted: Callable[[], bool]) -> bool:
        """Return whether an event after a hole may be folded, because the log has no records in between.

        If that is not known, the missing records are asked for. Raises LogGap if records were folded since the
        partition was opened: then those in the hole were skipped.
        """
        message, consumer = event.message, event.app.consumer
        if consumer.skips(TP(self._topic, message.partition), owned.applied, message.offset):
            self._say_hole(owned, message)
            return True
        if owned.fed:
            raise LogGap(
                f"{self._topic}/{message.partition}: offset {message.offset} follows {owned.applied}; "
                "the worker starts again from its checkpoint"
            )
        step = owned.beginning.step(message.offset)
        if step == "fold":
            self._say_hole(owned, message)
        if step != "ask":
            return step == "fold"
        if owned.beginning.tries:
            await asyncio.sleep(_TRY_AGAIN_S)
        await self._pass_lost(owned, message.offset, wanted)
        if message.offset == owned.applied + 1:
            return True
        await self._go_back(owned, message.offset, consumer, wanted)
        return False

    def _say_hole(self, owned: Owned, message: Any) -> None:
        """Say, seldom, that a hole is one of the log: there is one for each transaction of a producer."""
        if self._holes.is_due(str(message.partition)):
            log.warning(
                "%s/%d: the log has no records from offset %d to %d",
                *(self._topic, message.partition, owned.applied + 1, message.offset - 1),
            )

    async def rewind(self, owned: Owned, resumes_at: int, consumer: Any, wanted: Callable[[], bool]) -> None:
        """Have Kafka send from our checkpoint on, where its group takes the partition up behind it."""
        if resumes_at > owned.applied + 1:
            await self._pass_lost(owned, resumes_at, wanted)
        if resumes_at > owned.applied + 1:
            await self._go_back(owned, resumes_at - 1, consumer, wanted)

    async def _pass_lost(self, owned: Owned, before: int, wanted: Callable[[], bool]) -> None:
        """Pass over the records that retention took, of those before an offset: what is left behind them is folded."""
        follows = owned.applied + 1
        begins = min(await self._logs.begins_at(self._topic, owned.claim.partition), before)
        if begins <= follows or not wanted():
            return
        if owned.applied >= 0:
            log.error(
                "%s/%d: Kafka no longer has the records from offset %d to %d; they are lost",
                *(self._topic, owned.claim.partition, follows, begins - 1),
            )
        owned.applied = begins - 1

    async def _go_back(self, owned: Owned, ahead: int, consumer: Any, wanted: Callable[[], bool]) -> None:
        """Have Kafka send what follows, where an event of the offset `ahead` may have been handed out.

        Nothing is asked for that is no longer `wanted`: a seek in a partition that is not ours would end this worker.
        """
        if not wanted():
            return
        partition, follows = owned.claim.partition, owned.applied + 1
        owned.beginning.go_back(ahead)
        if not owned.beginning.tries:
            log.warning("%s/%d: going back from offset %d to %d", self._topic, partition, ahead, follows)
        await consumer.seek(TP(self._topic, partition), follows)
