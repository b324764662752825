"""When a source last spoke: one that has folded records and tells what came of them later says that it is there.

Whoever listens takes a source that says nothing for silent, and no longer waits for it. From one checkpoint to the next
it takes a second, or minutes where the machine is overloaded or the database is slow.
"""

EVERY_MS = 2_500
"""Half of what UB_IDLE_TIMEOUT_S is by default."""


class Presence:
    """Whether a source owes a word. Milliseconds of wall time, offsets of its log."""

    def __init__(self, every_ms: int, told: int) -> None:
        """`told` is the offset up to which all was told."""
        self._every_ms = every_ms
        self._told = told
        self._wall = self._spoke = 0

    def tick(self, wall_ms: int) -> None:
        """Let wall time go on; the first time is when it begins."""
        self._wall = wall_ms
        self._spoke = self._spoke or wall_ms

    def told_all(self, offset: int) -> None:
        """Hear that all up to an offset is told."""
        self._told = offset
        self._spoke = self._wall

    def take_due(self, offset: int) -> bool:
        """Return whether a source that has come to `offset` is to say that it is there; it does so then."""
        due = offset > self._told and self._wall - self._spoke >= self._every_ms
        if due:
            self._spoke = self._wall
        return due
