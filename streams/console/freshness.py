"""How old the view is: fresh, or stale since when and why; and since when no worker wrote. Time comes in."""

from dataclasses import dataclass
from datetime import datetime

from streams.store.view_rows import Stored

QUIET_S = 60.0
"""Longer than a worker that lives writes nothing: one that has nothing to store says so every ten seconds."""


@dataclass(frozen=True, slots=True)
class Status:
    """`stale_since` is when the database answered last (or when the console began), None while the view is fresh.

    `stored_at` is when a worker wrote last, `quiet_s` for how many seconds none has: None while that is no trouble, or
    not known.
    """

    fresh: bool
    polled_at: datetime | None
    stale_since: datetime | None
    reason: str | None
    stored_at: datetime | None = None
    quiet_s: int | None = None

    @property
    def news(self) -> tuple[bool, datetime | None, bool]:
        """What of it is told at once where it changes."""
        return self.fresh, self.stale_since, self.quiet_s is not None


class Freshness:
    """Remembers the last answer of the database. `stale_after_s` is how old it may be; `monotonic` is in seconds."""

    def __init__(self, stale_after_s: float, began: datetime) -> None:
        self._stale_after_s = stale_after_s
        self._began = began
        self._polled_at: datetime | None = None
        self._monotonic = 0.0
        self._reason: str | None = None
        self._stored: Stored | None = None
        self._again: float | None = None
        """Since when the database answers again; None where it always did."""

    def answered(self, now: datetime, monotonic: float, stored: Stored | None = None) -> None:
        """Note that the database answered a poll that began now, and when a worker stored something last."""
        if self._polled_at is not None and monotonic - self._monotonic > self._stale_after_s:
            self._again = monotonic
        self._polled_at, self._monotonic, self._reason = now, monotonic, None
        self._stored = stored

    def failed(self, reason: str) -> None:
        """Note why it did not."""
        self._reason = reason

    def status(self, monotonic: float) -> Status:
        """Return how things are: one answer that is missing does not make the view stale, its age does."""
        stored_at = None if self._stored is None else self._stored.at
        age_s = monotonic - self._monotonic
        if self._polled_at is not None and age_s <= self._stale_after_s:
            quiet_s = 0.0 if self._stored is None else self._stored.ago_s + age_s
            if self._again is not None and monotonic - self._again <= QUIET_S:
                quiet_s = 0.0  # while it was away no worker could write
            return Status(
                fresh=True,
                polled_at=self._polled_at,
                stale_since=None,
                reason=None,
                stored_at=stored_at,
                quiet_s=int(quiet_s) if quiet_s > QUIET_S else None,
            )
        return Status(
            fresh=False,
            polled_at=self._polled_at,
            stale_since=self._polled_at or self._began,
            reason=self._reason or "the database has not answered yet",
            stored_at=stored_at,
        )
