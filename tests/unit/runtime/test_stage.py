"""A stage between its log and its database: what a fold handed out is stored, or nothing after it is."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from streams.errors import Fenced, ServiceUnavailable
from streams.fold.contract import Changes, Ledger, Output, Record, Restored
from streams.runtime import rest as rest_module
from streams.runtime import stage as stage_module
from streams.runtime.incarnation import Incarnation
from streams.runtime.stage import Stage
from streams.settings import Settings
from streams.store.checkpoint import Claim, PartitionCommit

TOPIC = "ub.sensors"


class Listing:
    """A fold whose state is the offsets that it met; it hands out each of them once."""

    def __init__(self) -> None:
        self.new: list[int] = []

    def apply(self, record: Record) -> None:
        self.new.append(record.offset)

    def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
        return [Output("ub.any", f"{offset}", b"", "any", f"{offset}", 0) for offset in self.new]

    def take_changes(self) -> Changes:
        met, self.new = self.new, []
        return Changes(parts={str(offset): b"" for offset in met})

    def idle(self, wall_ms: int) -> None: ...


class Guessing(Listing):
    """As a fold of windows: at a checkpoint with nothing new it tells a guess, which it will put right."""

    def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
        guess = [Output("ub.any", "guess", b"", "any", "guess", 0)] if at_checkpoint and not self.new else []
        return guess + super().take_outputs(at_checkpoint=at_checkpoint)


class Telling(Listing):
    """Says more at a checkpoint."""

    def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
        more = [Output("ub.any", "checkpoint", b"", "any", "", 0)] if at_checkpoint else []
        return super().take_outputs(at_checkpoint=at_checkpoint) + more


@dataclass
class Database:
    """Checkpoints by partition; refuses the first `refusals` commits as a whole."""

    refusals: int
    offset: dict[int, int] = field(default_factory=dict)
    parts: dict[int, list[str]] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)
    claimed: list[int] = field(default_factory=list)
    restored_at: int = -1
    alive: list[int] = field(default_factory=list)

    async def claim(self, stage: str, topic: str, partition: int, **_: Any) -> Claim:
        self.claimed.append(partition)
        return Claim(stage, topic, partition, 1, Restored(partition, 0, self.restored_at, {}, Ledger()))

    async def commit(self, commits: Sequence[PartitionCommit]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise Fenced("another worker owns it now", [commits[0].claim.key])
        for one in commits:
            partition = one.claim.partition
            self.offset[partition] = one.offset
            self.parts.setdefault(partition, []).extend(one.changes.parts)

    async def show_life(self, claims: Sequence[Claim]) -> None:
        self.alive += [claim.partition for claim in claims]

    async def confirm(self, claims: Sequence[Claim]) -> None:
        lost = [claim.key for claim in claims if claim.partition in self.lost]
        if lost:
            raise Fenced("another worker owns it now", lost)


class Kafka:
    """Confirms everything, and says that logs are what they were."""

    def __init__(self) -> None:
        self.published: list[str] = []
        self.sought: list[int] = []

    async def publish(self, outputs: Sequence[Output]) -> None:
        self.published += [output.key for output in outputs]

    async def incarnation(self, topic: str) -> Incarnation:
        return Incarnation("cluster", topic)

    async def ends_before(self, topic: str, partition: int, offset: int) -> bool:
        return False

    async def begins_after(self, topic: str, partition: int, offset: int) -> bool:
        return False

    async def seek(self, partition: object, offset: int) -> None:
        self.sought.append(offset)


class Events:
    """A stream of one record of each of these partitions."""

    def __init__(self, *places: tuple[int, int], consumer: object = None) -> None:
        self.places, self.app = places, SimpleNamespace(consumer=consumer)

    def noack(self) -> "Events":
        return self

    async def events(self) -> AsyncIterator[Any]:
        for partition, offset in self.places:
            message = SimpleNamespace(partition=partition, offset=offset, timestamp=1.7e9, value=b"{}")
            yield SimpleNamespace(message=message, ack=lambda: None, app=self.app)


def a_stage(
    database: Database,
    kafka: Kafka,
    failed: list[Exception],
    fold: type[Listing] = Listing,
    checkpoint_interval_s: float = 0.01,
    max_unacked_records: int = 20_000,
) -> Stage:
    async def open_fold(_: Claim) -> Listing:
        return fold()

    return Stage(
        "sensing",
        TOPIC,
        open_fold=open_fold,
        store=database,  # type: ignore[arg-type]
        publisher=kafka,  # type: ignore[arg-type]
        settings=Settings(
            checkpoint_interval_s=checkpoint_interval_s,
            publish_interval_ms=1,
            max_unacked_records=max_unacked_records,
        ),
        logs=kafka,  # type: ignore[arg-type]
        fatal=failed.append,
    )


@pytest.mark.parametrize(
    ("refusals", "stored"), [(0, {0: ["0"], 1: ["0", "1"]}), (1, {})], ids=["stored", "another worker came"]
)
def test_after_a_commit_that_failed_nothing_is_stored_that_lacks_it(
    refusals: int, stored: dict[int, list[str]]
) -> None:
    """A zombie is fenced for one partition, and hands the others over as it ends."""

    async def body() -> Database:
        database, kafka = Database(refusals), Kafka()
        failed: list[Exception] = []
        stage = a_stage(database, kafka, failed)
        await stage.consume(Events((0, 0), (1, 0)))
        running = asyncio.create_task(stage.run())
        async with asyncio.timeout(30):
            while not (failed or database.offset):  # noqa: ASYNC110 - neither says when it changes
                await asyncio.sleep(0.001)
        await stage.consume(Events((1, 1)))
        await stage.close(5)
        await running
        return database

    database = asyncio.run(body())
    assert database.parts == stored
    assert database.offset == {partition: len(parts) - 1 for partition, parts in stored.items()}


def test_after_a_commit_that_failed_a_worker_guesses_no_more_on_what_is_not_stored() -> None:
    """The next owner begins before that, and may never come upon what it would have to withdraw."""

    async def body() -> Kafka:
        database, kafka = Database(1), Kafka()
        failed: list[Exception] = []
        stage = a_stage(database, kafka, failed, Guessing)
        await stage.consume(Events((0, 0), (1, 0)))
        running = asyncio.create_task(stage.run())
        async with asyncio.timeout(30):
            while not failed:  # noqa: ASYNC110 - it does not say when it changes
                await asyncio.sleep(0.001)
        await stage.close(5)
        await running
        return kafka

    assert set(asyncio.run(body()).published) == {"0"}


@pytest.mark.parametrize("lost", [set(), {0}])
def test_a_worker_that_slept_says_nothing_of_what_it_lost_and_claims_it_no_more(
    lost: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_module, "_ASLEEP_S", -1.0)  # it wakes up all the time

    async def body() -> tuple[Database, Kafka]:
        database, kafka = Database(0, lost=lost), Kafka()
        failed: list[Exception] = []
        stage = a_stage(database, kafka, failed)
        await stage.consume(Events((0, 0)))
        running = asyncio.create_task(stage.run())
        async with asyncio.timeout(30):
            while not (failed or kafka.published):  # noqa: ASYNC110 - neither says when it changes
                await asyncio.sleep(0.001)
        await stage.consume(Events((0, 1)))
        await stage.close(5)
        await running
        return database, kafka

    database, kafka = asyncio.run(body())
    assert set(kafka.published) == (set() if lost else {"0", "1"})
    assert database.offset == ({} if lost else {0: 1})
    assert database.claimed == [0]


def test_a_worker_that_slept_asks_before_it_hands_over_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka's group may hear of it before the next turn comes."""
    monkeypatch.setattr(stage_module, "_ASLEEP_S", -1.0)

    async def body() -> tuple[Kafka, list[Exception]]:
        database, kafka = Database(0, lost={0}), Kafka()
        failed: list[Exception] = []
        stage = a_stage(database, kafka, failed)
        await stage.consume(Events((0, 0)))
        await stage.hand_over(5)
        return kafka, failed

    kafka, failed = asyncio.run(body())
    assert not kafka.published
    assert [type(error) for error in failed] == [Fenced]


