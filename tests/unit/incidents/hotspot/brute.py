"""The scan statistic again, over every cylinder there is, from calls alone; it shares no code with streams/incidents.

Each cell is a centre, with every distance from 0 to 3 on a lattice of its own making, and every span. What is expected
follows a negative binomial law: a gamma prior of each cell after what it had before. All hours are worth the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

QUARTER_H = 0.25
SPANS = (1, 2, 4, 8, 16, 32, 96)
"""Quarters of an hour."""


@dataclass(frozen=True, slots=True)
class Best:
    """The cylinder with the greatest score: where, how wide, how many quarters long, and what is in it."""

    at: tuple[int, int]
    radius: int
    quarters: int
    count: int
    expected: float
    score: float


def away(one: tuple[int, int], other: tuple[int, int]) -> int:
    """Return how many steps lie between two cells, in axial coordinates of a lattice of hexagons."""
    q, r = one[0] - other[0], one[1] - other[1]
    return max(abs(q), abs(r), abs(q + r))


def best(
    slots: Sequence[tuple[tuple[int, int], int]],
    now: int,
    known: int,
    cells: Sequence[tuple[int, int]],
    heard: int,
    least: int,
) -> Best | None:
    """Return the strongest cylinder until quarter `now` of a region that is known since `known` quarters.

    slots  cells and quarters with calls, each once, of a category never heard of before
    heard  how many cells of the region were heard of, of whatever category
    """
    memory_h, found = 60 * 24.0, None
    for centre in cells:
        for radius in range(4):
            inside = [quarter for cell, quarter in slots if away(cell, centre) <= radius]
            size = 1 + 3 * radius * (radius + 1)
            for span in SPANS:
                if known < (2 if span <= 8 else 7) * span:
                    continue
                count = sum(quarter >= now - span for quarter in inside)
                if count < least:
                    continue
                faded = [memory_h * (1 - exp(-n * QUARTER_H / memory_h)) for n in (known, known - span)]
                usual = (len(slots) - count + 2) / ((faded[0] + 24) * max(heard, 100))
                shape = size * 0.5 + len(inside) - count
                rate = faded[1] + 0.5 / usual
                mean = shape * span * QUARTER_H / rate
                if count <= mean:
                    continue
                score = count * log(count / mean) - (count + shape) * log((count + shape) / (mean + shape))
                if found is None or score > found.score + 1e-9:
                    found = Best(centre, radius, span, count, mean, score)
    return found
