"""The consumer's thread after a crash: it ends by itself before anybody asks it to."""

import asyncio

from mode.utils.locks import Event

from streams.runtime.driver import FetchWaitConsumerThread


def test_a_thread_that_ended_by_itself_is_stopped_without_an_error() -> None:
    """It was a traceback, `Event loop is closed`, below the line that says why the worker ends."""
    thread = object.__new__(FetchWaitConsumerThread)
    thread.thread_loop = loop = asyncio.new_event_loop()
    thread._stopped = Event(loop=loop)
    loop.close()
    thread._stopped_set()
    assert thread._stopped.is_set()
