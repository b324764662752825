"""Runs one fold per partition that this worker owns: feeds, publishes, checkpoints, hands over.

Folds are asked for their news every `publish_interval`. If asking takes more than a tenth of the time, they are asked
less often, so that a value that changes many times in a backlog is published once. While no record comes they are asked
four times a second only: the clock alone may give a fold news, or it may have handed out only a part of them.

About once a second a checkpoint is made of the partitions that moved:

1. their news are published, of many partitions some at a time, and Kafka's (and MQTT's) confirmations are awaited;
2. in one transaction the changed rows, the state's parts, the ledger and the offset are stored;
3. the events are acknowledged to Faust, which commits their offsets to Kafka.

Publishing before the transaction is safe because a fold is a function of the log: after a crash the next
owner publishes the same again. While the database is away, step 2 waits and folding goes on until
`max_unacked_records` events wait for their acknowledgement; then Faust's buffers fill and it stops fetching.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from faust.types import TP

from schemas.limits import END_MS
from streams.errors import SetBack
from streams.fold.contract import Awaited, Changes, Fold, Output, Portioned, Record, Retaining
from streams.retry import Waiting, retrying
from streams.runtime.attention import Attention
from streams.runtime.incarnation import Logs
from streams.runtime.opening import Opener
from streams.runtime.owned import Holdings, Owned
from streams.runtime.publisher import Publisher
from streams.runtime.rest import Rest
from streams.runtime.upkeep import Upkeep
from streams.settings import Settings
from streams.store.checkpoint import Claim, PartitionCommit, Store

log = logging.getLogger(__name__)

_YIELD_EVERY_S = 0.005
"""While records come without a pause, the worker's other tasks have a turn this often."""
_LONGEST_TALK_S = 0.02
"""How long a checkpoint gathers news before it publishes them, together with those of all other partitions."""
_LONGEST_WAIT_S = 0.25
"""How long to wait for a record. Then the folds are asked anyway: the clock alone may have changed something."""
_ASLEEP_S = 5.0
"""A worker that stood still for longer may have lost its partitions: Kafka's group waits for it for six seconds."""
_BEAT_S = 10.0
"""How often we note in the tables that idle partitions are looked after."""
_SETTLES_S = 10.0
"""How long to leave MQTT alone after opening a partition: it folds old records again, so MQTT may be ahead of it."""
_CONFIRMED_S = 2.0
"""How long the database's word that a partition is ours is relied on."""
_PATIENCE_S = 2.0
"""How long the first try of `between_records` holds up records until the checkpoint is stored."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a checkpoint takes of a partition: its changes up to `offset`, and the events to acknowledge once stored."""

    owned: Owned
    offset: int
    changes: Changes
    events: list[Any]


