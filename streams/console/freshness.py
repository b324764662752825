"""How old the view is: fresh, or stale since when and why; and what workers leave alone, since when. Time comes in."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from streams.store.attendance import QUIET_S, Seen, alone, sentence
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


_ANY = "any"
"""Stands for all stages together."""


class Freshness:
    """Remembers the last answer of the database; `monotonic` is in seconds.

    `stale_after_s` is how old it may be, and twice as long as it took more: the pause after it, and the next one.
    """

    def __init__(self, stale_after_s: float, began: datetime) -> None:
        self._stale_after_s = self._good_for_s = stale_after_s
        self._began = began
        self._polled_at: datetime | None = None
        self._monotonic = math.inf
        """When the last poll that was answered began; before any was, the first one that failed."""
        self._reason: str | None = None
        self._stored: Stored | None = None
        self._idle_s = 0.0
        self._stages: Sequence[Seen] = ()
        self._excused: dict[str, tuple[datetime, float]] = {}
        """By stage: when it was looked after last, and how many seconds since are nobody's fault."""

    def answered(
        self,
        now: datetime,
        monotonic: float,
        stored: Stored | None = None,
        stages: Sequence[Seen] = (),
        took_s: float = 0.0,
    ) -> None:
        """Note that the database answered a poll that began now, and when workers stored and looked after what last."""
        away_s = max(0.0, monotonic - self._monotonic - self._good_for_s)
        self._good_for_s = self._stale_after_s + 2 * took_s
        self._polled_at, self._monotonic, self._reason = now, monotonic, None
        self._stored = stored
        self._idle_s = 0.0 if stored is None else self._faulty_s(_ANY, stored.at, stored.ago_s, away_s)
        self._stages = [
            replace(one, ago_s=self._faulty_s(one.stage, one.at, one.ago_s, away_s)) for one in stages
        ]

    def failed(self, reason: str, monotonic: float) -> None:
        """Note why it did not answer one that began then."""
        self._reason = reason
        if self._polled_at is None:
            self._monotonic = min(self._monotonic, monotonic)

    def status(self, monotonic: float) -> Status:
        """Return how things are: one answer that is missing does not make the view stale, its age does."""
        stored_at = None if self._stored is None else self._stored.at
        age_s = monotonic - self._monotonic
        if self._polled_at is not None and age_s <= self._good_for_s:
            quiet = self._stored is not None and self._idle_s + age_s > QUIET_S
            left = [] if quiet else alone(self._stages, age_s)
            return Status(
                fresh=True,
                polled_at=self._polled_at,
                stale_since=None,
                reason=sentence(left) if left else None,
                stored_at=stored_at,
                quiet_s=int(self._stored.ago_s + age_s) if self._stored and quiet else None,
                unattended=tuple(one.stage for one in left),
            )
        return Status(
            fresh=False,
            polled_at=self._polled_at,
            stale_since=self._polled_at or self._began,
            reason=self._reason or self._why(age_s),
            stored_at=stored_at,
        )

    def _faulty_s(self, stage: str, at: datetime, ago_s: float, away_s: float) -> float:
        """Return for how long nothing came of a stage though it could.

        While the database was away no worker could write, and then it takes them as long again to come back: whoever
        waits asks less and less often. A whole minute for each stall would hide for hours that there are no workers.
        """
        since, excused_s = self._excused.get(stage, (at, 0.0))
        excused_s = min(ago_s, 2 * away_s + (excused_s if since == at else 0.0))
        self._excused[stage] = at, excused_s
        return ago_s - excused_s

    def _why(self, age_s: float) -> str:
        """Return what is known where no question failed: as after a stall of this process, which asked none."""
        if self._polled_at is None:
            return "the database has not answered yet"
        return (
            f"the newest answer of the database is {int(age_s)} s old, though no question to it failed since: "
            "either it is slow, or the console itself stood still"
        )
