"""A stage with a database, a Kafka and events that are fakes; its fold lists the offsets that it met."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from streams.errors import Fenced
from streams.fold.contract import Changes, Ledger, Output, Record, Restored
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
    """Confirms everything, and says that logs are what they were, and where the group takes each partition up."""

    def __init__(self, resumes_at: int = 0) -> None:
        self._resumes_at = resumes_at
        self.published: list[str] = []
        self.sought: list[int] = []
        self.holes: set[tuple[int, int]] = set()

    async def publish(self, outputs: Sequence[Output]) -> None:
        self.published += [output.key for output in outputs]

    async def incarnation(self, topic: str) -> Incarnation:
        return Incarnation("cluster", topic)

    async def ends_at(self, topic: str, partition: int) -> int | None:
        return None

    async def begins_at(self, topic: str, partition: int) -> int:
        return 0

    def skips(self, partition: object, before: int, after: int) -> bool:
        return (before, after) in self.holes

    def resumes_at(self, partition: object) -> int:
        return self._resumes_at

    async def seek(self, partition: object, offset: int) -> None:
        self.sought.append(offset)


class Events:
    """A stream of records at these places, (partition, offset); `acked` are those that were acknowledged."""

    def __init__(
        self,
        *places: tuple[int, int],
        consumer: object = None,
        timestamp: float = 1.7e9,
        value: bytes | None = b"{}",
    ) -> None:
        self.places, self.app, self.timestamp = places, SimpleNamespace(consumer=consumer), timestamp
        self.value = value
        self.acked: list[tuple[int, int]] = []

    def noack(self) -> "Events":
        return self

    async def events(self) -> AsyncIterator[Any]:
        for partition, offset in self.places:
            message = SimpleNamespace(
                partition=partition, offset=offset, timestamp=self.timestamp, value=self.value
            )
            ack = partial(self.acked.append, (partition, offset))
            yield SimpleNamespace(message=message, ack=ack, app=self.app)


def a_stage(
    database: Database,
    kafka: Kafka,
    failed: list[Exception],
    fold: type[Listing] = Listing,
    checkpoint_interval_s: float = 0.01,
    max_unacked_records: int = 20_000,
    has_unread: Callable[[TP, int], bool] = lambda _tp, _applied: False,
    partitions: int | None = None,
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
        has_unread=has_unread,
        partitions=partitions,
    )


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not so():  # noqa: ASYNC110 - nobody says when it changes
            await asyncio.sleep(0.001)