class Stage:
    """One stage of the pipeline on this worker.

    Two locks keep its tasks apart. `_turn` is held while outputs are taken from the folds, published and stored, so
    that all three happen in the same order. `_handover` is held while a record is folded, or a partition is opened or
    handed over. A task that needs both takes `_turn` first.
    """

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
        has_unread: Callable[[TP, int], bool] = lambda _tp, _applied: False,
        partitions: int | None = None,
        waiting: Waiting | None = None,
    ) -> None:
        """`has_unread` says whether a partition has records after an offset; `partitions`, how many the topic has.

        `waiting` says of services that are away: one for all stages of a worker.
        """
        self._waiting = waiting or Waiting()
        self.name = name
        self.topic = topic
        self._opener = Opener(
            name,
            topic,
            open_fold=open_fold,
            store=store,
            logs=logs,
            owner=settings.worker_id,
            partitions=partitions,
            waiting=self._waiting,
        )
        self._store = store
        self._publisher = publisher
        self._settings = settings
        self._fatal = fatal
        self._upkeep = upkeep
        self._has_unread = has_unread
        self._owned = Holdings(name, settings.max_unacked_records)
        self._handover = asyncio.Lock()
        self._turn = asyncio.Lock()
        self._commit: asyncio.Task[None] | None = None  # stores a checkpoint while folding goes on
        self._fed = asyncio.Event()  # a record was folded since the folds were asked, or they have more
        self._stop = asyncio.Event()
        self._era = 0  # how many hand-overs there were: an event of an earlier era comes again
        self._ended = False
        self._known = asyncio.Event()  # what is ours: not from a hand-over on until a rebalance has said it
        self._known.set()
        self._yielded = self._awake = time.monotonic()
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
            # It was handed out before a rebalance, or while we end: it comes again, after the checkpoint.
            if era != self._era or self._ended:
                return
            owned = self._owned.get(message.partition) or await self._open(message.partition, era)
            if owned is None:
                return
            if message.offset <= owned.durable:
                event.ack()
                return
            if message.offset > owned.applied + 1:
                follows = await self._opener.follows(owned, event, partial(self._owned.has, owned))
                if not follows or era != self._era:  # a hand-over that gave up has dropped it
                    return
            if message.offset > owned.applied:
                self._apply(owned, message)
            message.value = event.value = None  # only its place in the log is still needed
            self._owned.wait_for_checkpoint(owned, event)
        if time.monotonic() - self._yielded > _YIELD_EVERY_S:
            await asyncio.sleep(0)
            self._yielded = time.monotonic()

    def _apply(self, owned: Owned, message: Any) -> None:
        # Whoever writes to Kafka chooses the timestamp; it must at least be one.
        timestamp = min(max(0, int(message.timestamp * 1000)), END_MS - 1)
        owned.fold.apply(
            Record(self.topic, message.partition, message.offset, message.value or b"", timestamp)
        )
        owned.applied, owned.fed = message.offset, True
        self._fed.set()

    async def _open(self, partition: int, era: int) -> Owned | None:
        """Claim a partition and load its fold; None where we end, or after a rebalance: another worker may own it."""
        owned = await self._opener.open(partition, lambda: era == self._era and not self._ended, self._stop)
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
            await self._wait_for_news(checkpoint_at)
            async with self._turn:
                if not self._known.is_set():
                    continue  # all was said and stored; any of it may be another worker's by now
                if not await self._is_ours():
                    return
                due = time.monotonic() >= checkpoint_at
                if due and (self._commit is None or self._commit.done()):
                    checkpoint_at = time.monotonic() + self._settings.checkpoint_interval_s
                    self._commit = self._storing(await self._publish_all(in_parts=True))
                else:
                    with self._owned.nothing_lost():
                        await self._publisher.publish(await self._take_outputs())

    async def _take_outputs(self) -> list[Output]:
        wall_ms, out = self._begin_to_ask(), list[Output]()
        async for owned in self._owned.one_by_one():
            begin = time.thread_time()
            out += self._outputs_of(owned, wall_ms)
            self._rest.spend(time.thread_time() - begin)
        return out

    async def _wait_for_news(self, checkpoint_at: float) -> None:
        """Wait until a record was folded since the folds were asked, or a checkpoint is due; but not for long."""
        rest = _LONGEST_WAIT_S
        if self._commit is None or self._commit.done():
            rest = min(rest, checkpoint_at - time.monotonic())
        if not self._fed.is_set() and rest > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._fed.wait()

    async def look_after(self) -> None:
        """Correct what is retained on MQTT, again and again until stopped; a task of the worker.

        It takes `_turn`, as publishing does, so that no correction mixes with outputs that it has not seen.
        """
        upkeep = self._upkeep
        while upkeep is not None and not self._stop.is_set():
            await asyncio.sleep(upkeep.rest_s)
            asked = time.monotonic()
            settled = [one for one in self._owned if asked - one.since > _SETTLES_S]
            if not await upkeep.may_look([one.claim for one in settled]):
                continue
            async with self._turn:
                if self._ended or not self._known.is_set() or self._stop.is_set():
                    continue
                if time.monotonic() - asked > _CONFIRMED_S:
                    continue  # whoever slept or waited may have lost them meanwhile
                mine = [one for one in settled if self._owned.has(one)]
                with self._owned.nothing_lost():
                    wall_ms = self._begin_to_ask()
                    outputs = [output for one in self._owned for output in self._outputs_of(one, wall_ms)]
                    wrong = upkeep.look(
                        (one.claim, one.fold, one.applied)
                        for one in mine
                        if isinstance(one.fold, Retaining) and not one.spoilt
                    )
                    await self._publisher.publish(outputs)
                if wrong:
                    await upkeep.put_right(wrong)

    async def show_life(self, hears: Callable[[TP], bool]) -> None:
        """Note in the tables that idle partitions are looked after; a task of the worker.

        `hears` says whether Kafka would tell us of records. Where it hangs, nobody looks after anything.
        The time of their newest checkpoint is not touched: it shows that nothing moves. An error of the database is
        not told here but where a checkpoint meets it; but one that has lost what was stored of them ends this worker,
        as there may be no other checkpoint for long.
        """
        while not self._stop.is_set():
            await asyncio.sleep(_BEAT_S)
            still = time.monotonic() - _BEAT_S
            ours = [one for one in self._owned if hears(TP(self.topic, one.claim.partition))]
            idle = [one.claim for one in ours if one.stored <= still and not one.spoilt]
            if self._ended or not idle:
                continue
            try:
                await self._store.show_life(idle)
            except SetBack as error:
                self._end(error)
            except Exception as error:
                log.debug("cannot show in the tables that this worker is alive: %s", error)

    async def _is_ours(self) -> bool:
        """Return whether all partitions are still ours; if not, this worker ends, publishing nothing of the lost ones.

        What it knows of a lost partition is out of date: published, it could open an alert again that the new owner has
        cleared. A running worker hears of every rebalance, so the database is asked only if this one stood still.
        """
        if self._ended:
            return False
        asleep_s, self._awake = time.monotonic() - self._awake, time.monotonic()
        if asleep_s <= _ASLEEP_S:
            return True
        claims = [owned.claim for owned in self._owned]
        try:
            with self._owned.nothing_lost():
                await retrying(lambda: self._store.confirm(claims), self._stop, self._waiting)
        except Exception as error:
            self._end(error)
            return False
        return True

    def _end(self, error: Exception) -> None:
        """Have the worker end: nothing more is folded or claimed, nor said, as all that it owns is spoilt."""
        self._ended = True
        self._fatal(error)

    def _begin_to_ask(self) -> int:
        """Begin to ask the folds for their news; return the time that they are shown, in milliseconds."""
        self._fed.clear()
        return self._attention.wall_ms(time.monotonic())

    def _outputs_of(self, owned: Owned, wall_ms: int, *, at_checkpoint: bool = False) -> list[Output]:
        if owned.spoilt:
            return []  # it rests on changes that were never stored, so the next owner could not correct what it says
        owned.fold.idle(wall_ms)
        if isinstance(owned.fold, Awaited) and self._has_unread(
            TP(self.topic, owned.claim.partition), owned.applied
        ):
            owned.fold.wait_to_be_read()
        out = owned.fold.take_outputs(at_checkpoint=at_checkpoint)
        if isinstance(owned.fold, Portioned) and owned.fold.has_more():
            self._fed.set()
        if self._upkeep is not None:
            self._upkeep.told(out)
        return out

    async def _publish_all(self, *, in_parts: bool = False) -> list[_Taken]:
        """Step 1: publish the news of all partitions; return what to store of each.

        The outputs and changes of one fold are taken together: none of its events is folded in between.

        It takes long to publish the closed windows of many vehicles. `in_parts` publishes other news in between, so
        that they need not wait for all windows. In a backlog this is not done, as it would take time from folding. Nor
        is it done before a hand-over: what a fold says after its changes were taken would never be stored.
        """
        taken: list[_Taken] = []
        try:
            with self._owned.nothing_lost():
                wall_ms, outputs, since = self._begin_to_ask(), list[Output](), time.monotonic()
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
                        await self._is_ours()  # if not, all is spoilt
                await self._publisher.publish(outputs)
        except BaseException:  # a hand-over gave up
            self._release(taken)
            raise
        return taken

    def _storing(self, taken: list[_Taken]) -> asyncio.Task[None]:
        """Return the task of steps 2 and 3. Its events make room in any case: it may be cancelled before it begins."""
        task = asyncio.create_task(self._store_all(taken))
        task.add_done_callback(lambda _: self._release(taken))
        return task

    async def _store_all(self, taken: list[_Taken]) -> None:
        """Steps 2 and 3, for the partitions that are still ours and not spoilt (see Owned)."""
        mine = [one for one in taken if self._owned.has(one.owned) and not one.owned.spoilt]
        commits = [PartitionCommit(one.owned.claim, one.offset, one.changes) for one in mine]
        try:
            with self._owned.nothing_lost():
                await retrying(lambda: self._store.commit(commits), self._stop, self._waiting)
            for one in mine:
                one.owned.durable = one.offset
                one.owned.stored = time.monotonic()
                for event in one.events:
                    event.ack()
        except Exception as error:
            self._end(error)

    def _release(self, taken: list[_Taken]) -> None:
        for one in taken:
            self._owned.release(one.events)

    async def between_records(self, change: Callable[[Fold], None]) -> None:
        """Apply a change to each fold between two records: all before it are stored, none after it is folded yet.

        So a worker that goes on from this checkpoint judges the same records by the change. Records wait meanwhile, but
        not for long: where the database does not store the checkpoint in time, folding goes on, and the change is tried
        again later. Each try waits twice as long as the one before, as the database may merely be slow.
        """
        patience_s = _PATIENCE_S
        while not await self._changed(change, patience_s):
            patience_s *= 2

    async def _changed(self, change: Callable[[Fold], None], patience_s: float) -> bool:
        """Try once; False where the database has not stored everything within `patience_s`."""
        await self._stored_within(None)
        await retrying(lambda: self._store.confirm([]), None, self._waiting)
        await self._known.wait()
        async with self._turn:
            if not self._known.is_set() or not await self._stored_within(patience_s):
                return False
            if not await self._is_ours():
                return True
            async with self._handover:
                if self._stop.is_set():
                    return True
                self._commit = self._storing(await self._publish_all())
                if not await self._stored_within(patience_s):
                    return False
                for owned in self._owned:
                    change(owned.fold)
                    await asyncio.sleep(0)  # a change may take long: other tasks have a turn after each
                return True

    async def _stored_within(self, seconds: float | None) -> bool:
        """Wait up to so many seconds for the checkpoint under way; return whether none is under way any more."""
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
                await self._opener.rewind(owned, resumes_at, consumer, partial(self._owned.has, owned))

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
                await self._stored_within(None)
                if await self._is_ours():
                    # a task: who awaits the database itself, and is cancelled, waits until that has given up
                    self._commit = self._storing(await self._publish_all())
                    await self._stored_within(None)
                self._known.clear()
        except TimeoutError:
            log.warning("%s: no checkpoint within %.0f s; partitions are dropped", self.name, timeout_s)
            if self._commit is not None:
                self._commit.cancel()  # what it stores is no longer ours
            self._owned.keep_only(set())

    def keep_only(self, partitions: set[int]) -> None:
        """Drop the partitions that this worker owns no longer; call when a rebalance has said which are ours.

        Their next owner loads the checkpoint.
        """
        self._owned.keep_only(partitions)
        self._known.set()

    async def close(self, timeout_s: float) -> None:
        """Hand over and stop."""
        await self.hand_over(timeout_s)
        self._stop.set()
        self._known.set()
        self._fed.set()
