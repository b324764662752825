"""Compares each poll with the one before: finds repeats, vehicles that left, and rotating ids. Remembers two polls.

A feed may give every vehicle a new id at every poll, so nothing is remembered of an id that is not in the feed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sensors_sim.sources.contract import BadRow, Report

STALE_MS = 600_000
"""A row whose own time is so much older than its poll is counted as stale (and published)."""

QUIET_MS = 300_000
"""After so long without any news the feed seems to be away: an operator counts as silent after 10 minutes or more."""


@dataclass(frozen=True, slots=True)
class Claim[Content]:
    """What one row says: its own time (None where it names none) and everything else that would be published."""

    own: int | None
    content: Content


class Seen[Content]:
    """One feed's memory. Call `date` for each row of a poll, then `close`."""

    def __init__(self, what: str, report: Report) -> None:
        self._what = what
        self._report = report
        self._polled_at: int | None = None
        self._newest = 0
        self._before: dict[str, tuple[Claim[Content], int]] = {}
        self._now: dict[str, tuple[Claim[Content], int]] = {}
        self._new_before: set[str] = set()
        self._left: set[str] = set()
        self._earlier: tuple[int, Mapping[str, Content]] = (0, {})

    def __len__(self) -> int:
        """Return how many ids the poll before had, of the run before where there was none yet."""
        return len(self._before) or len(self._earlier[1])

    @property
    def lists_some(self) -> bool:
        """Whether any id was in the poll that is read, before `close`."""
        return bool(self._now)

    @property
    def polled_at(self) -> int | None:
        """When the newest poll was made."""
        return self._polled_at

    def said(self) -> dict[str, Content]:
        """Return what the newest poll said, by id."""
        return {id_: claim.content for id_, (claim, _) in self._before.items()}

    def recall(self, at: int, said: Mapping[str, Content]) -> None:
        """Take in what the run before heard last: who is not in the first poll left in between."""
        self._earlier = at, said

    def date(self, id_: str, claim: Claim[Content], at: int) -> int:
        """Return the time of a row of the poll made at `at`; raises BadRow where there is nothing new in it.

        The row's own time, if it names one, but never one after its poll. What is new without a newer time of its own
        has become so since: the poll dates it. So it does an id that was not in the poll before: until then the id that
        it may replace stood there, and a run before may have told of it what is newer than its own time.
        """
        if id_ in self._now:
            raise BadRow("id_twice_in_a_poll", id_)
        if id_ in self._left and at == self._polled_at:
            raise BadRow("back_at_the_time_it_left", f"{id_} at {at}")
        before, told = self._before.get(id_, (None, None))
        if before == claim and told is not None and (claim.own is not None or at == self._polled_at):
            self._now[id_] = claim, told
            raise BadRow("repeat", f"{id_} at {told}")
        ts = self._dated(id_, claim, told, at)
        self._newest = max(self._newest, ts)
        self._now[id_] = claim, ts
        return ts

    def _dated(self, id_: str, claim: Claim[Content], told: int | None, at: int) -> int:
        """Return the time of something new; `told` is when its id had its say, if it was in the poll before."""
        own = claim.own
        if own is None:
            return at
        if told is not None and own <= told:
            self._report.note("dated_by_its_poll", f"{id_}: changed, but its own time is {own}")
            return at
        if own > at:
            self._report.note("ahead_of_its_poll", f"{id_}: {(own - at) / 1000:g} s ahead, set back")
            return at
        if own < at - STALE_MS:
            self._report.note("stale", f"{id_}: {(at - own) / 1000:,.0f} s older than its poll")
        return at if told is None else own

    def close(self, at: int) -> dict[str, Claim[Content]]:
        """End the poll made at `at` and forget the one before; returns what the ids said last that left the feed."""
        figures = self._report.figures
        new = self._now.keys() - self._before.keys()
        missed = {id_: said for id_, said in self._before.items() if id_ not in self._now}
        gone = {id_: claim for id_, (claim, told) in missed.items() if told < at}
        self._now |= {id_: said for id_, said in missed.items() if id_ not in gone}  # two polls of one time
        self._left = set(gone) if at != self._polled_at else self._left | gone.keys()
        figures[f"{self._what}_ids"] += len(new)
        if at > self._earlier[0]:
            gone |= {id_: Claim(None, said) for id_, said in self._earlier[1].items() if id_ not in self._now}
            self._earlier = 0, {}
        if gone or self._polled_at is None:
            self._newest = at
        if self._polled_at is not None:
            figures[f"{self._what}_ids_gone"] += len(gone)
            figures[f"{self._what}_ids_in_one_poll_only"] += len(self._new_before - self._now.keys())
        self._polled_at, self._before, self._now, self._new_before = at, self._now, {}, new
        return gone

    def again(self, at: int) -> tuple[str, Claim[Content]] | None:
        """Return who was heard last, to be told once more at `at`, where nothing was told for QUIET_MS. After `close`.

        The poll says of everybody in it that nothing has changed; one of them is enough to say that the feed goes on.
        """
        if not self._before or at - self._newest < QUIET_MS:
            return None
        id_ = max(self._before, key=lambda id_: (self._before[id_][1], id_))
        claim, told = self._before[id_]
        self._before[id_] = claim, at
        self._newest = at
        self._report.note("told_again", f"{id_}: nothing new since {told}")
        return id_, claim
