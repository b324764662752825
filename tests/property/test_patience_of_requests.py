"""How long a feed of requests may be silent, against sorted lists of its gaps: no histogram, no halving.

A histogram knows a gap to half an octave: a patience lies between what the lists say and sqrt(2) times as much.
"""

import bisect
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from tests.unit.incidents.health.citizens import Hotline

STEP, A_DAY = 5, 24 * 60
DAYS = (4, 10, 20, 27)
"""After 28 days of a gap every five minutes the feed begins to forget, and the lists do not."""
LONGEST = 2**20 / 60
"""Minutes, 12 days: longer gaps count as this."""


@dataclass
class Lists:
    """All gaps between windows and all waits between deliveries, in order of size. Minutes."""

    gaps: list[int] = field(default_factory=list)
    waits: list[int] = field(default_factory=list)
    newest: int = -1
    taught: int = -1
    since: float = math.inf
    lived: float = 0
    awake: int = 0
    clock: int = 0
    told_of: int | None = None
    between: tuple[float, float] | None = None
    """The patience lies in here; None: nothing is known yet."""

    def hear(self, minutes: list[int]) -> None:
        """Windows of these minutes are delivered."""
        newer = sorted(minute for minute in set(minutes) if minute > self.newest)
        taught = [self.taught] if self.taught >= 0 else newer[:1]
        for minute in newer:
            if minute // STEP > taught[-1] // STEP:
                taught.append(minute)
        if len(taught) > 1:
            for before, after in itertools.pairwise(taught):
                bisect.insort(self.gaps, after - before)
            if self.awake:
                bisect.insort(self.waits, max(self.clock - self.awake, 0))
            self.lived = self.clock
            self.between = self._patience()
        if newer:
            self.taught, self.newest = taught[-1], newer[-1]
            self.awake = max(self.awake, self.newest + 1, self.clock)

    def _patience(self) -> tuple[float, float] | None:
        known = self.lived - self.since
        if known < 30 * 60 or len(self.gaps) < 30:
            return None
        shortest, longest = 10.0, 10.0
        for some in filter(None, (self.gaps, self.waits)):
            often = max(2, math.ceil(len(some) / 4_096))
            rules = [
                (5, some[(len(some) - 1) // 2]),
                (2, some[-often] if often <= len(some) else 0),
                (4, some[-1] if known < 14 * A_DAY else 0),
            ]
            for times, gap in rules:
                shortest = max(shortest, times * min(gap, LONGEST))
                longest = max(longest, times * min(max(gap, 1 / 60) * math.sqrt(2), LONGEST) + 0.01)
        return shortest, longest

    def look(self, clock: int) -> set[str]:
        """Let the clock go on; returns what may become of the alert now ("": nothing)."""
        before, self.clock = self.clock, clock
        if self.newest < 0:
            return {""}
        if self.since == math.inf:
            self.since = self.lived = clock
        stride = clock - max(before, self.since)
        if self.told_of is not None:
            return {"cleared"} if self.newest > self.told_of else {""}
        if stride > STEP:  # by more than half of any patience
            self.awake, self.taught = clock, max(self.taught, clock)
            self.since, self.lived = self.since + stride, self.lived + stride
            return {""}
        shortest, longest = self.between or (math.inf, math.inf)
        silent = clock - self.awake
        return {name for name, may in (("raised", silent > shortest), ("", silent <= longest)) if may}

    def tell(self, what: str) -> None:
        """Hear what became of the alert."""
        if what:
            self.told_of = self.newest if what == "raised" else None


def stories(rng: np.random.Generator) -> Iterator[tuple[int, list[int]]]:
    """Yield what is delivered by when: nights, weekends, bursts, outages, what is late, and what comes twice."""
    by_day = rng.choice([60, 20, 6, 1.5, 0.4])
    by_night, at_weekends = by_day * rng.choice([0, 0.05, 0.3, 1]), rng.choice([0, 0.2, 1])
    every, late, twice = rng.choice([1, 1, 1, 12, 288]), rng.choice([0, 0.1]), rng.choice([0, 0.1])
    waiting, dead_until, is_lost, before = list[int](), 0, False, list[int]()
    minute, end = 0, int(rng.choice(DAYS)) * A_DAY
    while minute < end:
        hour, is_weekend = minute % A_DAY // 60, minute // A_DAY % 7 >= 5
        rate = (by_day if 7 <= hour < 23 else by_night) * (at_weekends if is_weekend else 1)
        burst = rng.random() < 1 / 2_000
        heard = [
            at for at in range(minute, minute + STEP) if burst or rng.random() < 1 - math.exp(-rate / 60)
        ]
        if rng.random() < 1 / 2_000:
            dead_until, is_lost = minute + int(rng.choice([60, 300, 1_000, 2_000])), bool(rng.integers(2))
        waiting += [] if is_lost and minute < dead_until else heard
        minute += STEP
        heard = []
        if minute >= dead_until and minute // STEP % every == 0:
            heard, waiting = waiting, []
        if rng.random() < late:
            heard = [*heard, max(minute - int(rng.integers(STEP, 400)), 0)]
        if rng.random() < twice:
            heard = [*before, *heard]
        before = heard or before
        yield minute, sorted(set(heard))
        if rng.random() < 1 / 4_000:  # nobody at all is heard for weeks
            leap = int(rng.integers(245, 255)) * A_DAY // 10
            minute, end = minute + leap, end + leap
            yield minute, []


@pytest.mark.parametrize("seed", range(40))
def test_silence_is_told_when_it_lasts_longer_than_gaps_and_waits_make_usual(seed: int) -> None:
    hotline, lists = Hotline(), Lists()
    for clock, heard in stories(np.random.default_rng(seed)):
        if heard:
            hotline.hear(*heard)
            lists.hear(heard)
        found = "".join(event.action for event in hotline.clock(clock))
        assert found in lists.look(clock), (clock, lists.clock - lists.awake, lists.between)
        lists.tell(found)