def test_a_worker_that_slept_as_it_published_says_nothing_after_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "_ASLEEP_S", 0.2)

    class Slow(Kafka):
        async def publish(self, outputs: Sequence[Output]) -> None:
            await super().publish(outputs)
            if outputs and not database.lost:
                database.lost = {0}
                await stage.consume(Events((0, 1)))
                await asyncio.sleep(0.3)

    database, kafka = Database(0), Slow()
    failed: list[Exception] = []
    stage = a_stage(database, kafka, failed)

    async def body() -> None:
        await stage.consume(Events((0, 0)))
        async with asyncio.timeout(30):
            await stage.run()

    asyncio.run(body())
    assert set(kafka.published) == {"0"}
    assert [type(error) for error in failed] == [Fenced]


def test_judgement_changes_between_a_checkpoint_and_the_next_record() -> None:
    """Whoever begins again from the checkpoint folds the same records by the change: all of them, and no others."""
    database = Database(0)
    stage = a_stage(database, Kafka(), [], checkpoint_interval_s=60)
    seen: list[tuple[dict[int, int], list[int]]] = []

    class Watched(Listing):
        def __init__(self) -> None:
            super().__init__()
            folds.append(self)

    folds: list[Watched] = []

    async def open_fold(_: Claim) -> Watched:
        return Watched()

    stage._open_fold = open_fold

    async def body() -> None:
        await stage.consume(Events((0, 0), (0, 1), (1, 0)))
        change = asyncio.create_task(
            stage.between_records(
                lambda _: seen.append(({**database.offset}, [n for fold in folds for n in fold.new]))
            )
        )
        await stage.consume(Events(*((0, offset) for offset in range(2, 50))))
        await change
        await stage.consume(Events((0, 50)))
        await stage.close(5)

    asyncio.run(body())
    assert len(seen) == 2
    for stored, unstored in seen:
        assert set(stored) == {0, 1}
        assert not unstored
    assert database.offset == {0: 50, 1: 0}


