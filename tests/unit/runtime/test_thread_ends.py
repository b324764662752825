"""The end of what Faust runs for us: after a crash, and while Kafka is away."""

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError
from faust.transport.drivers import aiokafka as faust_driver
from mode.utils.locks import Event

from streams.runtime import driver
from streams.runtime.driver import FetchWaitConsumerThread


def test_a_thread_that_ended_by_itself_is_stopped_without_an_error() -> None:
    """It was a traceback, `Event loop is closed`, below the line that says why the worker ends."""
    thread = object.__new__(FetchWaitConsumerThread)
    thread.thread_loop = loop = asyncio.new_event_loop()
    thread._stopped = Event(loop=loop)
    loop.close()
    thread._stopped_set()
    assert thread._stopped.is_set()


def test_the_end_waits_for_no_kafka_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """aiokafka flushes until all is sent, and stops once it is in its group: the supervisor had to kill the worker."""
    monkeypatch.setattr(driver, "_STOP_S", 0.01)

    async def for_good(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(faust_driver.Producer, "flush", for_good)
    monkeypatch.setattr(faust_driver.Producer, "on_stop", for_good)
    monkeypatch.setattr(faust_driver.AIOKafkaConsumerThread, "on_thread_stop", for_good)
    monkeypatch.setattr(faust_driver.Consumer, "commit_and_end_transactions", for_good)

    async def end() -> None:
        producer, thread = object.__new__(driver.BriefProducer), object.__new__(FetchWaitConsumerThread)
        thread.thread_loop = asyncio.get_running_loop()
        for work in (
            producer.flush(),
            producer.on_stop(),
            thread.on_thread_stop(),
            object.__new__(driver.FetchWaitConsumer).commit_and_end_transactions(),
        ):
            await asyncio.wait_for(work, 30)

    asyncio.run(end())


def test_what_fails_at_the_end_because_it_is_cut_short_fails_nobody() -> None:
    async def cancelled_by_its_own() -> None:
        raise asyncio.CancelledError

    async def refused() -> None:
        raise KafkaConnectionError("closed")

    async def end() -> None:
        await driver._briefly(cancelled_by_its_own())
        await driver._briefly(refused())

    asyncio.run(end())
