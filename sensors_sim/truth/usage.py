"""How much the bikes of each operator are used: rides begun in a day for each bike, seen in the rides themselves.

hour   |  0  |  1  |  ...  |  23 |  24 |
       ^ the first look          ^ from here on a whole day is known, and judged at the end of each hour
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

import numpy as np

from sensors_sim.batch import ON_TRIP, REMOVED, Floats, Ints
from sensors_sim.bikes import Fleet
from sensors_sim.truth.entry import Entry

HOUR_MS, HOURS = 3_600_000, 24
MARGIN = 0.02
"""A rate so near to the bound may be told as one beyond it: readings see nearly all rides, nearly at their time."""

Kind = Literal["too_few_trips", "too_many_trips"]


@dataclass(slots=True)
class Usage:
    """Looks at a fleet in every step, and says when an operator's bikes have fewer, or more, rides each in a day.

    rule    id of the rule that sets the bound, with a geography around the city; the entries are about it
    kind    what alert is due beyond the bound: fewer rides, or more
    bound   rides a bike and day
    """

    rule: str
    kind: Kind
    bound: float
    _operators: tuple[str, ...] = ()
    _left: Ints | None = None
    _now: int = 0
    _first: int = 0
    _rides: dict[int, Ints] = field(default_factory=dict)
    _bike_ms: dict[int, Floats] = field(default_factory=dict)

    def look(self, fleet: Fleet) -> None:
        """Count the rides that began since the look before, and the bikes that are in the city."""
        n = len(fleet.operators)
        if self._left is None:
            self._operators, self._first = fleet.operators, fleet.now
        else:
            began = (fleet.left != self._left) & (fleet.state == ON_TRIP)
            for hour in np.unique(fleet.left[began] // HOUR_MS).tolist():
                some = began & (fleet.left // HOUR_MS == hour)
                rides = np.bincount(fleet.operator[some], minlength=n)
                self._rides[hour] = self._rides.get(hour, np.zeros(n, np.int64)) + rides
            there = np.bincount(fleet.operator[fleet.state != REMOVED], minlength=n)
            hour = (fleet.now - 1) // HOUR_MS
            passed = there * float(fleet.now - self._now)
            self._bike_ms[hour] = self._bike_ms.get(hour, np.zeros(n)) + passed
        self._left, self._now = fleet.left.copy(), fleet.now

    def rates(self) -> Iterator[tuple[int, Floats]]:
        """Yield the end of each hour before which a whole day is known, and rides a bike in that day, by operator."""
        none = np.zeros(len(self._operators))
        for end in range(-(-self._first // HOUR_MS) + HOURS, self._now // HOUR_MS + 1):
            rides, bike_ms = (
                sum((kept.get(hour, none) for hour in range(end - HOURS, end)), none)
                for kept in (self._rides, self._bike_ms)
            )
            yield end * HOUR_MS, rides * HOURS * HOUR_MS / np.maximum(bike_ms, 1.0)

    def entries(self, end: int) -> Iterator[Entry]:
        """Yield when the rate of an operator is beyond the bound, and when it is near it.

        What is not over is due until `end`, if that is an hour at the least, else only tolerated.
        """
        rates = list(self.rates())
        for number, operator in enumerate(self._operators):
            of_it = [(at, float(rate[number])) for at, rate in rates]
            for near, episode in groupby(of_it, lambda one: self._beyond(one[1]) > -MARGIN):
                if near:
                    yield from self._episode(operator, list(episode), end)

    def _episode(self, operator: str, hours: list[tuple[int, float]], end: int) -> Iterator[Entry]:
        subject, over = f"{self.rule}/{operator}", hours[-1][0] + HOUR_MS
        until = min(over, end)
        due = [at for at, rate in hours if self._beyond(rate) > MARGIN]
        worst = max((rate for _, rate in hours), key=self._beyond)
        reached, bound = ("up", "allowed") if self.kind == "too_many_trips" else ("down", "asked for")
        why = f"{reached} to {worst:.2f} rides a bike and day of {operator}; {self.bound:g} are {bound}"
        if due and until - due[0] >= HOUR_MS:
            yield Entry("due", self.kind, "bikes", (), due[0], until, why, subject)
        # begins before the hour is over, so that it is there in a run that ends with it
        yield Entry("may", self.kind, "bikes", (), hours[0][0] - HOUR_MS // 2, over, why, subject)

    def _beyond(self, rate: float) -> float:
        """Return by how much a rate is beyond the bound, as a share of it; negative within it."""
        more = rate / self.bound - 1.0
        return more if self.kind == "too_many_trips" else -more