def test_while_the_database_is_away_folding_goes_on_and_judgement_stays() -> None:
    class Away(Database):
        back = False

        async def confirm(self, claims: Sequence[Claim]) -> None:
            if not self.back:
                raise ServiceUnavailable("PostgreSQL", "here", "away", retry_after=0.01)
            await super().confirm(claims)

    async def body() -> tuple[list[str], int, dict[int, int]]:
        database, kafka, told = Away(0), Kafka(), []
        stage = a_stage(database, kafka, [], checkpoint_interval_s=60)
        running = asyncio.create_task(stage.run())
        change = asyncio.create_task(stage.between_records(lambda _: told.append([*kafka.published])))
        await stage.consume(Events((0, 0), (0, 1)))
        async with asyncio.timeout(30):
            while "1" not in kafka.published:  # noqa: ASYNC110 - it does not say when it changes
                await asyncio.sleep(0.001)
        before = [*told]
        database.back = True
        await change
        await stage.close(5)
        await running
        return before, len(told), database.offset

    assert asyncio.run(body()) == ([], 1, {0: 1})


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not so():  # noqa: ASYNC110 - nobody says when it changes
            await asyncio.sleep(0.001)


class Leaving(Database):
    """Answers until something is to be stored, then not before it is `back`: says nothing, or that it is away."""

    silent = tried = back = False

    async def confirm(self, claims: Sequence[Claim]) -> None:
        await self._answer()
        await super().confirm(claims)

    async def commit(self, commits: Sequence[PartitionCommit]) -> None:
        self.tried = self.tried or bool(commits)
        await self._answer()
        await super().commit(commits)

    async def _answer(self) -> None:
        if self.silent:
            await until(lambda: self.back or not self.tried)
        if self.tried and not self.back:
            raise ServiceUnavailable("PostgreSQL", "here", "away", retry_after=0.01)


