"""A request to stop, by SIGINT or SIGTERM: the first asks, the second insists."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType

DRAIN_S = 10.0
"""After a request to stop, acknowledgements are waited for this long."""


class Stop:
    """Set from a signal handler, so it takes no lock."""

    def __init__(self) -> None:
        self.requests = 0
        self.at = float("inf")

    def request(self, _signum: int = 0, _frame: FrameType | None = None) -> None:
        """Ask to stop."""
        self.requests += 1
        self.at = min(self.at, monotonic())

    def requested(self) -> bool:
        """Say whether to stop sending."""
        return self.requests > 0

    def expired(self) -> bool:
        """Say whether to stop waiting for acknowledgements, too."""
        return self.requests > 1 or monotonic() > self.at + DRAIN_S


@contextmanager
def on_signals(stop: Stop | None = None) -> Iterator[Stop]:
    """Turn SIGINT and SIGTERM into a request to stop while the block runs (main thread only)."""
    stop = stop or Stop()
    before = {number: signal.signal(number, stop.request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
