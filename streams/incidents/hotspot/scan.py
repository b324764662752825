"""The space-time scan statistic: which cylinder of cells and hours holds most more than is expected of it.

M. Kulldorff: A spatial scan statistic, Communications in Statistics 1997; prospective, for cylinders that reach until
now: M. Kulldorff, Prospective time periodic geographical disease surveillance using a scan statistic, JRSS A 2001. A
cylinder is a cell with its rings 0 to `RINGS`, over one of the spans. Its score is the logarithm of the likelihood
ratio between a rate of its own and the expected one; for Poisson counts c ln(c / e) - c + e, here with the negative
binomial law that an uncertain expectation gives (streams/incidents/anomaly/counts.py: half of the unit deviance). What
is expected comes from before the longest span and from elsewhere, never from the cylinder itself.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from streams.incidents.anomaly.counts import tail_nats
from streams.incidents.hotspot.baseline import Day, Known, Rates, exposure

RINGS = 3
STEP_MS = 900_000
SPANS_MS = tuple(STEP_MS * steps for steps in (1, 2, 4, 8, 16, 32, 96))
LONGEST_MS = max(SPANS_MS)
SHORT_MS = 7_200_000

Rings = Callable[[str], Sequence[Sequence[str]]]
"""Return the rings 0 to RINGS of cells around a cell."""
Asked = Mapping[str, Collection[int]]
"""Quarters of an hour (their beginnings) in which there were requests, by cell: several of one cell and quarter, such
as a batch that somebody entered at one desk, count once."""


@dataclass(frozen=True, slots=True)
class Cylinder:
    """A centre with some of its rings, from `begin` to `end` (milliseconds), and what it holds."""

    centre: str
    cells: frozenset[str]
    begin: int
    end: int
    count: int
    expected: float
    score: float


def history_ms(span: int) -> int:
    """Return for how long a region must have been heard of before it is scanned for a span.

    For as long again as a short one; a longer one has hours and days of its own, up to those of a week.
    """
    return (2 if span <= SHORT_MS else 7) * span


def strongest(
    centres: Iterable[str],
    asked: Asked,
    end: int,
    rings: Rings,
    rates: Rates,
    day: Day,
    cells: int,
    least: int,
) -> Cylinder | None:
    """Return the cylinder until `end` with the greatest score among those that hold `least` requests or more.

    `cells`: how many of the region were heard of.
    """
    best: Cylinder | None = None
    known_h, recent = day.known_h(end), sum(map(len, asked.values()))
    weights = day.weights(end)
    spans = [
        (end - span, exposure(weights, end - span, end, day.clocks), day.known_h(end - span))
        for span in SPANS_MS
        if end - day.since >= history_ms(span)
    ]
    for centre in sorted(centres):
        zone: list[str] = []
        starts: list[int] = []
        for radius, ring in enumerate(rings(centre)):
            zone += ring
            new = [quarter for cell in ring for quarter in asked.get(cell, ())]
            if not new and radius:
                continue
            starts += new
            for begin, hours, hours_before in spans:
                count = sum(start >= begin for start in starts)
                if count < least:
                    continue
                known = Known(known_h, hours_before, len(starts) - count, recent - count, cells)
                expected = rates.expected(zone, hours, known)
                if count <= expected.mean:
                    continue
                score = tail_nats(count, expected.mean, expected.variance)
                if best is None or score > best.score:
                    best = Cylinder(centre, frozenset(zone), begin, end, count, expected.mean, score)
    return best