@pytest.mark.parametrize("silent", [False, True])
def test_where_the_database_leaves_as_judgement_changes_folding_goes_on_as_at_any_checkpoint(
    silent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to `max_unacked_records`; judgement changes when it is back, between a checkpoint and the next record."""
    monkeypatch.setattr(stage_module, "_PATIENCE_S", 0.02)
    folded: list[int] = []
    seen: list[tuple[int, dict[int, int]]] = []

    class Watched(Listing):
        def apply(self, record: Record) -> None:
            super().apply(record)
            folded.append(record.offset)

    async def body() -> None:
        database, kafka = Leaving(0), Kafka()
        database.silent = silent
        stage = a_stage(database, kafka, [], Watched, checkpoint_interval_s=60, max_unacked_records=4)
        await stage.consume(Events((0, 0)))
        running = asyncio.create_task(stage.run())
        change = asyncio.create_task(
            stage.between_records(lambda _: seen.append((folded[-1], {**database.offset})))
        )
        await until(lambda: database.tried)
        feeding = asyncio.create_task(stage.consume(Events(*((0, offset) for offset in range(1, 6)))))
        await until(lambda: "3" in kafka.published)
        assert (folded, seen, database.offset) == ([0, 1, 2, 3], [], {})
        database.back = True
        await change
        await feeding
        await stage.close(5)
        await running
        assert database.parts == {0: ["0", "1", "2", "3", "4", "5"]}

    asyncio.run(body())
    [(newest, stored)] = seen
    assert stored == {0: newest}


def test_judgement_changes_though_the_database_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "_PATIENCE_S", 0.01)

    class Slow(Database):
        async def commit(self, commits: Sequence[PartitionCommit]) -> None:
            await asyncio.sleep(0.05)
            await super().commit(commits)

    async def body() -> None:
        changed: list[bool] = []
        stage = a_stage(Slow(0), Kafka(), [], checkpoint_interval_s=60)
        await stage.consume(Events((0, 0)))
        async with asyncio.timeout(30):
            await stage.between_records(lambda _: changed.append(True))
        assert changed == [True]

    asyncio.run(body())


@pytest.mark.parametrize("patience_s", [0.02, 60.0], ids=["next to the turn", "in its turn"])
def test_a_hand_over_while_judgement_waits_for_the_database_gives_up_what_was_to_be_stored(
    patience_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be stored when the database is back, though others may own the partition then."""
    monkeypatch.setattr(stage_module, "_PATIENCE_S", patience_s)

    async def body() -> dict[int, int]:
        database = Leaving(0)
        stage = a_stage(database, Kafka(), [], checkpoint_interval_s=60)
        await stage.consume(Events((0, 0)))
        change = asyncio.create_task(stage.between_records(lambda _: None))
        await until(lambda: database.tried)
        await stage.hand_over(0.1)
        database.back = True
        await change
        return database.offset

    assert asyncio.run(body()) == {}


def test_a_partition_that_was_given_away_while_its_claim_waited_is_not_claimed_any_more() -> None:
    """The database was away as a rebalance came. A claim would end the worker that owns the partition now."""

    class Away(Database):
        def __init__(self) -> None:
            super().__init__(0)
            self.asked, self.given_away = asyncio.Event(), asyncio.Event()

        async def claim(self, stage: str, topic: str, partition: int, **names: Any) -> Claim:
            if not self.given_away.is_set():
                self.asked.set()
                await self.given_away.wait()
                raise ServiceUnavailable("PostgreSQL", "here", "away", retry_after=0.001)
            return await super().claim(stage, topic, partition, **names)

    async def body() -> list[int]:
        database = Away()
        stage = a_stage(database, Kafka(), [])
        opening = asyncio.create_task(stage.open({0}))
        await database.asked.wait()
        await stage.hand_over(0.01)
        stage.keep_only(set())
        database.given_away.set()
        await opening
        assert not database.claimed
        await stage.open({1})
        return database.claimed

    assert asyncio.run(asyncio.wait_for(body(), 30)) == [1]


def test_a_hand_over_that_gave_up_is_no_trouble_to_the_next_one() -> None:
    under_way = asyncio.Event()

    class Away(Database):
        async def commit(self, commits: Sequence[PartitionCommit]) -> None:
            under_way.set()
            await asyncio.sleep(3600)

    async def body() -> None:
        stage = a_stage(Away(0), Kafka(), [])
        await stage.consume(Events((0, 0)))
        running = asyncio.create_task(stage.run())
        await under_way.wait()
        await stage.hand_over(0.05)
        await stage.hand_over(0.05)
        await stage.close(0.05)
        await running

    asyncio.run(asyncio.wait_for(body(), 30))


@pytest.mark.parametrize(
    ("under_way", "shown", "stored"),
    [
        ([8, 9], [[5, 6, 7, 8, 9]], ["5", "6", "7", "8", "9"]),
        ([8, 9], [[6, 7]] * 3 + [[5, 6, 7]], ["5", "6", "7"]),
        ([8, 9], [[7, 8]] * 60, ["7", "8"]),
        ([8, 9], [[8, 9]] * 60, ["8", "9"]),
    ],
    ids=["they are there", "they come late", "some are not there", "none is there"],
)
def test_records_after_the_checkpoint_are_asked_for_until_it_is_sure_that_there_are_none(
    under_way: list[int], shown: list[list[int]], stored: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Kafka's group is ahead of the database: what was under way is dropped, what comes from the seek is not."""
    monkeypatch.setattr(stage_module, "_TRY_AGAIN_S", 0.0)

    async def body() -> tuple[Database, Kafka]:
        database, kafka = Database(0, restored_at=4), Kafka()
        failed: list[Exception] = []
        stage = a_stage(database, kafka, failed)
        for offsets in (under_way, *shown):
            await stage.consume(Events(*((0, offset) for offset in offsets), consumer=kafka))
        await stage.close(5)
        assert not failed
        return database, kafka

    database, kafka = asyncio.run(body())
    assert database.parts == {0: stored}
    assert set(kafka.sought) == {5}


def test_the_next_record_is_waited_for_and_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "_LONGEST_WAIT_S", 3600.0)
    asked = 0

    class Asked(Listing):
        def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
            nonlocal asked
            asked += 1
            return super().take_outputs(at_checkpoint=at_checkpoint)

    async def body() -> None:
        database, kafka = Database(0), Kafka()
        failed: list[Exception] = []
        stage = a_stage(database, kafka, failed, Asked, checkpoint_interval_s=3600.0)
        running = asyncio.create_task(stage.run())
        async with asyncio.timeout(30):
            for offset in range(2):
                await stage.consume(Events((0, offset)))
                while str(offset) not in kafka.published:  # noqa: ASYNC110 - it does not say when it changes
                    await asyncio.sleep(0.001)
        await asyncio.sleep(0.1)  # a hundred times what it waits between publications
        assert asked <= 3
        await stage.close(5)
        async with asyncio.timeout(30):
            await running

    asyncio.run(body())


def test_a_fold_that_has_more_to_tell_is_asked_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "_LONGEST_WAIT_S", 3600.0)

    class InPortions(Listing):
        left = 3

        def has_more(self) -> bool:
            return self.left > 0

        def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
            self.left -= bool(self.new)
            return [Output("ub.any", f"{self.left} left", b"", "any", "", 0)] if self.new else []

    async def body() -> None:
        database, kafka = Database(0), Kafka()
        failed: list[Exception] = []
        stage = a_stage(database, kafka, failed, InPortions, checkpoint_interval_s=3600.0)
        running = asyncio.create_task(stage.run())
        async with asyncio.timeout(30):
            await stage.consume(Events((0, 0)))
            while "0 left" not in kafka.published:  # noqa: ASYNC110 - it does not say when it changes
                await asyncio.sleep(0.001)
        await stage.close(5)
        async with asyncio.timeout(30):
            await running

    asyncio.run(body())


