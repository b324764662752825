"""When a stage tells what moved: at once, less often in a backlog, and in parts at a checkpoint."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from streams.errors import Fenced
from streams.fold.contract import Changes, Output
from streams.runtime import rest as rest_module
from streams.runtime import stage as stage_module
from streams.runtime.stage import Stage
from streams.store.checkpoint import PartitionCommit
from tests.unit.runtime.stages import Database, Events, Kafka, Listing, Telling, a_stage, until


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


class Counting(Database):
    """Counts its checkpoints, and how many are stored at a time; each takes `slow_s`."""

    def __init__(self, slow_s: float) -> None:
        super().__init__(0)
        self.slow_s = slow_s
        self.commits = self.under_way = self.most = 0

    async def commit(self, commits: Sequence[PartitionCommit]) -> None:
        self.commits += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(self.slow_s)
        self.under_way -= 1
        await super().commit(commits)


async def lives_on(database: Counting, checkpoint_interval_s: float) -> float:
    """Have a stage make a checkpoint while records come, and publish fifty times more; return the seconds it took."""
    kafka, failed, begin = Kafka(), list[Exception](), time.monotonic()  # its interval begins as it is made
    stage = a_stage(database, kafka, failed, checkpoint_interval_s=checkpoint_interval_s)
    running = asyncio.create_task(stage.run())
    async with asyncio.timeout(30):
        offset = 0
        while not database.commits or offset < 50:
            await stage.consume(Events((0, offset)))
            await until(lambda offset=offset: f"{offset}" in kafka.published)  # type: ignore[misc]
            offset += 1
    took_s = time.monotonic() - begin
    await stage.close(5)
    await running
    assert not failed
    return took_s


def test_checkpoints_are_no_more_frequent_than_asked() -> None:
    database = Counting(0.0)
    took_s = asyncio.run(lives_on(database, checkpoint_interval_s=0.05))
    assert database.commits <= took_s / 0.05 + 1  # and one at the end


def test_one_checkpoint_is_stored_at_a_time() -> None:
    """Two that wait for the database could be stored in the wrong order."""
    database = Counting(0.1)
    asyncio.run(lives_on(database, checkpoint_interval_s=0.001))
    assert database.most == 1


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


def test_the_clock_of_no_fold_runs_back_as_a_checkpoint_is_told_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stage_module, "_LONGEST_TALK_S", -1.0)
    clocks: list[list[int]] = []

    class Clocked(Listing):
        def __init__(self) -> None:
            super().__init__()
            self.clock: list[int] = []
            clocks.append(self.clock)

        def idle(self, wall_ms: int) -> None:
            self.clock.append(wall_ms)

        def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
            time.sleep(0.002)
            return super().take_outputs(at_checkpoint=at_checkpoint)

    async def body() -> None:
        database, failed = Database(0), list[Exception]()
        stage = a_stage(database, Kafka(), failed, Clocked, checkpoint_interval_s=0.001)
        await stage.consume(Events((0, 0), (1, 0), (2, 0)))
        running = asyncio.create_task(stage.run())
        async with asyncio.timeout(30):
            while len(database.offset) < 3:  # noqa: ASYNC110 - it does not say when it changes
                await asyncio.sleep(0.001)
        await stage.close(5)
        await running

    asyncio.run(body())
    assert len(clocks) == 3
    assert all(clock == sorted(clock) for clock in clocks)


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
