"""Decides when to say that a service is away and when that it is back: once each. Pure."""

from typing import Literal


class Outage:
    """Watches whether what waits makes progress; `now` is a monotonic clock in seconds."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._waiting_since: float | None = None
        self._said = False

    @property
    def lasts(self) -> bool:
        """Whether it was told that it began, and not that it ended."""
        return self._said

    def observe(self, *, waiting: bool, progress: bool, now: float) -> Literal["began", "ended"] | None:
        """Tell what was seen since the last call; return what is worth a log line.

        `waiting`: something waits for the service. `progress`: the service confirmed something.
        """
        if progress or not waiting:
            self._waiting_since = now if waiting else None
            if self._said and progress:
                self._said = False
                return "ended"
            return None
        if self._waiting_since is None:
            self._waiting_since = now
        elif not self._said and now - self._waiting_since >= self._patience_s:
            self._said = True
            return "began"
        return None
