"""When a source last spoke: one whose time went on, and that tells later what came of it, says that it is there.

Whoever listens takes a source that says nothing for silent, and no longer waits for it. From one checkpoint to the next
it takes a second, or minutes where the machine is overloaded or the database is slow. So does one that has a backlog
while partitions beside it are read: in a log that is read at thousands of times real time that takes seconds, in which
their time leaps by hours. One that is read and whose time stands still, such as one that refuses all that it reads, is
not waited for: it would hold up all others.
"""

from streams.fold.clock import Reached

EVERY_MS = 2_500
"""Half of what UB_IDLE_TIMEOUT_S is by default."""


class Presence:
    """Whether a source owes a word. Milliseconds of wall time."""

    def __init__(self, every_ms: int, told: Reached) -> None:
        """`told` is the event time up to which all was told."""
        self._every_ms = every_ms
        self._told = told
        self._wall = self._spoke = self._moved = 0
        self._unread = False

    def tick(self, wall_ms: int) -> None:
        """Let wall time go on; the first time is when it begins."""
        self._wall = wall_ms
        self._spoke = self._spoke or wall_ms
        self._moved = self._moved or wall_ms
        self._unread = False

    def read(self) -> None:
        """Hear that a record is folded."""
        self._moved = self._wall

    def wait_to_be_read(self) -> None:
        """Hear, after a tick, that there are records which are not folded yet."""
        self._unread = True

    def told_all(self, reached: Reached) -> None:
        """Hear that all is told up to an event time."""
        if reached != self._told:
            self._moved = self._wall
        self._told = reached
        self._spoke = self._wall

    def take_due(self, reached: Reached) -> bool:
        """Return whether a source that has come so far is to say that it is there; it does so then."""
        since = self._spoke if reached != self._told else self._moved if self._unread else self._wall
        due = self._wall - since >= self._every_ms
        if due:
            self._spoke = self._moved = self._wall
        return due
