"""Whether Kafka answers. A broker that hangs refuses nothing, and aiokafka says nothing of it for 40 s."""

import logging
import time
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

SILENT_S = 10.0
"""A fetch is answered within tenths of a second, with records or without."""

TP = tuple[str, int]
"""Topic and partition."""


def state_of(consumer: Any, tp: TP) -> Any:
    """Return what an aiokafka consumer knows of a partition; None where there is nothing yet, or no more.

    Its own thread may take the partition away at any time: what it had is looked at once.
    """
    subscription = None if consumer is None else consumer._subscription.subscription
    assignment = None if subscription is None else subscription.assignment
    return None if assignment is None else assignment.state_value(tp)


def answered_at(consumer: Any, tp: TP) -> float | None:
    """Return when Kafka last answered a fetch of a partition, in seconds since the epoch; None if it never did.

    That is now while an answer waits for us: aiokafka asks for no more before we have taken it.
    """
    state = state_of(consumer, tp)
    if state is None or state.timestamp is None:
        return None
    return time.time() if tp in consumer._fetcher._records else float(state.timestamp) / 1000


class Hearing:
    """Says of partitions whether Kafka answers fetches of them; in the log, when it no longer does, and does again.

    It is asked of each partition every ten seconds. The log is told at the second look that finds the same answer too
    old: at the first one after this process stood still, or its clock was set, the newest answer seems old too, and so
    it may at the first one of a partition that was taken away and is back.

    `answered_at` gives the time of the last answer in seconds since the epoch, None where there was none yet or the
    partition is not ours.
    """

    def __init__(
        self, address: str, answered_at: Callable[[TP], float | None], clock: Callable[[], float] = time.time
    ) -> None:
        self._address = address
        self._answered_at = answered_at
        self._clock = clock
        self._late: dict[TP, float] = {}
        """When Kafka answered last, of those where that was too long ago when they were looked at last."""
        self._silent: set[TP] = set()
        """Of which nothing was heard between two looks."""

    def hears(self, tp: TP) -> bool:
        """Return whether anything that is written to the partition would be read."""
        at = self._late_since(tp)
        if at is not None and self._late.get(tp) == at:
            if not self._silent:
                log.warning(
                    "Kafka at %s has not answered for %.0f s: nothing is read until it does",
                    *(self._address, self._clock() - at),
                )
            self._silent.add(tp)
            return False
        if at is None:
            self._late.pop(tp, None)
        else:
            self._late[tp] = at
        silent = {one for one in self._silent if self._late_since(one) is not None}
        if self._silent and not silent:
            log.warning("Kafka at %s answers again", self._address)
        self._silent = silent
        return at is None and self._answered_at(tp) is not None

    def _late_since(self, tp: TP) -> float | None:
        """Return when Kafka answered last; None where that is not too long ago, or nothing is known of it."""
        at = self._answered_at(tp)
        return None if at is None or self._clock() - at < SILENT_S else at
