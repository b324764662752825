"""The first record after a checkpoint, where the offset of Kafka's group is ahead of the checkpoint in the database.

This happens when the database was restored from a backup, or created anew. Kafka is then asked to go back. Records
that it handed out before may still arrive, and a broker may not show at once all that it has (holes.py):

    checkpoint                ahead: an offset that was handed out
    ----|-------------------------|----------> offset
        | from where we went back | may be from before: dropped

Faust passes over what lies before the newest record that it has handed out. If one was just on its way as Kafka was
asked to go back, what we asked for is passed over, up to that record, which is handed out again. So a record that was
dropped and comes again is a reason to ask again.
"""

from typing import Literal

MOST_TRIES = 50
"""How often records are asked for before a log that does not show them is taken not to have them."""

Step = Literal["fold", "drop", "ask"]


class Beginning:
    """One partition until the first record is folded."""

    def __init__(self) -> None:
        self.tries = 0
        self._ahead: int | None = None
        self._asked = False

    @property
    def went_back(self) -> bool:
        """Whether Kafka was asked to go back."""
        return self._ahead is not None

    def go_back(self, ahead: int) -> None:
        """Remember that Kafka was asked to, after an event of the offset `ahead`."""
        self._ahead = ahead

    def step(self, offset: int) -> Step:
        """Return what to do with an event that does not follow on the checkpoint: fold it, drop it, or ask again."""
        if self._ahead is not None and offset <= self._ahead:
            self.tries += 1
            return "fold" if self.tries > MOST_TRIES else "ask"
        if self._asked:
            self._ahead = offset
            return "drop"
        self._asked = True
        return "ask"
