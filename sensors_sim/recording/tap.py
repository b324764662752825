"""Recording: from a tap to a file, until told to stop. The contract of taps, and the loop; no I/O of its own."""

from collections.abc import Callable, Sequence
from typing import Protocol

from sensors_sim.recording.record import Recorded
from sensors_sim.recording.writer import Writer

POLL_S = 0.1


class Tap(Protocol):
    """Where messages pass. `gaps` counts how often the connection was lost."""

    gaps: int

    def poll(self, timeout_s: float) -> Sequence[Recorded]:
        """Return what arrived since; waits for something for so long."""
        ...


class Arrivals:
    """The time of arrival, microseconds since the epoch: the wall clock at the start, then a clock that never steps."""

    def __init__(self, wall_ns: Callable[[], int], monotonic_ns: Callable[[], int]) -> None:
        self._monotonic_ns = monotonic_ns
        self._offset_ns = wall_ns() - monotonic_ns()

    def __call__(self) -> int:
        """Return the present time."""
        return (self._monotonic_ns() + self._offset_ns) // 1_000


def record(
    tap: Tap,
    writer: Writer,
    *,
    now: Callable[[], int],
    wanted: Callable[[str], bool],
    stopping: Callable[[], bool],
    most: int | None = None,
) -> None:
    """Write what passes and is wanted until `stopping()`, or until `most` messages are written."""
    while not stopping():
        for message in tap.poll(POLL_S):
            if wanted(message.topic):
                writer.write(message)
                if most is not None and writer.messages >= most:
                    return
        writer.tick(now())
        writer.gaps = tap.gaps
