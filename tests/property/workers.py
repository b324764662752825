"""Workers that each own some partitions of one stage, by runtime/stage.py itself: a commit holds all that one has.

owners.py looks at one partition, where a commit that is refused is the end. Here it is refused for one partition and
lost for the others too, and the worker that was refused hands over once more as it ends.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from types import SimpleNamespace
from typing import Any

from schemas import codec
from streams import topics
from streams.errors import Fenced
from streams.fold.contract import Fold, Output
from streams.runtime.incarnation import Incarnation
from streams.runtime.stage import Stage
from streams.settings import Settings
from streams.store.checkpoint import Claim, PartitionCommit
from tests.pipeline import FAR_FUTURE
from tests.property.owners import Listener, OpenFold, Row
from tests.property.road import Tables

_LONG_S = 60.0
_MOST = 4
_SETTINGS = Settings()


class Database:
    """Checkpoints by partition, each committed by the newest who claimed it."""

    def __init__(self) -> None:
        self.tables = Tables()
        self._epochs: dict[int, int] = {}

    async def claim(self, stage: str, topic: str, partition: int, **_: Any) -> Claim:
        epoch = self._epochs[partition] = self._epochs.get(partition, 0) + 1
        start = replace(self.tables.restored(f"{partition}", partition), epoch=epoch)
        return Claim(stage, topic, partition, epoch, start)

    async def commit(self, commits: Sequence[PartitionCommit]) -> None:
        await self.confirm([one.claim for one in commits])
        for one in commits:
            self.tables.commit(f"{one.claim.partition}", one.offset, one.changes)

    async def confirm(self, claims: Sequence[Claim]) -> None:
        lost = [claim.key for claim in claims if claim.epoch != self._epochs[claim.partition]]
        if lost:
            raise Fenced("another worker owns it now", lost)


class Kafka:
    """Listens to each source by itself; its logs are what they were."""

    def __init__(self, partitions: int) -> None:
        self.listeners = [Listener() for _ in range(partitions)]

    async def publish(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            if output.topic == topics.PARTIALS:
                self.listeners[codec.partial.decode(output.value).source].hear([output])

    async def incarnation(self, topic: str) -> Incarnation:
        return Incarnation("cluster", topic)

    async def ends_at(self, topic: str, partition: int) -> int | None:
        return None

    async def begins_at(self, topic: str, partition: int) -> int:
        return 0


class Events:
    """Some records of one partition, as Faust hands them out."""

    def __init__(self, partition: int, offsets: range, log: Sequence[bytes]) -> None:
        self.messages = [
            SimpleNamespace(
                partition=partition, offset=offset, timestamp=FAR_FUTURE / 1000, value=log[offset]
            )
            for offset in offsets
        ]

    def noack(self) -> "Events":
        return self

    async def events(self) -> AsyncIterator[Any]:
        for message in self.messages:
            yield SimpleNamespace(message=message, ack=lambda: None, app=None)


@dataclass(slots=True)
class Worker:
    """A stage, what it ended with, and by partition the offset that Kafka brings it next."""

    stage: Stage
    failed: list[Exception] = field(default_factory=list)
    next_: dict[int, int] = field(default_factory=dict)


class Workers:
    """All workers of a stage, the logs of its partitions, and who has claimed each of them last."""

    def __init__(self, topic: str, own: str, open_fold: OpenFold, logs: Sequence[Sequence[bytes]]) -> None:
        self.topic, self.own, self.logs = topic, own, logs
        self._open_fold = open_fold
        self.database, self.kafka = Database(), Kafka(len(logs))
        self.all: list[Worker] = []
        self.owner: dict[int, Worker] = {}

    async def come(self, partitions: set[int]) -> None:
        """Have a worker come and claim partitions; those who had them do not know yet."""

        async def open_fold(claim: Claim) -> Fold:
            partition = claim.partition
            return self._open_fold(claim.restored, self.database.tables.rows(self.own, partition))

        failed: list[Exception] = []
        stage = Stage(
            "it",
            self.topic,
            open_fold=open_fold,
            store=self.database,  # type: ignore[arg-type]
            publisher=self.kafka,  # type: ignore[arg-type]
            settings=_SETTINGS,
            logs=self.kafka,  # type: ignore[arg-type]
            fatal=failed.append,
        )
        worker = Worker(stage, failed)
        self.all.append(worker)
        await stage.open(partitions)
        for partition in partitions:
            worker.next_[partition] = self.database.tables.offsets.get(f"{partition}", -1) + 1
            self.owner[partition] = worker

    async def fold(self, worker: Worker, partition: int, most: int) -> None:
        """Have a worker meet some more of a log, if it takes part in it and goes on."""
        if partition in worker.next_ and not worker.failed:
            first = worker.next_[partition]
            worker.next_[partition] = end = min(first + most, len(self.logs[partition]))
            await worker.stage.consume(Events(partition, range(first, end), self.logs[partition]))

    async def live(self, dice: Random) -> list[dict[Row, Row]]:
        """Throw the dice for what they do; the last ones come to the ends of the logs. Returns what is held."""
        both = set(range(len(self.logs)))
        await self.come(both)
        for _ in range(dice.randint(3, 14)):
            worker = dice.choice(self.all[-2:])
            match dice.choice(("fold", "fold", "checkpoint", "checkpoint", "checkpoint", "come")):
                case "fold":
                    await self.fold(worker, dice.choice(sorted(both)), dice.randint(1, 3))
                case "checkpoint":
                    await worker.stage.hand_over(_LONG_S)
                case _ if len(self.all) < _MOST:
                    await self.fold(worker, dice.choice(sorted(both)), 1)
                    await self.come(dice.choice(({0}, {1}, {0}, {1}, both)))
                    for _ in range(dice.randint(0, 2)):  # the first is refused, one more comes as it ends
                        await worker.stage.hand_over(_LONG_S)
                case _:
                    pass
        for worker in [one for one in self.all if dice.random() < 0.5]:
            await worker.stage.hand_over(_LONG_S)
        for _ in range(4):
            left = {partition for partition in both if self.owner[partition].failed}
            if left:  # refused for the sake of another partition: somebody comes in its place
                await self.come(left)
            for partition, worker in self.owner.items():
                await self.fold(worker, partition, len(self.logs[partition]))
                await worker.stage.hand_over(_LONG_S)
        return [listener.rows() for listener in self.kafka.listeners]
