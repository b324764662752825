"""What a worker says while Kafka does not confirm its records: each reason once for all of its stages, and the end."""

import logging

log = logging.getLogger(__name__)


class Confirming:
    """Which stages of a worker wait for Kafka's confirmation, after a try that failed."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._waiting: set[str] = set()
        self._said: set[str] = set()
        """Why, of all that failed since all was well."""

    def failed(self, stage: str, why: str) -> None:
        """Take note of a try of a stage that failed; it tries again."""
        self._waiting.add(stage)
        if why not in self._said:
            self._said.add(why)
            log.warning("Kafka at %s did not confirm (%s); trying again until it does", self._address, why)

    def given_up(self, stage: str) -> None:
        """Take note that a stage tries no more: what it has to say, the next owner of its partitions says."""
        self._waiting.discard(stage)

    def confirmed(self, stage: str) -> None:
        """Take note that Kafka has confirmed all that a stage had to say."""
        self._waiting.discard(stage)
        if self._said and not self._waiting:
            self._said.clear()
            log.warning("Kafka at %s confirms again", self._address)
