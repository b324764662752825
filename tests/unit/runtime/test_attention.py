"""Silence of others is judged by the time in which they could be heard."""

import asyncio
import time

from streams.fold.contract import Output
from streams.runtime.attention import LONGEST_S, Attention
from tests.unit.runtime.stages import Database, Events, Kafka, Listing, a_stage


def test_looks_that_follow_each_other_tell_the_time_that_passed() -> None:
    attention = Attention(100.0)
    assert [attention.wall_ms(now) for now in (100.0, 100.0004, 100.25, 101.25)] == [
        *(100_000, 100_000, 100_250, 101_250)
    ]


def test_of_a_time_in_which_the_worker_was_held_up_no_more_than_a_second_counts() -> None:
    attention = Attention(100.0)
    attention.wall_ms(100.0)
    assert attention.wall_ms(900.0) == 100_000 + round(LONGEST_S * 1000)
    assert attention.wall_ms(900.5) == 100_000 + round(LONGEST_S * 1000) + 500


def test_a_fold_does_not_take_a_stall_of_its_worker_for_silence_of_others() -> None:
    """A wide region took six seconds to tell; then all sources looked silent, though their words waited to be read."""
    walls: list[int] = []

    class Wide(Listing):
        def idle(self, wall_ms: int) -> None:
            walls.append(wall_ms)

        def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
            if len(walls) == 1:
                time.sleep(LONGEST_S + 0.5)
            return super().take_outputs(at_checkpoint=at_checkpoint)

    async def body() -> None:
        kafka, failed = Kafka(), list[Exception]()
        stage = a_stage(Database(0), kafka, failed, Wide)
        await stage.consume(Events((0, 0)))
        running = asyncio.create_task(stage.run())
        async with asyncio.timeout(30):
            while len(walls) < 2:  # noqa: ASYNC110 - it does not say when it looks
                await asyncio.sleep(0.001)
        await stage.close(5)
        await running

    asyncio.run(body())
    assert walls[1] - walls[0] <= LONGEST_S * 1000
