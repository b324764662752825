"""A worker that owns many wide partitions: what they tell holds up nothing else for longer than one of them takes."""

import asyncio
import time

import pytest

from streams.fold.contract import Output
from tests.unit.runtime.stages import Database, Events, Kafka, Listing, a_stage

PARTITIONS = 5
TAKES_S = 0.06


@pytest.mark.parametrize("checkpoint_interval_s", [0.001, 3600.0], ids=["checkpoint", "look"])
def test_other_tasks_have_their_turn_between_partitions_that_take_long_to_tell(
    checkpoint_interval_s: float,
) -> None:
    turns, taken_at = 0, list[int]()

    class Wide(Listing):
        def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
            if self.new:
                taken_at.append(turns)
                time.sleep(TAKES_S)
            return super().take_outputs(at_checkpoint=at_checkpoint)

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def body() -> None:
        kafka, failed = Kafka(), list[Exception]()
        stage = a_stage(Database(0), kafka, failed, Wide, checkpoint_interval_s)
        await stage.consume(Events(*[(partition, 0) for partition in range(PARTITIONS)]))
        others, running = asyncio.create_task(turn()), asyncio.create_task(stage.run())
        async with asyncio.timeout(30):
            while len(taken_at) < PARTITIONS:  # noqa: ASYNC110 - it does not say when it looks
                await asyncio.sleep(0.001)
        others.cancel()
        await stage.close(5)
        await running

    asyncio.run(body())
    assert len(set(taken_at[:PARTITIONS])) == PARTITIONS


def test_what_is_folded_while_others_tell_belongs_to_the_next_checkpoint() -> None:
    """Offset and state of a partition are of one moment, whatever comes in between two partitions."""
    database, kafka, failed = Database(0), Kafka(), list[Exception]()

    class Wide(Listing):
        def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
            if at_checkpoint and self.new:
                time.sleep(TAKES_S)
            return super().take_outputs(at_checkpoint=at_checkpoint)

    async def body() -> None:
        stage = a_stage(database, kafka, failed, Wide)
        running = asyncio.create_task(stage.run())
        for offset in range(20):
            await stage.consume(Events(*[(partition, offset) for partition in range(PARTITIONS)]))
            await asyncio.sleep(0)
            for partition, stored in database.offset.items():
                assert database.parts[partition] == [str(number) for number in range(stored + 1)]
        await stage.close(5)
        await running

    asyncio.run(body())
    assert not failed
    assert database.offset == dict.fromkeys(range(PARTITIONS), 19)
    assert all(parts == [str(number) for number in range(20)] for parts in database.parts.values())
