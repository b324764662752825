"""Ground truth as scoring needs it: which alerts are due, which are tolerated, and where silence is due."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Self

from sensors_sim.truth.entry import had_its_chance

ANY_KIND = "*"


@dataclass(frozen=True, slots=True)
class Entry:
    """One statement about alerts. Times are event times in milliseconds, both ends included.

    kind     an alert's kind, or ANY_KIND
    cells    H3 cells as hex strings, any of which will do; none means everywhere
    subject  id of a sensor or vehicle, None where the alert may be about anything there
    why      for people
    """

    kind: str
    cells: frozenset[str]
    begin: int
    end: int
    subject: str | None = None
    why: str = ""

    def about(self, kind: str, cell: str, subject: str | None) -> bool:
        """Say whether it speaks of alerts of this kind, in this cell, about this subject."""
        return (
            self.kind in (ANY_KIND, kind)
            and (not self.cells or cell in self.cells)
            and (self.subject is None or self.subject == subject)
        )


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of a scenario from `begin` to `end` (event time, milliseconds)."""

    scenario: str
    seed: int | None
    begin: int
    end: int
    due: tuple[Entry, ...]
    may: tuple[Entry, ...] = ()
    silent: tuple[Entry, ...] = ()

    @property
    def hours(self) -> float:
        """Hours of event time."""
        return (self.end - self.begin) / 3_600_000

    def only(self, kinds: Collection[str]) -> Self:
        """Return the truth about some kinds of alerts."""
        of_kinds = {*kinds, ANY_KIND}
        due, may, silent = (
            tuple(entry for entry in group if entry.kind in of_kinds)
            for group in (self.due, self.may, self.silent)
        )
        return replace(self, due=due, may=may, silent=silent)

    def holds(self, entry: Entry, ts: int) -> bool:
        """Say whether `ts` lies in the entry's time. What holds at the end holds on: things do not end there."""
        return entry.begin <= ts and (ts <= entry.end or entry.end >= self.end)

    def until(self, end: int) -> Self:
        """Return the truth about a run that ended at `end`, before its scenario did.

        What was due and had no fair chance by then is no longer asked for, only tolerated.
        """
        if end >= self.end:
            return self
        begun = [entry for entry in self.due if entry.begin <= end]
        due = [entry for entry in begun if had_its_chance(entry.begin, entry.end, end)]
        may = [entry for entry in begun if entry not in due]
        return replace(self, end=max(end, self.begin), due=tuple(due), may=(*self.may, *may))
