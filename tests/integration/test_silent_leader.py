"""A consumer group on Tansu whose leader leaves while another member joins."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.brokers.silent_leader import SilentLeader

pytestmark = pytest.mark.integration

TOPIC = "things"
PARTITIONS = 3


@asynccontextmanager
async def member(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id="readers",
        enable_auto_commit=False,
        session_timeout_ms=6000,
        heartbeat_interval_ms=500,
    )
    try:
        await consumer.start()
        SilentLeader(consumer._coordinator)
        consumer.subscribe([TOPIC])
        yield consumer
    finally:
        await consumer.stop()


async def until(holds: Callable[[], bool], timeout_s: float) -> None:
    async with asyncio.timeout(timeout_s):
        while not holds():  # noqa: ASYNC110 - aiokafka does not say when it changes
            await asyncio.sleep(0.05)


def held(*members: AIOKafkaConsumer) -> int:
    return len({partition for member in members for partition in member.assignment()})


async def leave_while_another_joins(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])
    await admin.close()
    async with AsyncExitStack() as others:
        async with member(bootstrap) as leader:
            await until(lambda: held(leader) == PARTITIONS, 60)
            second = await others.enter_async_context(member(bootstrap))
            await until(lambda: held(second) > 0 and held(leader, second) == PARTITIONS, 60)
            third = await others.enter_async_context(member(bootstrap))
            # the broker knows it: a rebalance is on
            await until(lambda: third._coordinator.member_id != "", 60)
        await until(lambda: held(second) > 0 and held(third) > 0 and held(second, third) == PARTITIONS, 60)


def test_a_leader_that_leaves_during_a_rebalance_is_replaced(fresh_kafka: str) -> None:
    asyncio.run(leave_while_another_joins(fresh_kafka))