def test_a_stage_that_spent_much_on_telling_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_module, "LONGEST_S", 3600.0)
    spent = 0.0

    class Dear(Listing):
        def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
            nonlocal spent
            spent += 1000.0
            return super().take_outputs(at_checkpoint=at_checkpoint)

    monkeypatch.setattr(stage_module.time, "thread_time", lambda: spent)

    async def body() -> None:
        database, kafka = Database(0), Kafka()
        failed: list[Exception] = []
        stage = a_stage(database, kafka, failed, Dear, checkpoint_interval_s=3600.0)
        running = asyncio.create_task(stage.run())
        async with asyncio.timeout(30):
            await stage.consume(Events((0, 0)))
            while "0" not in kafka.published:  # noqa: ASYNC110 - it does not say when it changes
                await asyncio.sleep(0.001)
        await stage.consume(Events((0, 1)))
        await asyncio.sleep(0.1)  # a hundred times what it waits between publications
        assert "1" not in kafka.published
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(body())


def test_a_checkpoint_is_made_though_no_record_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "_LONGEST_WAIT_S", 3600.0)

    async def body() -> Database:
        database, kafka = Database(0), Kafka()
        failed: list[Exception] = []
        stage = a_stage(database, kafka, failed, checkpoint_interval_s=0.2)
        running = asyncio.create_task(stage.run())
        async with asyncio.timeout(30):
            await stage.consume(Events((0, 0)))
            while not database.offset:  # noqa: ASYNC110 - it does not say when it changes
                await asyncio.sleep(0.001)
        await stage.close(5)
        await running
        return database

    assert asyncio.run(body()).offset == {0: 0}


