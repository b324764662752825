"""Whether Kafka answers. A broker that hangs refuses nothing, and aiokafka says nothing of it for 40 s."""

import logging
import math
import time
from collections.abc import Callable

from faust.types import TP

log = logging.getLogger(__name__)

SILENT_S = 15.0
"""A fetch is answered within tenths of a second, with records or without."""


class Hearing:
    """Says of partitions whether Kafka answers fetches of them; in the log, when it no longer does, and does again.

    `answered_at` gives the time of the last answer in seconds since the epoch, None where there was none yet or the
    partition is not ours.
    """

    def __init__(
        self, address: str, answered_at: Callable[[TP], float | None], clock: Callable[[], float] = time.time
    ) -> None:
        self._address = address
        self._answered_at = answered_at
        self._clock = clock
        self._silent: set[TP] = set()

    def hears(self, tp: TP) -> bool:
        """Return whether anything that is written to the partition would be read."""
        silent = {one for one in (*self._silent, tp) if SILENT_S <= self._ago_s(one) < math.inf}
        if silent and not self._silent:
            log.warning(
                "Kafka at %s has not answered for %g s: nothing is read until it does",
                self._address,
                SILENT_S,
            )
        elif self._silent and not silent:
            log.warning("Kafka at %s answers again", self._address)
        self._silent = silent
        return self._ago_s(tp) < SILENT_S

    def _ago_s(self, tp: TP) -> float:
        """Return how long ago Kafka answered; infinity where it never did, or the partition is not ours any more."""
        at = self._answered_at(tp)
        return math.inf if at is None else self._clock() - at
