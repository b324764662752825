"""How old the view is: fresh, or stale since when and why; and what workers leave alone, since when. Time comes in."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from streams.store.attendance import ALONE_S, QUIET_S, Seen, alone, sentence
from streams.store.view_rows import Stored


@dataclass(frozen=True, slots=True)
class Status:
    """`stale_since` is when the database answered last (or when the console began), None while the view is fresh.

    `stored_at` is when a worker wrote last, `quiet_s` for how many seconds none has: None while that is no trouble, or
    not known. `unattended` are the stages that nobody looks after while others write. `reason` says why the view is
    stale, or these stages stand still.
    """

    fresh: bool
    polled_at: datetime | None
    stale_since: datetime | None
    reason: str | None
    stored_at: datetime | None = None
    quiet_s: int | None = None
    unattended: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """The whole of it in a word."""
        if not self.fresh:
            return "stale"
        return "quiet" if self.quiet_s is not None else "unattended" if self.unattended else "ok"

    @property
    def news(self) -> tuple[str, datetime | None, tuple[str, ...]]:
        """What of it is told at once where it changes."""
        return self.word, self.stale_since, self.unattended


class Freshness:
    """Remembers the last answer of the database. `stale_after_s` is how old it may be; `monotonic` is in seconds."""

    def __init__(self, stale_after_s: float, began: datetime) -> None:
        self._stale_after_s = stale_after_s
        self._began = began
        self._polled_at: datetime | None = None
        self._monotonic = 0.0
        self._reason: str | None = None
        self._stored: Stored | None = None
        self._stages: Sequence[Seen] = ()
        self._again: float | None = None
        """Since when the database answers again; None where it always did."""

    def answered(
        self, now: datetime, monotonic: float, stored: Stored | None = None, stages: Sequence[Seen] = ()
    ) -> None:
        """Note that the database answered a poll that began now, and when workers stored and looked after what last."""
        if self._polled_at is not None and monotonic - self._monotonic > self._stale_after_s:
            self._again = monotonic
        self._polled_at, self._monotonic, self._reason = now, monotonic, None
        self._stored, self._stages = stored, stages

    def failed(self, reason: str) -> None:
        """Note why it did not."""
        self._reason = reason

    def status(self, monotonic: float) -> Status:
        """Return how things are: one answer that is missing does not make the view stale, its age does."""
        stored_at = None if self._stored is None else self._stored.at
        age_s = monotonic - self._monotonic
        if self._polled_at is not None and age_s <= self._stale_after_s:
            # While it was away no worker could write.
            back_s = math.inf if self._again is None else monotonic - self._again
            quiet_s = 0.0 if self._stored is None else self._stored.ago_s + age_s
            quiet = min(quiet_s, back_s) > QUIET_S
            left = alone(self._stages, age_s) if back_s > ALONE_S and not quiet else []
            return Status(
                fresh=True,
                polled_at=self._polled_at,
                stale_since=None,
                reason=sentence(left) if left else None,
                stored_at=stored_at,
                quiet_s=int(quiet_s) if quiet else None,
                unattended=tuple(one.stage for one in left),
            )
        return Status(
            fresh=False,
            polled_at=self._polled_at,
            stale_since=self._polled_at or self._began,
            reason=self._reason or self._why(age_s),
            stored_at=stored_at,
        )

    def _why(self, age_s: float) -> str:
        """Return what is known where no question failed: as after a stall of this process, which asked none."""
        if self._polled_at is None:
            return "the database has not answered yet"
        return (
            f"the newest answer of the database is {int(age_s)} s old, though no question to it failed since: "
            "either it is slow, or the console itself stood still"
        )
