"""A stage between its log and its database: what a fold handed out is stored, or nothing after it is."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from streams.errors import Fenced
from streams.fold import Changes, Ledger, Output, Record, Restored
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
        return []

    def take_changes(self) -> Changes:
        met, self.new = self.new, []
        return Changes(parts={str(offset): b"" for offset in met})

    def idle(self, wall_ms: int) -> None: ...


@dataclass
class Database:
    """Checkpoints by partition; refuses the first `refusals` commits as a whole."""

    refusals: int
    offset: dict[int, int] = field(default_factory=dict)
    parts: dict[int, list[str]] = field(default_factory=dict)

    async def claim(self, stage: str, topic: str, partition: int, **_: Any) -> Claim:
        return Claim(stage, topic, partition, 1, Restored(partition, 0, -1, {}, Ledger()))

    async def commit(self, commits: Sequence[PartitionCommit]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise Fenced("another worker owns it now", [commits[0].claim.key])
        for one in commits:
            partition = one.claim.partition
            self.offset[partition] = one.offset
            self.parts.setdefault(partition, []).extend(one.changes.parts)


class Kafka:
    """Confirms everything, and says that logs are what they were."""

    async def publish(self, outputs: Sequence[Output]) -> None: ...

    async def incarnation(self, topic: str) -> Incarnation:
        return Incarnation("cluster", topic)

    async def ends_before(self, topic: str, partition: int, offset: int) -> bool:
        return False


class Events:
    """A stream of one record of each of these partitions."""

    def __init__(self, *places: tuple[int, int]) -> None:
        self.places = places

    def noack(self) -> "Events":
        return self

    async def events(self) -> AsyncIterator[Any]:
        for partition, offset in self.places:
            message = SimpleNamespace(partition=partition, offset=offset, timestamp=1.7e9, value=b"{}")
            yield SimpleNamespace(message=message, ack=lambda: None, app=None)


@pytest.mark.parametrize(
    ("refusals", "stored"), [(0, {0: ["0"], 1: ["0", "1"]}), (1, {})], ids=["stored", "another worker came"]
)
def test_after_a_commit_that_failed_nothing_is_stored_that_lacks_it(
    refusals: int, stored: dict[int, list[str]]
) -> None:
    """A zombie is fenced for one partition, and hands the others over as it ends."""

    async def body() -> Database:
        database, kafka, failed = Database(refusals), Kafka(), []

        async def open_fold(_: Claim) -> Listing:
            return Listing()

        stage = Stage(
            "sensing",
            TOPIC,
            open_fold=open_fold,
            store=database,  # type: ignore[arg-type]
            publisher=kafka,  # type: ignore[arg-type]
            settings=Settings(checkpoint_interval_s=0.01, publish_interval_ms=1),
            logs=kafka,  # type: ignore[arg-type]
            fatal=failed.append,
        )
        await stage.consume(Events((0, 0), (1, 0)))
        running = asyncio.create_task(stage.run())
        async with asyncio.timeout(5):
            while not (failed or database.offset):  # noqa: ASYNC110 - neither says when it changes
                await asyncio.sleep(0.001)
        await stage.consume(Events((1, 1)))
        await stage.close(5)
        await running
        return database

    database = asyncio.run(body())
    assert database.parts == stored
    assert database.offset == {partition: len(parts) - 1 for partition, parts in stored.items()}
