"""When a source last spoke: one whose time went on, and that tells later what came of it, says that it is there.

Whoever listens takes a source that says nothing for silent, and no longer waits for it. From one checkpoint to the next
it takes a second, or minutes where the machine is overloaded or the database is slow. One whose time stands still, such
as one that refuses all that it reads, is not waited for: it would hold up all others.
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
        self._wall = self._spoke = 0

    def tick(self, wall_ms: int) -> None:
        """Let wall time go on; the first time is when it begins."""
        self._wall = wall_ms
        self._spoke = self._spoke or wall_ms

    def told_all(self, reached: Reached) -> None:
        """Hear that all is told up to an event time."""
        self._told = reached
        self._spoke = self._wall

    def take_due(self, reached: Reached) -> bool:
        """Return whether a source that has come so far is to say that it is there; it does so then."""
        due = reached != self._told and self._wall - self._spoke >= self._every_ms
        if due:
            self._spoke = self._wall
        return due
