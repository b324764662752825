"""What a worker says while Kafka does not confirm its records: each reason once for all of its stages, and the end."""

import logging
import time
from collections.abc import Callable

from streams.said_once import SaidSeldom

log = logging.getLogger(__name__)


class Confirming:
    """Which stages of a worker wait for Kafka's confirmation, after a try that failed.

    A Kafka that confirms in between is not told of each time, but once a minute.
    """

    def __init__(self, address: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._address = address
        self._waiting: set[str] = set()
        self._reasons: set[str] = set()
        """Why, of all that failed since all was well."""
        self._seldom = SaidSeldom(clock)
        self._said = False

    def failed(self, stage: str, why: str) -> None:
        """Take note of a try of a stage that failed; it tries again."""
        self._waiting.add(stage)
        if why not in self._reasons and self._seldom.is_due(why):
            self._said = True
            log.warning("Kafka at %s did not confirm (%s); trying again until it does", self._address, why)
        self._reasons.add(why)

    def given_up(self, stage: str) -> None:
        """Take note that a stage tries no more: what it has to say, the next owner of its partitions says."""
        self._waiting.discard(stage)

    def confirmed(self, stage: str) -> None:
        """Take note that Kafka has confirmed all that a stage had to say."""
        self._waiting.discard(stage)
        if self._waiting:
            return
        self._reasons.clear()
        if self._said:
            self._said = False
            log.warning("Kafka at %s confirms again", self._address)
