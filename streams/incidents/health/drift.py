"""Sensors that drift: their distance from their neighbours moves away steadily, as that of no other does.

For each metric that neighbours share, and each span of time (streams/sensing/health/means.py), the residual of a sensor
is its mean less the median of the means of its nearest neighbours. The sensor drifts when its residual has moved over
the last spans by much more than the residuals of the others, always in one direction, and by more than it ever did
before. A residual that moves back towards zero is no drift.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streams.incidents.health.neighbours import nearest

SPANS = 6
"""The residual of now is compared with that of so many spans ago: two hours."""
NEIGHBOURS = 8
FEWEST = 8
"""Sensors of a metric without which nobody is judged."""
TIMES = 8.0
"""The movement must be so many times that of the others (their median absolute deviation, as a normal law's sigma)."""
OWN_TIMES = 2.0
"""The movement must also be so many times the greatest of its own before,"""
LEAST_SHARE = 0.1
"""and this share of what is measured there."""
SETTLED = 72
"""Spans after which a new level is what is usual: a day."""
_SIGMA = 1.4826
_FURTHER = 1.1
"""Less than this is no further drift."""


@dataclass(slots=True)
class Trail:
    """Residuals of one series by span, oldest first, as many as are compared; and the drift that is open.

    greatest  movement that was ever seen while it was well
    before    residual at which the drift began; None: it is well
    reached   the greatest distance from there
    since     span in which that was; once it is over, in which it ended
    home      where one began that ended half-way back: it may come all the way
    """

    residuals: dict[int, float] = field(default_factory=dict)
    greatest: float = 0.0
    before: float | None = None
    reached: float = 0.0
    since: int = 0
    home: float | None = None


def residuals(means: Mapping[str, float], places: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """Return by sensor the distance of its mean from the median of its nearest neighbours; none where there are few."""
    names = sorted(means)
    if len(names) < FEWEST:
        return {}
    at = np.radians(np.array([places[name] for name in names]))
    value = np.array([means[name] for name in names])
    near = nearest(at, min(NEIGHBOURS, len(names) - 1))
    distance = value - np.median(value[near], axis=1)
    return dict(zip(names, distance.tolist(), strict=True))


def step(
    trails: Mapping[str, Trail],
    period: int,
    span_ms: int,
    means: Mapping[str, float],
    now: Mapping[str, float],
) -> list[str]:
    """Enter the residuals of a span; returns the sensors whose state changed: `before` says which way."""
    oldest = period - SPANS * span_ms
    for name, residual in now.items():
        trail = trails[name]
        trail.residuals = {at: r for at, r in trail.residuals.items() if oldest <= at < period} | {
            period: residual
        }
    changed = [name for name in sorted(now) if _is_over(trails[name], now[name], period, span_ms)]
    names = sorted(name for name in now if len(trails[name].residuals) == SPANS + 1)
    moved = np.array([now[name] - trails[name].residuals[oldest] for name in names])
    if len(names) < FEWEST:
        return changed
    spread = _SIGMA * float(np.median(np.abs(moved - np.median(moved))))
    for name, by in zip(names, moved.tolist(), strict=True):
        trail = trails[name]
        if trail.before is not None:
            continue
        enough = max(TIMES * spread, OWN_TIMES * trail.greatest, LEAST_SHARE * abs(means[name] - now[name]))
        drifts = abs(by) > enough and _steady(list(trail.residuals.values()), by)
        if drifts and not _comes_home(trail, oldest, period, span_ms):
            trail.before, trail.reached, trail.since = trail.residuals[oldest], abs(by), period
            trail.home = None
            changed.append(name)
        elif abs(by) <= TIMES * spread:
            trail.greatest = max(trail.greatest, abs(by))
    return sorted(changed)


def _steady(values: Sequence[float], by: float) -> bool:
    """Return whether all steps but one at the most went the way that the whole movement went."""
    steps: NDArray[np.float64] = np.diff(values) * np.sign(by)
    return int((steps > 0).sum()) >= len(steps) - 1


def _comes_home(trail: Trail, oldest: int, period: int, span_ms: int) -> bool:
    """Return whether a movement is what was left of the way back from a drift that ended lately."""
    if trail.home is None or period - trail.since >= SETTLED * span_ms:
        return False
    return abs(trail.residuals[period] - trail.home) < abs(trail.residuals[oldest] - trail.home)


def _is_over(trail: Trail, residual: float, period: int, span_ms: int) -> bool:
    if trail.before is None:
        return False
    away = abs(residual - trail.before)
    if away > _FURTHER * trail.reached:
        trail.reached, trail.since = away, period
    is_back = away <= trail.reached / 2
    if not is_back and period - trail.since < SETTLED * span_ms:
        return False
    trail.before, trail.home = None, trail.before if is_back else None
    trail.residuals, trail.since = {period: residual}, period
    return True
