"""Messages are acknowledged in the order in which they came, as MQTT asks for (MQTT 5, section 4.6, MQTT-4.6.0-2).

Kafka confirms one partition sooner than another. ADR 0042 says what it costs to acknowledge in that order, and why a
message that Kafka does not confirm holds up the others for a moment only.
"""

from collections import deque
from itertools import filterfalse

from streams.gateway.receipt import Receipt

PATIENCE_S = 0.25
"""Longer than Kafka's partitions are apart, unless it is in trouble. A broker that gives a gateway 20,000 messages at a
time can deliver 80,000 a second, though Kafka takes nothing of one topic."""


def _is_open(receipt: Receipt) -> bool:
    return receipt.parts > 0


class InTurn:
    """The messages that are not acknowledged yet. `now` is a monotonic clock in seconds."""

    def __init__(self) -> None:
        self._waiting: deque[Receipt] = deque()
        self._complete = 0
        self._since = 0.0  # when the first was complete, or some were given

    def add(self, receipt: Receipt) -> None:
        """Take over the receipt of the newest message."""
        self._waiting.append(receipt)

    def completed(self, receipts: int) -> None:
        """Note that so many are complete."""
        self._complete += receipts

    def due(self, now: float) -> list[Receipt]:
        """Return those to acknowledge now, in order."""
        in_turn = []
        while self._waiting and not self._waiting[0].parts:
            in_turn.append(self._waiting.popleft())
        self._complete -= len(in_turn)
        if in_turn or not self._complete:
            self._since = now
        elif now - self._since >= PATIENCE_S:
            return self.all_complete(now)
        return in_turn

    def all_complete(self, now: float) -> list[Receipt]:
        """Return all that are complete, in order, also those behind one that is not."""
        complete = list(filterfalse(_is_open, self._waiting))
        self._waiting = deque(filter(_is_open, self._waiting))
        self._complete, self._since = 0, now
        return complete
