"""Runs one fold per partition that this worker owns: feeds, publishes, checkpoints, hands over.

Every `publish_interval` what changed is published, and less often where finding out what did takes more than a tenth of
the time: what changes many times while a backlog is worked off is told once. Where no record comes the next one is
waited for, unless a fold has more to tell; the folds are asked four times a second all the same, for what the clock
alone may change. About once a
second, for the partitions that moved:

1. what changed is published, of many partitions some at a time, and Kafka's (and MQTT's) confirmations are awaited;
2. in one transaction the changed rows, the state's parts, the ledger and the offset are stored;
3. the events are acknowledged to Faust, which commits their offsets to Kafka.

Publishing before the transaction is safe because a fold is a function of the log: after a crash the next
owner says the same again. While the database is away, step 2 waits and folding goes on until
`max_unacked_records` events wait for their acknowledgement; then Faust's buffers fill and it stops fetching.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from faust.types import TP

from streams.errors import Fenced
from streams.fold.contract import Changes, Fold, Output, Portioned, Record, Retaining
from streams.fold.frames import END_MS
from streams.runtime.attention import Attention
from streams.runtime.incarnation import Logs
from streams.runtime.opening import Opener
from streams.runtime.owned import Holdings, Owned
from streams.runtime.publisher import Publisher
from streams.runtime.rest import Rest
from streams.runtime.upkeep import Upkeep
from streams.settings import Settings
from streams.store.checkpoint import Claim, PartitionCommit, Store
from streams.store.retry import retrying

log = logging.getLogger(__name__)

_BREATH_S = 0.005  # a busy stage lets the other tasks of the worker run this often
_LONGEST_TALK_S = 0.02  # so long a checkpoint's news gather, until they and what moved meanwhile are told
_LONGEST_WAIT_S = 0.25  # for a record, until folds are asked what time alone lets them tell
_ASLEEP_S = 5.0  # a worker that was stopped for longer may have lost its partitions: the group waits for six
_BEAT_S = 10.0  # the tables say this often that we live, where nothing moves
_SETTLES_S = 10.0  # one that was just opened folds records again: what stands on MQTT may be ahead of it
_CONFIRMED_S = 2.0  # how long the database's word counts that a claim is ours
_PATIENCE_S = 2.0  # so long records wait for the checkpoint after which they are judged otherwise, at first


@dataclass(frozen=True, slots=True)
class _Taken:
    """What was taken of a partition for a checkpoint: it is at `offset` then, and that acknowledges the events."""

    owned: Owned
    offset: int
    changes: Changes
    events: list[Any]


class Stage:
    """One stage of the road on this worker."""

    def __init__(
        self,
        name: str,
        topic: str,
        *,
        open_fold: Callable[[Claim], Awaitable[Fold]],
        store: Store,
        publisher: Publisher,
        settings: Settings,
        logs: Logs,
        fatal: Callable[[Exception], None],
        upkeep: Upkeep | None = None,
    ) -> None:
        self.name = name
        self.topic = topic
        self._opener = Opener(
            name, topic, open_fold=open_fold, store=store, logs=logs, owner=settings.worker_id
        )
        self._store = store
        self._publisher = publisher
        self._settings = settings
        self._fatal = fatal
        self._upkeep = upkeep
        self._owned = Holdings(name, settings.max_unacked_records)
        self._handover = asyncio.Lock()
        self._turn = asyncio.Lock()  # what is taken from the folds is published and stored in that order
        self._commit: asyncio.Task[None] | None = None
        # A record was folded since the folds were asked for what to tell, or they have more.
        self._fed = asyncio.Event()
        self._stop = asyncio.Event()
        self._era = 0
        self._ended = False
        self._breath = self._awake = time.monotonic()
        self._rest = Rest(self._awake)
        self._attention = Attention(self._awake)

    # ------------------------------------------------------------------ feeding

    async def consume(self, stream: Any) -> None:
        """Fold every event of a Faust stream; the body of the agent."""
        async for event in stream.noack().events():
            try:
                await self._feed(event)
            except Exception as error:
                self._fatal(error)
                raise

    async def _feed(self, event: Any) -> None:
        message, era = event.message, self._era
        await self._owned.room()
        async with self._handover:
            # Handed out before a rebalance, or as we end: it comes again, from where the checkpoint is.
            if era != self._era or self._ended:
                return
            owned = self._owned.get(message.partition) or await self._open(message.partition, era)
            if owned is None:
                return
            if message.offset <= owned.durable:
                event.ack()
                return
            if message.offset > owned.applied + 1 and not await self._opener.follows(owned, event):
                return
            if message.offset > owned.applied:
                self._apply(owned, message)
            message.value = event.value = None  # only its place in the log is still needed
            self._owned.wait_for_checkpoint(owned, event)
        if time.monotonic() - self._breath > _BREATH_S:
            await asyncio.sleep(0)
            self._breath = time.monotonic()

    def _apply(self, owned: Owned, message: Any) -> None:
        # Whoever writes to Kafka chooses the timestamp; it must at least be one.
        timestamp = min(max(0, int(message.timestamp * 1000)), END_MS - 1)
        owned.fold.apply(
            Record(self.topic, message.partition, message.offset, message.value or b"", timestamp)
        )
        owned.applied, owned.fed = message.offset, True
        self._fed.set()

    async def _open(self, partition: int, era: int) -> Owned | None:
        """Claim a partition and load its fold; None where a rebalance came meanwhile: it may be another's by now."""
        owned = await self._opener.open(partition, lambda: era == self._era, self._stop)
        if owned is not None:
            self._owned.add(owned)
        return owned

    # ------------------------------------------------------------------ publishing and checkpoints

    async def run(self) -> None:
        """Publish and checkpoint until stopped; a task of the worker."""
        self._awake = time.monotonic()
        checkpoint_at = self._awake + self._settings.checkpoint_interval_s
        while not self._stop.is_set():
            rest = self._rest.due_s(time.monotonic())
            await asyncio.sleep(max(self._settings.publish_interval_ms / 1000, rest))
            await self._something_to_tell(checkpoint_at)
            async with self._turn:
                if not await self._is_ours():
                    return
                due = time.monotonic() >= checkpoint_at
                if due and (self._commit is None or self._commit.done()):
                    checkpoint_at = time.monotonic() + self._settings.checkpoint_interval_s
                    taken = await self._publish_all(in_parts=True)
                    self._commit = asyncio.create_task(self._store_all(taken))
                else:
                    with self._owned.nothing_lost():
                        await self._publisher.publish(await self._take_outputs())

    async def _take_outputs(self) -> list[Output]:
        wall_ms, out = self._look(), list[Output]()
        async for owned in self._owned.one_by_one():
            begin = time.thread_time()
            out += self._outputs_of(owned, wall_ms)
            self._rest.spend(time.thread_time() - begin)
        return out

    async def _something_to_tell(self, checkpoint_at: float) -> None:
        """Wait until a record was folded since the last publication, or a checkpoint can be made; not for long."""
        rest = _LONGEST_WAIT_S
        if self._commit is None or self._commit.done():
            rest = min(rest, checkpoint_at - time.monotonic())
        if not self._fed.is_set() and rest > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._fed.wait()

    async def look_after(self) -> None:
        """Put right what stands retained on MQTT, again and again until stopped; a task of the worker.

        In the turn in which the folds' outputs are published, so that a correction can neither overtake nor follow one
        that it knows nothing of.
        """
        upkeep = self._upkeep
        while upkeep is not None and not self._stop.is_set():
            await asyncio.sleep(upkeep.rest_s)
            asked = time.monotonic()
            settled = [one for one in self._owned if asked - one.since > _SETTLES_S]
            if not await upkeep.may_look([one.claim for one in settled]):
                continue
            async with self._turn:
                if self._ended or self._stop.is_set() or time.monotonic() - asked > _CONFIRMED_S:
                    continue  # whoever slept or waited may have lost them meanwhile
                mine = [one for one in settled if self._owned.has(one)]
                with self._owned.nothing_lost():
                    wall_ms = self._look()
                    outputs = [output for one in self._owned for output in self._outputs_of(one, wall_ms)]
                    wrong = upkeep.look(
                        (one.claim, one.fold, one.applied)
                        for one in mine
                        if isinstance(one.fold, Retaining) and not one.spoilt
                    )
                    await self._publisher.publish(outputs)
                if wrong:
                    await upkeep.put_right(wrong)

    async def show_life(self) -> None:
        """Have the tables say of idle partitions that somebody looks after them; a task of the worker.

        When their checkpoints were stored stays as it is: that nothing moves can be seen there. Whatever the database
        has against it is met, and told, where something is to be stored.
        """
        while not self._stop.is_set():
            await asyncio.sleep(_BEAT_S)
            still = time.monotonic() - _BEAT_S
            idle = [one.claim for one in self._owned if one.stored <= still and not one.spoilt]
            if self._ended or not idle:
                continue
            try:
                await self._store.show_life(idle)
            except Exception as error:
                log.debug("cannot show in the tables that this worker is alive: %s", error)

    async def _is_ours(self) -> bool:
        """Return whether all partitions are still ours; else this worker ends, and says nothing more of what it lost.

        What it has to say is old: it would take back a cleared alert, and no checkpoint of its own might ever tell.
        Only a worker that was stopped since it was asked last may have lost them unawares, be it as it published.
        """
        if self._ended:
            return False
        asleep_s, self._awake = time.monotonic() - self._awake, time.monotonic()
        if asleep_s <= _ASLEEP_S:
            return True
        claims = [owned.claim for owned in self._owned]
        try:
            with self._owned.nothing_lost():
                await retrying(lambda: self._store.confirm(claims), self._stop, log.warning)
        except Exception as error:
            self._end(error)
            return False
        return True

    def _end(self, error: Exception) -> None:
        """Have the worker end; nothing more is folded, claimed or said of what it lost."""
        self._ended = True
        if isinstance(error, Fenced):
            self._owned.drop({partition for _, _, partition in error.partitions})
        self._fatal(error)

    def _look(self) -> int:
        """Begin to ask the folds for what to tell; returns the milliseconds of the clock that they are shown."""
        self._fed.clear()
        return self._attention.wall_ms(time.monotonic())

    def _outputs_of(self, owned: Owned, wall_ms: int, *, at_checkpoint: bool = False) -> list[Output]:
        if owned.spoilt:
            return []  # the fold takes for stored what was not, so it might tell what no next owner can withdraw
        owned.fold.idle(wall_ms)
        out = owned.fold.take_outputs(at_checkpoint=at_checkpoint)
        if isinstance(owned.fold, Portioned) and owned.fold.has_more():
            self._fed.set()
        if self._upkeep is not None:
            self._upkeep.told(out)
        return out

    async def _publish_all(self, *, in_parts: bool = False) -> list[_Taken]:
        """Step 1. What is taken here of a fold belongs together: no event of its own is folded in between.

        Many vehicles' windows take long to tell. `in_parts`: what else moves is told in between, and need not wait for
        all of them; but for a backlog, of which telling it more often would take the time. Not where a hand-over
        follows: nothing is folded meanwhile, and what is told of a partition whose changes were taken is not stored.
        """
        taken: list[_Taken] = []
        try:
            with self._owned.nothing_lost():
                wall_ms, outputs, since = self._look(), list[Output](), time.monotonic()
                async for owned in self._owned.one_by_one():
                    outputs += self._outputs_of(owned, wall_ms, at_checkpoint=True)
                    changes = owned.fold.take_changes()
                    events, owned.unacked = list(owned.unacked), deque()
                    if events or changes.rows or changes.parts:
                        taken.append(_Taken(owned, owned.applied, changes, events))
                    now = time.monotonic()
                    if in_parts and now - since > _LONGEST_TALK_S and not self._rest.due_s(now):
                        await asyncio.sleep(0)  # this part may have held the other tasks up
                        outputs += await self._take_outputs()
                        await self._publisher.publish(outputs)
                        outputs, since = [], time.monotonic()
                        wall_ms = self._attention.wall_ms(since)
                        await self._is_ours()  # if not, what was lost is dropped, and the others are spoilt
                await self._publisher.publish(outputs)
        except BaseException:  # a hand-over gave up
            self._release(taken)
            raise
        return taken

    async def _store_all(self, taken: list[_Taken]) -> None:
        """Steps 2 and 3; for the partitions that are still ours, and of which nothing was lost before."""
        mine = [one for one in taken if self._owned.has(one.owned) and not one.owned.spoilt]
        commits = [PartitionCommit(one.owned.claim, one.offset, one.changes) for one in mine]
        try:
            with self._owned.nothing_lost():
                await retrying(lambda: self._store.commit(commits), self._stop, log.warning)
            for one in mine:
                one.owned.durable = max(one.owned.durable, one.offset)
                one.owned.stored = time.monotonic()
                for event in one.events:
                    event.ack()
        except Exception as error:
            self._end(error)
        finally:
            self._release(taken)

    def _release(self, taken: list[_Taken]) -> None:
        for one in taken:
            self._owned.release(one.events)

    async def between_records(self, change: Callable[[Fold], None]) -> None:
        """Change how each fold judges, once all that it folded is stored and before another record is folded.

        So whoever folds on from the checkpoint judges the same records by the change. Records wait for that, but not
        for a database that is away: folding goes on as at any checkpoint, and it is tried again when that is stored.
        Each try waits longer, for one that is merely slow.
        """
        patience_s = _PATIENCE_S
        while not await self._changed(change, patience_s):
            patience_s *= 2

    async def _changed(self, change: Callable[[Fold], None], patience_s: float) -> bool:
        """Try once; False where the database has not stored everything within `patience_s`."""
        await self._stored_within(None)
        await retrying(lambda: self._store.confirm([]), None, log.warning)
        async with self._turn:
            if not await self._stored_within(patience_s):
                return False
            if not await self._is_ours():
                return True
            async with self._handover:
                if self._stop.is_set():
                    return True
                self._commit = asyncio.create_task(self._store_all(await self._publish_all()))
                if not await self._stored_within(patience_s):
                    return False
                for owned in self._owned:
                    change(owned.fold)
                    await asyncio.sleep(0)  # it may take a while: whoever else waits has a turn
                return True

    async def _stored_within(self, seconds: float | None) -> bool:
        """Wait for the checkpoint that is under way, for so long; return whether there is none any more."""
        if self._commit is not None:
            await asyncio.wait({self._commit}, timeout=seconds)
        return self._commit is None or self._commit.done()

    # ------------------------------------------------------------------ handing over

    async def open(self, partitions: set[int]) -> None:
        """Load the partitions that were assigned, without waiting for their first event."""
        era = self._era
        for partition in sorted(partitions):
            async with self._handover:
                if self._owned.get(partition) is None:
                    await self._open(partition, era)

    async def rewind(self, consumer: Any) -> None:
        """Go back to our checkpoints where Kafka's group is ahead of them; call when a rebalance has ended."""
        for partition in sorted(owned.claim.partition for owned in self._owned):
            async with self._handover:
                owned = self._owned.get(partition)
                if owned is None or owned.fed or owned.beginning.went_back:
                    continue
                resumes_at = consumer.resumes_at(TP(self.topic, partition))
                if resumes_at > owned.applied + 1:
                    await self._opener.go_back(owned, resumes_at - 1, consumer)

    async def hand_over(self, timeout_s: float) -> None:
        """Publish, store and acknowledge everything folded so far, before a rebalance.

        Events handed out until now are not folded any more. Where it takes longer than `timeout_s`, all
        partitions are dropped: what they changed since the last checkpoint is folded again, from the log,
        by whoever owns them next.
        """
        self._era += 1
        if self._upkeep is not None:
            self._upkeep.forget()
        try:
            async with asyncio.timeout(timeout_s), self._turn, self._handover:
                # One that is done may have been cancelled by the hand-over before, and be no good to wait for.
                if self._commit is not None and not self._commit.done():
                    await self._commit
                if await self._is_ours():
                    await self._store_all(await self._publish_all())
        except TimeoutError:
            log.warning("%s: no checkpoint within %.0f s; partitions are dropped", self.name, timeout_s)
            if self._commit is not None:
                self._commit.cancel()  # not ours to store any more, though the turn never came to wait for it
            self.keep_only(set())

    def keep_only(self, partitions: set[int]) -> None:
        """Drop the partitions that this worker owns no longer; their next owner loads the checkpoint."""
        self._owned.keep_only(partitions)

    async def close(self, timeout_s: float) -> None:
        """Hand over and stop."""
        await self.hand_over(timeout_s)
        self._stop.set()
        self._fed.set()
