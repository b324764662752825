"""The scoring of the Numenta Anomaly Benchmark v1.1, standard profile.

A. Lavin, S. Ahmad: Evaluating Real-Time Anomaly Detection Algorithms - the Numenta Anomaly Benchmark, ICMLA 2015,
and the benchmark's later change of scoring from windows to single points. Written from that description; the figures
that NAB publishes of its detectors check it (tests/unit/bench/test_nab_scoring.py).

Detections are the points whose score is at or above one threshold, the same for all files. Of the detections in a
window the earliest counts, the more the earlier; a window without one costs 1; each one outside costs up to 0.11,
less when it comes soon after a window. The first 15 % of a file (750 points at most) count nothing.
The threshold is the one of the best total. 0 is the score of a detector that never says a thing, 100 that of one that
says all at once.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.nab.corpus import Series

FALSE_POSITIVE = 0.11
PROBATION, LONGEST = 0.15, 5_000


@dataclass(frozen=True, slots=True)
class Point:
    """A point that counts: the detector's score, what a detection here is worth, and the window that it is in."""

    score: float
    worth: float
    window: tuple[str, int] | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a threshold makes of a set of files: points won, windows hit, and detections outside of windows."""

    points: float
    windows: int
    hit: int
    false: int

    @property
    def normalised(self) -> float:
        """0 for silence, 100 for perfection; nan where there is no window."""
        return 100 * (self.points + self.windows) / (2 * self.windows) if self.windows else math.nan


def probation(length: int) -> int:
    """Return how many points at the beginning of a file count nothing."""
    return math.ceil(min(math.floor(PROBATION * length), PROBATION * LONGEST))


def sigmoid(position: float) -> float:
    """Return the worth at a position: -1 a window's beginning, 0 its end, 1 a window's length behind it."""
    return -1.0 if position >= 3 else 2 / (1 + math.exp(5 * position)) - 1


def points(series: Series, scores: Sequence[float]) -> list[Point]:
    """Return the points of a file that count."""
    if len(scores) != len(series.values):
        raise ValueError(f"{series.name}: {len(scores)} scores for {len(series.values)} values")
    return [
        Point(score, *_worth(series, index))
        for index, score in enumerate(scores)
        if index >= probation(len(scores))
    ]


def _worth(series: Series, index: int) -> tuple[float, tuple[str, int] | None]:
    position = 3.0  # far from any window
    for first, last in series.windows:
        length = last - first + 1
        if first <= index <= last:
            return sigmoid((index - last - 1) / length) / sigmoid(-1), (series.name, first)
        if index > last:
            position = (index - last) / (length - 1)
    return FALSE_POSITIVE * sigmoid(position), None


def outcome(scored: Iterable[Point], threshold: float) -> Outcome:
    """Score the points at a threshold."""
    best: dict[tuple[str, int], float] = {}
    cost, false = 0.0, 0
    for point in scored:
        detected = point.score >= threshold
        if point.window is not None:
            worth = point.worth if detected else -1.0
            best[point.window] = max(best.get(point.window, -1.0), worth)
        elif detected:
            cost, false = cost + point.worth, false + 1
    return Outcome(cost + sum(best.values()), len(best), sum(worth > -1 for worth in best.values()), false)


def best_threshold(scored: Iterable[Point]) -> float:
    """Return the threshold of the best total; infinity where silence is best."""
    ordered = sorted(scored, key=lambda point: point.score, reverse=True)
    hits: dict[tuple[str, int], float] = {}
    total, best, threshold = 0.0, 0.0, math.inf
    for index, point in enumerate(ordered):
        if point.window is None:
            total += point.worth
        else:
            before = hits.get(point.window, -1.0)
            hits[point.window] = max(before, point.worth)
            total += hits[point.window] - before
        last = index + 1 == len(ordered) or ordered[index + 1].score != point.score
        if last and total > best:
            best, threshold = total, point.score
    return threshold


def by_family(scored: Mapping[str, Sequence[Point]]) -> dict[str, list[Point]]:
    """Gather the points of files, by the folder in their names."""
    gathered: dict[str, list[Point]] = defaultdict(list)
    for name, found in scored.items():
        gathered[name.partition("/")[0]].extend(found)
    return dict(gathered)
