"""How folds judge changes between a checkpoint and the next record, and waits for no database that is away."""

import asyncio
from collections.abc import Sequence

import pytest

from streams.errors import ServiceUnavailable
from streams.fold.contract import Output, Record
from streams.runtime import stage as stage_module
from streams.store.checkpoint import Claim, PartitionCommit
from tests.unit.runtime.stages import Database, Events, Kafka, Listing, Telling, a_stage, until


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

    stage._opener.open_fold = open_fold

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


def test_between_a_hand_over_and_the_end_of_the_rebalance_nothing_is_said_and_judgement_stays() -> None:
    """What was handed over may be another worker's by then."""

    class Asked(Database):
        asked = False

        async def confirm(self, claims: Sequence[Claim]) -> None:
            self.asked = True
            await super().confirm(claims)

    async def body() -> None:
        database, kafka, changed = Asked(0), Kafka(), list[bool]()
        stage = a_stage(database, kafka, [], Telling, checkpoint_interval_s=60)
        await stage.consume(Events((0, 0), (1, 0)))
        await stage.hand_over(5)
        said = [*kafka.published]
        change = asyncio.create_task(stage.between_records(lambda _: changed.append(True)))
        await until(lambda: database.asked)
        for _ in range(100):
            await asyncio.sleep(0)
        assert (kafka.published, changed) == (said, [])
        stage.keep_only({1})
        await change
        assert changed == [True]

    asyncio.run(asyncio.wait_for(body(), 30))


def test_judgement_that_waits_for_its_turn_stays_where_a_hand_over_comes_first() -> None:
    class Slow(Kafka):
        def __init__(self) -> None:
            super().__init__()
            self.confirms = asyncio.Event()

        async def publish(self, outputs: Sequence[Output]) -> None:
            await super().publish(outputs)
            await self.confirms.wait()

    async def body() -> None:
        kafka, changed = Slow(), list[bool]()
        stage = a_stage(Database(0), kafka, [], checkpoint_interval_s=60)
        await stage.consume(Events((0, 0)))
        running = asyncio.create_task(stage.run())
        await until(lambda: kafka.published)  # it has the turn
        handing_over = asyncio.create_task(stage.hand_over(30))
        await asyncio.sleep(0)
        change = asyncio.create_task(stage.between_records(lambda _: changed.append(True)))
        for _ in range(100):
            await asyncio.sleep(0)
        kafka.confirms.set()
        await handing_over
        for _ in range(100):
            await asyncio.sleep(0)
        assert not changed
        stage.keep_only({0})
        await change
        assert changed == [True]
        await stage.close(5)
        await running

    asyncio.run(asyncio.wait_for(body(), 30))


def test_a_worker_that_ends_does_not_wait_to_change_its_judgement() -> None:
    async def body() -> None:
        changed = list[bool]()
        stage = a_stage(Database(0), Kafka(), [], checkpoint_interval_s=60)
        await stage.consume(Events((0, 0)))
        await stage.hand_over(5)
        change = asyncio.create_task(stage.between_records(lambda _: changed.append(True)))
        await asyncio.sleep(0)
        await stage.close(5)
        await change
        assert not changed

    asyncio.run(asyncio.wait_for(body(), 30))
