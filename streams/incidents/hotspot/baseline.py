"""How many requests of one category are to be expected where: a gamma-Poisson model of each cell.

A cell's rate has a gamma prior whose mean is that of all cells of the region, and whose shape is `SHAPE`: the fewer the
data, the wider what is expected (D. B. Neill, A. W. Moore, G. F. Cooper: A Bayesian spatial scan statistic, NIPS 2005).
Counts and time fade alike, with `MEMORY_H`. Time is measured in hours of a mean day: an hour in which people call twice
as often as on average counts twice.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

HOUR_MS = 3_600_000
DAY_H = 24
MEMORY_H = 60.0 * DAY_H
SHAPE = 0.5
LEAST_CELLS = 100
"""A region is held to have so many cells, however few were heard of."""
NEWS = 2.0
"""Requests of a category that was never heard of before, in a first day."""
FLAT = 200.0
"""Requests that a flat day is worth beside those counted by hour."""
FORGOTTEN = 0.02


class Day(msgspec.Struct, array_like=True):
    """When people of a region call: requests by the hour of the day (UTC), of all categories, and since when."""

    since: int
    hours: list[float]

    def weight(self, at_ms: int) -> float:
        """Return how many hours of a mean day an hour at that time is worth."""
        hour = at_ms // HOUR_MS % DAY_H
        return (self.hours[hour] * DAY_H + FLAT) / (sum(self.hours) + FLAT)

    def exposure(self, begin: int, end: int) -> float:
        """Return the hours of a mean day between two times."""
        total, at = 0.0, begin
        while at < end:
            until = min(end, (at // HOUR_MS + 1) * HOUR_MS)
            total += self.weight(at) * (until - at) / HOUR_MS
            at = until
        return total

    def known_h(self, at_ms: int) -> float:
        """Return the hours that were learnt from, faded."""
        return MEMORY_H * -math.expm1(-max(0, at_ms - self.since) / HOUR_MS / MEMORY_H)


@dataclass(frozen=True, slots=True)
class Expected:
    """Mean and variance of a count."""

    mean: float
    variance: float


class Rates(msgspec.Struct, array_like=True):
    """Requests of one category that were learnt, by cell, and in all; faded up to `at`."""

    at: int
    total: float
    cells: dict[str, float]

    def fade(self, at_ms: int) -> None:
        """Let what was learnt grow older; what has as good as gone is forgotten."""
        if at_ms <= self.at:
            return
        left = math.exp((self.at - at_ms) / HOUR_MS / MEMORY_H)
        self.at, self.total = at_ms, self.total * left
        for cell, count in list(self.cells.items()):
            if count * left < FORGOTTEN:
                del self.cells[cell]
            else:
                self.cells[cell] = count * left

    def expected(self, zone: Iterable[str], hours: float, known_h: float, cells: int) -> Expected:
        """Return what is expected in a zone within so many hours of a mean day, in a region of so many cells."""
        usual = (self.total + NEWS) / ((known_h + DAY_H) * max(cells, LEAST_CELLS))
        per_hour = known_h + SHAPE / usual
        shape = sum(self.cells.get(cell, 0.0) + SHAPE for cell in zone)
        mean = shape * hours / per_hour
        return Expected(mean, mean + mean * hours / per_hour)

    def learn(self, cell: str) -> None:
        """Take in that a cell had requests."""
        self.cells[cell] = self.cells.get(cell, 0.0) + 1
        self.total += 1