def test_what_moves_while_a_checkpoint_is_told_is_told_before_its_end_and_stored_with_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stage_module, "_LONGEST_TALK_S", -1.0)  # each partition is told by itself

    class Moving(Kafka):
        """Of the first partition another record comes while its checkpoint is told."""

        stage: Stage
        moved = False

        async def publish(self, outputs: Sequence[Output]) -> None:
            await super().publish(outputs)
            if "checkpoint" in self.published and not self.moved:
                self.moved = True
                await self.stage.consume(Events((0, 1)))

    class Watching(Database):
        """Notes what was published before the first commit."""

        told: tuple[str, ...] | None = None

        async def commit(self, commits: Sequence[PartitionCommit]) -> None:
            if self.told is None:
                self.told = tuple(kafka.published)
                assert [(one.claim.partition, one.offset) for one in commits] == [(0, 0), (1, 0)]
            await super().commit(commits)

    database, kafka = Watching(0), Moving()

    async def body() -> None:
        failed: list[Exception] = []
        stage = kafka.stage = a_stage(database, kafka, failed, Telling)
        await stage.consume(Events((0, 0), (1, 0)))
        running = asyncio.create_task(stage.run())
        async with asyncio.timeout(30):
            while database.offset.get(0) != 1:  # noqa: ASYNC110 - it does not say when it changes
                await asyncio.sleep(0.001)
        await stage.close(5)
        await running
        assert failed == []

    asyncio.run(body())
    assert database.told is not None
    assert "1" in database.told
    assert database.parts == {0: ["0", "1"], 1: ["0"]}


def test_a_worker_that_slept_as_it_told_a_part_of_a_checkpoint_says_nothing_of_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stage_module, "_ASLEEP_S", 0.2)
    monkeypatch.setattr(stage_module, "_LONGEST_TALK_S", -1.0)

    class Slow(Kafka):
        """Another worker takes both partitions as the first one's checkpoint is told; a record comes all the same."""

        slept = False

        async def publish(self, outputs: Sequence[Output]) -> None:
            await super().publish(outputs)
            if "checkpoint" in self.published and not self.slept:
                self.slept = True
                database.lost = {0, 1}
                await stage.consume(Events((0, 1)))
                await asyncio.sleep(0.3)

    database, kafka = Database(0), Slow()
    failed: list[Exception] = []
    stage = a_stage(database, kafka, failed, Telling)

    async def body() -> None:
        await stage.consume(Events((0, 0), (1, 0)))
        async with asyncio.timeout(30):
            await stage.run()

    asyncio.run(body())
    assert kafka.published.count("checkpoint") == 1
    assert "1" not in kafka.published
    assert [type(error) for error in failed] == [Fenced]


