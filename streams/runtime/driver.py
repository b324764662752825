"""Faust's Kafka driver with a shorter fetch wait.

Faust 0.15 asks the broker to hold a fetch for up to 1,500 ms, hard-coded. Kafka answers as soon as data
arrives; Tansu answers only at the end of the wait, which would cost a second and a half at every hop.
The wait is an attribute of the consumer's fetcher options, so a subclass may set it.
"""

from typing import Any, ClassVar, cast

import aiokafka
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

FETCH_WAIT_MS = 20


class FetchWaitConsumerThread(driver.AIOKafkaConsumerThread):
    """Makes the aiokafka consumer with our fetch wait."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = cast(FetchWaitTransport, self.transport).fetch_wait_ms
        return consumer


class FetchWaitConsumer(driver.Consumer):
    """A Faust consumer on such a thread."""

    def resumes_at(self, tp: TP) -> int:
        """Return the offset at which the group took the partition up after the last rebalance; 0 if it had none."""
        return self._committed_offset[tp] or 0

    def _new_consumer_thread(self) -> FetchWaitConsumerThread:
        return FetchWaitConsumerThread(self, loop=self.loop, beacon=self.beacon)


class FetchWaitTransport(driver.Transport):
    """A Faust transport whose consumers wait `fetch_wait_ms` for data."""

    Consumer: ClassVar[type] = FetchWaitConsumer
    fetch_wait_ms: int = FETCH_WAIT_MS
