"""Faust's Kafka driver with a shorter fetch wait, no holes, leaders that fall silent, members and fetches that are
refused and try again, and less to do for each message.

Faust 0.15 asks the broker to hold a fetch for up to 1,500 ms, hard-coded. Kafka answers as soon as data
arrives; Tansu answers only at the end of the wait, which would cost a second and a half at every hop.
The wait is an attribute of the consumer's fetcher options, so a subclass may set it.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any, ClassVar, cast

import aiokafka
from aiokafka.errors import CorruptRecordException, KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.services import Service, WaitResults

from streams.brokers.hearing import SILENT_S, answered_at, state_of
from streams.brokers.membership import Membership
from streams.brokers.silent_leader import SilentLeader
from streams.runtime.group_offsets import GroupOffsets
from streams.runtime.holes import MOST_TRIES, Holes
from streams.said_once import SaidSeldom

log = logging.getLogger(__name__)

FETCH_WAIT_MS = 20
QUIET_FETCH_WAIT_MS = 100
"""The wait while no record comes: each fetch costs half a millisecond of a core."""
_HOLE_WAIT_S = 0.02
_JOIN_AGAIN_S = 1.0
_READ_AGAIN_S = 1.0
_STOP_S = 2.0


class FetchWaitConsumerThread(driver.AIOKafkaConsumerThread):
    """Makes the aiokafka consumer with our fetch wait, and skips no record that the broker hides for a while (Holes).

    While no record comes it waits longer, so on Tansu the first one may be late by `QUIET_FETCH_WAIT_MS`.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._assigned: set[TP] = set()
        self._holes = Holes(MOST_TRIES if cast(FetchWaitTransport, self.transport).hides_records else 0)
        self._refusals = SaidSeldom(time.monotonic)
        self._offsets = GroupOffsets(self.app.conf.id)

    async def on_start(self) -> None:
        """Start the consumer, which has a coordinator then and subscribes later."""
        await super().on_start()
        if cast(FetchWaitTransport, self.transport).leaders_fall_silent:
            SilentLeader(self._ensure_consumer()._coordinator)

    async def on_thread_stop(self) -> None:
        """Stop the consumer, unless that takes too long. Nobody asks how what is given up now has ended."""
        self.thread_loop.set_exception_handler(lambda _loop, context: log.debug("%s", context["message"]))
        await _briefly(super().on_thread_stop())

    def _stopped_set(self) -> None:
        """Where the thread has ended by itself, as in a crash, its loop is closed, and nobody waits in it any more."""
        try:
            super()._stopped_set()
        except RuntimeError:
            self._stopped.set()

    @Service.task
    async def _join_again(self) -> None:
        """Look every second whether the group refuses us."""
        membership = Membership(self.app.conf.id, "this worker")
        async for _ in self.itertimer(_JOIN_AGAIN_S, name="join again"):
            membership.look(self._ensure_consumer())

    def handed_out_after(self, tp: TP, offset: int) -> bool:
        """Return whether records of a partition after an offset were handed out since it was assigned."""
        return tp in self._assigned and self._holes.returned_after(tp, offset)

    def skips(self, tp: TP, before: int, after: int) -> bool:
        """Return whether Kafka was found to have no record of a partition between two that were handed out."""
        return self._holes.skips(tp, before, after)

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = cast(FetchWaitTransport, self.transport).fetch_wait_ms
        return consumer

    def _log_slow_processing_commit(self, msg: str, *args: Any) -> None:
        """Log nothing: Faust counts the time since the last commit, even if there was nothing to commit.

        So it takes the first record after a quiet quarter of an hour for one that is stuck. What really stands still,
        `urbanbrain doctor` says.
        """

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Look whether a partition is stuck. While it is not known where to read on, the worker would end for it.

        So it is after a rebalance, and after the log has lost the records that were to come. It may become so at any
        time, in the consumer's thread.
        """
        with suppress(AssertionError, AttributeError):
            super().verify_event_path(now, tp)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        consumer = self._ensure_consumer()
        ours = consumer.assignment()
        wanted = {aiokafka.TopicPartition(*tp): offset for tp, offset in offsets.items() if tp in ours}
        return await self._offsets.commit(consumer, wanted)

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 - Faust's
        max_records: int | None = None,
    ) -> dict[TP, list[Any]]:
        if self._assigned != (assigned := consumer.assignment()):  # others may have read on meanwhile
            self._assigned, self._holes = assigned, Holes(self._holes.most_tries)
            # Faust would take what was assigned just now for stuck since the start.
            self.time_started = time.monotonic()
        try:
            found = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        except CorruptRecordException:
            raise  # it may have cost us others, which were read before it
        except KafkaError as error:
            await self._refused(consumer, error)
            return {}
        usual = cast(FetchWaitTransport, self.transport).fetch_wait_ms
        # With nothing found Faust waited for a second.
        consumer._fetcher._fetch_max_wait_ms = usual if found else max(usual, QUIET_FETCH_WAIT_MS)
        records = {tp: some[: self._holes.whole(tp, some)] for tp, some in found.items() if some}
        for tp in [tp for tp, some in records.items() if len(some) < len(found[tp])]:
            consumer.seek(tp, self._holes.next_of(tp))  # before we wait: meanwhile it may be lost
        whole = {tp: some for tp, some in records.items() if some}
        if len(whole) < len(records):
            await asyncio.sleep(_HOLE_WAIT_S)
        return whole

    async def _refused(self, consumer: aiokafka.AIOKafkaConsumer, error: KafkaError) -> None:
        """Say what Kafka has against a fetch, and wait before the next. What the group has, Membership says."""
        joining = consumer._subscription.reassignment_in_progress
        if not joining and self._refusals.is_due(str(error)):
            log.warning("cannot read from Kafka (%s); trying again", error)
        await asyncio.sleep(_READ_AGAIN_S)


class Eager(Service):
    """A service that makes no tasks where there is nothing to wait for."""

    async def wait_first(self, *coros: Any, timeout: Any = None) -> WaitResults:  # noqa: ASYNC109 - Service's
        """Wait as Faust does for the first of some coroutines, but without a task where the first ends at once.

        Faust calls this for each message, to wait until it is handed to its stream, or the flow is suspended, or we
        stop. That makes four tasks a message, though handing over hardly ever has to wait.
        """
        first, *others = coros
        if timeout is not None or not asyncio.iscoroutine(first):
            return await super().wait_first(*coros, timeout=timeout)
        task = asyncio.Task(first, loop=asyncio.get_running_loop(), eager_start=True)
        if not task.done():
            return await super().wait_first(task, *others)
        for other in others:
            if asyncio.iscoroutine(other):
                other.close()
        return WaitResults([first], [task.result()], False)


class FetchWaitConsumer(Eager, driver.Consumer):
    """A Faust consumer on such a thread."""

    def resumes_at(self, tp: TP) -> int:
        """Return the offset at which the group took the partition up after the last rebalance; 0 if it had none."""
        return self._committed_offset[tp] or 0

    def answered_at(self, tp: tuple[str, int]) -> float | None:
        """Return when Kafka last answered a fetch of a partition, in seconds since the epoch; None if it never did."""
        return answered_at(self._of_aiokafka, tp)

    def skips(self, tp: TP, before: int, after: int) -> bool:
        """Return whether Kafka was found to have no record of a partition between two that were handed out."""
        return cast(FetchWaitConsumerThread, self._thread).skips(tp, before, after)

    def has_unread(self, tp: TP, offset: int) -> bool:
        """Return whether a partition has records after `offset` that are on their way to us, or kept for us.

        Where Kafka does not answer, nobody knows.
        """
        if cast(FetchWaitConsumerThread, self._thread).handed_out_after(tp, offset):
            return True
        consumer = self._of_aiokafka
        at = answered_at(consumer, tp)
        if at is None or time.time() - at > SILENT_S:
            return False
        state = state_of(consumer, tp)
        if consumer is None or state is None:
            return False
        position = state._position  # as it is now: it may be taken away
        return tp in consumer._fetcher._records or (
            position is not None and (state.highwater or 0) > position
        )

    @property
    def _of_aiokafka(self) -> aiokafka.AIOKafkaConsumer | None:
        return cast(FetchWaitConsumerThread, self._thread)._consumer

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Read on where the group was."""
        offsets = cast(FetchWaitConsumerThread, self._thread)._offsets
        return cast(Mapping[TP, int], await offsets.asked(super().seek_to_committed))

    async def commit_and_end_transactions(self) -> None:
        """Commit as we end, unless that takes too long: checkpoints are in the database."""
        await _briefly(super().commit_and_end_transactions())

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit, unless our thread has ended before us: then there is nobody to do it."""
        return not self._thread.should_stop and await super()._commit(offsets)

    def _new_consumer_thread(self) -> FetchWaitConsumerThread:
        return FetchWaitConsumerThread(self, loop=self.loop, beacon=self.beacon)


class BriefProducer(driver.Producer):
    """A Faust producer that gives up what it could not send: whoever has our partitions next says it."""

    async def flush(self) -> None:
        """Wait until all is sent, unless that takes too long. What must be confirmed, a stage waits for itself."""
        await _briefly(super().flush())

    async def on_stop(self) -> None:
        """Stop, unless that takes too long."""
        await _briefly(super().on_stop())


async def _briefly(work: Coroutine[Any, Any, None]) -> None:
    """Do what a client of aiokafka does at its end, but no longer than it takes with Kafka there.

    Without it, it would wait until it has sent all that it was given, or is a member of its group again.
    """
    doing = asyncio.ensure_future(work)
    for _ in range(2):
        await asyncio.wait([doing], timeout=_STOP_S)
        doing.cancel()
    if doing.done() and not doing.cancelled() and (error := doing.exception()):
        log.debug("given up at the end: %s", error)


class FetchWaitTransport(driver.Transport):
    """A Faust transport whose consumers wait `fetch_wait_ms` for data.

    leaders_fall_silent  they leave their group as `SilentLeader` says
    hides_records        they ask for records again that the broker may not show at once (Holes)
    """

    Consumer: ClassVar[type] = FetchWaitConsumer
    Producer: ClassVar[type] = BriefProducer
    fetch_wait_ms: int = FETCH_WAIT_MS
    leaders_fall_silent: bool = False
    hides_records: bool = False