def test_what_is_told_at_a_hand_over_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "_LONGEST_TALK_S", -1.0)

    class OneByOne(Listing):
        """Hands out one record at a time, as the grid does with portions of its windows."""

        def __init__(self) -> None:
            super().__init__()
            self.told: list[int] = []

        def has_more(self) -> bool:
            return bool(self.new)

        def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
            self.told, before = [*self.told, *self.new[:1]], len(self.told)
            self.new = self.new[1:]
            return [Output("ub.any", f"{offset}", b"", "any", "", 0) for offset in self.told[before:]]

        def take_changes(self) -> Changes:
            told, self.told = self.told, []
            return Changes(parts={str(offset): b"" for offset in told})

    async def body() -> tuple[Database, Kafka]:
        database, kafka = Database(0), Kafka()
        failed: list[Exception] = []
        stage = a_stage(database, kafka, failed, OneByOne)
        await stage.consume(Events((0, 0), (0, 1), (0, 2), (1, 0)))
        await stage.hand_over(5)
        return database, kafka

    database, kafka = asyncio.run(body())
    assert sorted(kafka.published) == sorted(part for parts in database.parts.values() for part in parts)


def test_of_a_partition_in_which_nothing_moves_it_is_said_now_and_then_that_somebody_looks_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    beat_s = 0.5
    monkeypatch.setattr(stage_module, "_BEAT_S", beat_s)

    class Timed(Database):
        """Knows for how long each partition that it hears of stood still."""

        def __init__(self) -> None:
            super().__init__(0)
            self.stored: dict[int, float] = {}
            self.stood: list[float] = []

        async def commit(self, commits: Sequence[PartitionCommit]) -> None:
            await super().commit(commits)
            self.stored |= {one.claim.partition: time.monotonic() for one in commits}

        async def show_life(self, claims: Sequence[Claim]) -> None:
            await super().show_life(claims)
            now = time.monotonic()
            self.stood += [now - self.stored.get(claim.partition, -math.inf) for claim in claims]

    async def body() -> Database:
        database, kafka = Timed(), Kafka()
        stage = a_stage(database, kafka, [])
        await stage.open({0, 1})
        running = asyncio.gather(stage.run(), stage.show_life())
        began, offset = time.monotonic(), 0
        while database.alive.count(0) < 2:
            await stage.consume(Events((1, offset)))
            offset += 1
            await asyncio.sleep(0.01)
        assert time.monotonic() - began > 1.8 * beat_s, "not at each checkpoint"
        assert min(database.stood) >= beat_s, "of what moves it is not said"
        await stage.close(5)
        await running
        return database

    database = asyncio.run(asyncio.wait_for(body(), 30))
    assert set(database.offset) == {1}, "what did not move is not stored: an audit waits until nothing moves"


def test_a_worker_in_which_nothing_moves_goes_on_where_the_database_takes_no_word_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A database that only reads for a while, say: nobody has anything to store meanwhile."""
    monkeypatch.setattr(stage_module, "_BEAT_S", 0.02)

    third = asyncio.Event()

    class ReadOnly(Database):
        async def show_life(self, claims: Sequence[Claim]) -> None:
            await super().show_life(claims)
            if len(self.alive) == 3:
                third.set()
            raise RuntimeError("cannot execute UPDATE in a read-only transaction")

    async def body() -> ReadOnly:
        database = ReadOnly(0)
        stage = a_stage(database, Kafka(), [])
        await stage.open({0})
        running = asyncio.gather(stage.run(), stage.show_life())
        await third.wait()
        await stage.close(5)
        await running
        return database

    assert set(asyncio.run(asyncio.wait_for(body(), 30)).alive) == {0}
