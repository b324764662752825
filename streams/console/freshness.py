"""How old the view is: fresh, or stale since when and why. Time comes in."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Status:
    """`stale_since` is when the database answered last (or when the console began), None while the view is fresh."""

    fresh: bool
    polled_at: datetime | None
    stale_since: datetime | None
    reason: str | None


class Freshness:
    """Remembers the last answer of the database. `stale_after_s` is how old it may be; `monotonic` is in seconds."""

    def __init__(self, stale_after_s: float, began: datetime) -> None:
        self._stale_after_s = stale_after_s
        self._began = began
        self._polled_at: datetime | None = None
        self._monotonic = 0.0
        self._reason: str | None = None

    def answered(self, now: datetime, monotonic: float) -> None:
        """Note that the database answered a poll that began now."""
        self._polled_at, self._monotonic, self._reason = now, monotonic, None

    def failed(self, reason: str) -> None:
        """Note why it did not."""
        self._reason = reason

    def status(self, monotonic: float) -> Status:
        """Return how things are: one answer that is missing does not make the view stale, its age does."""
        if self._polled_at is not None and monotonic - self._monotonic <= self._stale_after_s:
            return Status(fresh=True, polled_at=self._polled_at, stale_since=None, reason=None)
        return Status(
            fresh=False,
            polled_at=self._polled_at,
            stale_since=self._polled_at or self._began,
            reason=self._reason or "the database has not answered yet",
        )
