"""Whether Kafka answers. A broker that hangs refuses nothing, and aiokafka says nothing of it for 40 s."""

import logging
import time
from collections.abc import Callable

from faust.types import TP

log = logging.getLogger(__name__)

SILENT_S = 10.0
"""A fetch is answered within tenths of a second, with records or without."""


class Hearing:
    """Says of partitions whether Kafka answers fetches of them; in the log, when it no longer does, and does again.

    It is asked of each partition every ten seconds. The log is told at the second look: at the first one after this
    process stood still, or its clock was set, the newest answer seems old too.

    `answered_at` gives the time of the last answer in seconds since the epoch, None where there was none yet or the
    partition is not ours.
    """

    def __init__(
        self, address: str, answered_at: Callable[[TP], float | None], clock: Callable[[], float] = time.time
    ) -> None:
        self._address = address
        self._answered_at = answered_at
        self._clock = clock
        self._late: set[TP] = set()
        """Of which nothing was heard when they were looked at last."""
        self._silent: set[TP] = set()
        """Of which nothing was heard twice in a row."""

    def hears(self, tp: TP) -> bool:
        """Return whether anything that is written to the partition would be read."""
        ago_s = self._ago_s(tp)
        silent = {one for one in self._silent if self._is_late(self._ago_s(one))}
        if not self._is_late(ago_s):
            self._late.discard(tp)
        elif tp in self._late:
            silent.add(tp)
        else:
            self._late.add(tp)
        if silent and not self._silent:
            log.warning(
                "Kafka at %s has not answered for %.0f s: nothing is read until it does", self._address, ago_s
            )
        elif self._silent and not silent:
            log.warning("Kafka at %s answers again", self._address)
        self._silent = silent
        return ago_s is not None and ago_s < SILENT_S

    def _is_late(self, ago_s: float | None) -> bool:
        return ago_s is not None and ago_s >= SILENT_S

    def _ago_s(self, tp: TP) -> float | None:
        """Return how long ago Kafka answered; None where it never did, or the partition is not ours any more."""
        at = self._answered_at(tp)
        return None if at is None else self._clock() - at
