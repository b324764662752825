"""How many requests of one category are to be expected where: a gamma-Poisson model of each cell.

A cell's rate has a gamma prior whose mean is that of all cells of the region, and whose shape is `SHAPE`: the fewer the
data, the wider what is expected (D. B. Neill, A. W. Moore, G. F. Cooper: A Bayesian spatial scan statistic, NIPS 2005).
Counts and time fade alike, with `MEMORY_H`. Time is measured in hours of a mean day: an hour in which people call twice
as often as on average counts twice.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from streams.incidents.mds.hours import shown_ms

HOUR_MS = 3_600_000
DAY_H = 24
DAY_MS = DAY_H * HOUR_MS
MEMORY_H = 60.0 * DAY_H
SHAPE = 0.5
LEAST_CELLS = 100
"""A region is held to have so many cells, however few were heard of."""
NEWS = 2.0
"""Requests of a category that was never heard of before, in a first day."""
FLAT = 200.0
"""Requests that a flat day is worth beside those counted by hour."""
FORGOTTEN = 0.02
MISSED = 20.0
"""Requests that so long a silence would have had: calm does not last that long by chance, an outage does."""


class Day(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """When people of a region call: requests by the hour of the day, of all categories, and since when.

    People live by the clock: hours are those that the clocks of `zone` show.
    """

    since: int
    hours: list[float]
    zone: str = "UTC"

    @property
    def clocks(self) -> tzinfo:
        """Return the time zone of the hours."""
        return ZoneInfo(self.zone)

    def turn(self, zone: str, at_ms: int) -> None:
        """Go on by other clocks: what was counted by those before is turned by what lies between the two at a time."""
        if zone == self.zone:
            return
        try:
            shift = (shown_ms(at_ms, ZoneInfo(zone)) - shown_ms(at_ms, self.clocks)) % DAY_MS
        except ZoneInfoNotFoundError:  # of another machine
            shift = 0
        whole, rest = divmod(shift, HOUR_MS)
        turned, later = [0.0] * DAY_H, rest / HOUR_MS
        for hour, count in enumerate(self.hours):
            turned[(hour + whole) % DAY_H] += count * (1 - later)
            turned[(hour + whole + 1) % DAY_H] += count * later
        self.hours, self.zone = turned, zone

    def weights(self, at_ms: int) -> list[float]:
        """Return how many hours of a mean day an hour is worth, by the hour of the day, as far as was heard until then.

        What is compared are requests an hour that was lived through: on a first day half of the hours were not. Such
        an hour is worth as much as the others on average.
        """
        since, at = (shown_ms(one, self.clocks) for one in (self.since, at_ms))
        days, rest = divmod(max(1, at - since), DAY_MS)
        mean = sum(self.hours) / ((days * DAY_MS + rest) / HOUR_MS)
        if not mean:
            return [1.0] * DAY_H
        flat = FLAT / DAY_H / mean
        lived = (days + _shared((hour * HOUR_MS - since) % DAY_MS, rest) for hour in range(DAY_H))
        rates = [(count + flat * mean) / (n + flat) for count, n in zip(self.hours, lived, strict=True)]
        return [rate * DAY_H / sum(rates) for rate in rates]

    def outage_ms(self, begin: int, end: int) -> int:
        """Return how much of a time without any request was an outage: whole days of it, or nothing."""
        days = (end - begin) // DAY_MS
        lived = max(7 * DAY_MS, begin - self.since)  # of less nothing follows
        return days * DAY_MS if days > 0 and sum(self.hours) / lived * days * DAY_MS >= MISSED else 0

    def known_h(self, at_ms: int) -> float:
        """Return the hours that were learnt from, faded."""
        return MEMORY_H * -math.expm1(-max(0, at_ms - self.since) / HOUR_MS / MEMORY_H)


def _shared(begin: int, rest: int) -> float:
    """Return how much of an hour that begins then lies between 0 and `rest`, in a day that begins anew at its end."""
    before_the_end = min(max(rest - begin, 0), HOUR_MS)
    after_it = max(min(begin + HOUR_MS - DAY_MS, rest), 0)
    return (before_the_end + after_it) / HOUR_MS


def exposure(weights: Sequence[float], begin: int, end: int, zone: tzinfo) -> float:
    """Return the hours of a mean day between two times, by the clocks of a time zone."""
    total, at = 0.0, begin
    while at < end:
        hour, gone = divmod(shown_ms(at, zone), HOUR_MS)
        until = min(end, at + HOUR_MS - gone)
        total += weights[hour % DAY_H] * (until - at) / HOUR_MS
        at = until
    return total


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a zone and its region beside what was learnt: of some hours nothing that lies in the zone.

    hours         since the region was first heard of, faded
    hours_before  of these, those before the hours in question
    before        requests in the zone before them that were not learnt yet
    elsewhere     requests that were not learnt yet, all but those in question
    cells         cells of the region that were heard of
    """

    hours: float
    hours_before: float
    before: int
    elsewhere: int
    cells: int


@dataclass(frozen=True, slots=True)
class Expected:
    """Mean and variance of a count."""

    mean: float
    variance: float


class Rates(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Requests of one category that were learnt, by cell, and in all; faded up to `at`.

    Nothing of the longest span that is scanned has been learnt: a hot spot is no part of what is expected of it.
    """

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

    def expected(self, zone: Iterable[str], hours: float, known: Known) -> Expected:
        """Return what is expected in a zone within so many hours of a mean day."""
        usual = (self.total + known.elsewhere + NEWS) / (
            (known.hours + DAY_H) * max(known.cells, LEAST_CELLS)
        )
        per_hour = known.hours_before + SHAPE / usual
        shape = sum(self.cells.get(cell, 0.0) + SHAPE for cell in zone) + known.before
        mean = shape * hours / per_hour
        return Expected(mean, mean + mean * hours / per_hour)

    def learn(self, cell: str, at_ms: int) -> None:
        """Take in that a cell had requests then, no later than `at`."""
        count = math.exp((at_ms - self.at) / HOUR_MS / MEMORY_H)
        self.cells[cell] = self.cells.get(cell, 0.0) + count
        self.total += count
