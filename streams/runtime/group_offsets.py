"""The offsets that Kafka keeps for our group: a hint where to read on, so nothing ends if Kafka refuses them.

What counts is the checkpoint: whoever opens a partition goes by that, and passes over what it covers (opening.py).
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from streams.said_once import SaidSeldom

log = logging.getLogger(__name__)

_AGAIN_S = 1.0


class GroupOffsets:
    """Commits them, and asks for them, where Faust would end the worker at the first refusal."""

    def __init__(self, group: str) -> None:
        self._group = group
        self._said = SaidSeldom(time.monotonic)

    async def commit(self, consumer: Any, offsets: Mapping[Any, Any]) -> bool:
        """Return whether they were committed; if not, those that follow are. `consumer`: aiokafka's."""
        try:
            await consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError):  # partitions moved meanwhile
            return False
        except KafkaError as error:
            self._say(f"cannot commit the offsets of group {self._group} to Kafka ({error})")
            return False
        return True

    async def asked[T](self, ask: Callable[[], Awaitable[T]]) -> T:
        """Return what Kafka says of them as soon as it does; no record is taken until then."""
        while True:
            try:
                return await ask()
            except IllegalStateError:  # a rebalance has begun meanwhile
                log.debug("the partitions have moved: group %s is asked again", self._group)
            except KafkaError as error:
                self._say(
                    f"Kafka does not say at which offsets group {self._group} reads on ({error}); trying again"
                )
            await asyncio.sleep(_AGAIN_S)

    def _say(self, trouble: str) -> None:
        if self._said.is_due(trouble):
            log.warning("%s", trouble)
