"""Metrics of a cell that do not go together: the distance of a window from all before it, all its metrics at once.

H. Hotelling: Multivariate quality control, 1947: T^2 = z' R^-1 z, of the standardised deviations z of the metrics and
their correlation R. A street with much traffic at full speed is unusual, though neither is by itself. Means, variances
and correlations are exponentially weighted. R is shrunk to the identity (O. Ledoit, M. Wolf: A well-conditioned
estimator for large-dimensional covariance matrices, Journal of Multivariate Analysis 2004; here by a fixed share), so
that what always went together exactly does not make every rounding an alarm. A metric that is missing in a window is
left out of it (the law of the others is a marginal one), and counts as usual where correlations are learnt: that draws
them to zero and keeps R positive.

T^2 of m metrics is brought to the scale of a normal deviate, so that a missing one changes nothing (E. B. Wilson, M. M.
Hilferty: The distribution of chi-square, PNAS 1931). A score of 0.5 is `least` of these, or what comes once in `days`
days by the greatest of each day so far if that is more (streams/incidents/extremes.py), as metrics are not normal.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from streams.incidents.anomaly.contract import Score
from streams.incidents.anomaly.finest import least_width
from streams.incidents.anomaly.linear import explained
from streams.incidents.extremes import TEACHES, Maxima

FAR = 1e9


class One(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """What is known of a metric by itself."""

    values: int = 0
    mean: float = 0.0
    variance: float = 0.0


class Cell(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """What is known of a cell: its metrics in the order in which they were met.

    `moments` are the mean products of the deviations of metrics i and j <= i, rows one after another.
    """

    metrics: dict[str, One]
    moments: list[float]
    windows: int
    maxima: Maxima


@dataclass(frozen=True, slots=True)
class Multivariate:
    """Spans are counts of windows.

    most                     metrics of a cell that are looked at: those met first
    span                     of the exponential weights
    shrink                   share of the identity in the correlations
    warm_values, warm_days   what was seen of a metric, and of a cell, before it is judged; a day counts once it is over
    limit                    deviations up to which a value teaches
    doubtful                 the score from which on a window teaches nothing about what goes together
    least, days              threshold, in deviates and in days of one cell
    """

    most: int = 8
    span: int = 1440
    shrink: float = 0.1
    warm_values: int = 100
    warm_days: int = 2
    limit: float = 3.0
    doubtful: float = 0.4
    least: float = 6.0
    days: float = 1000.0

    @property
    def name(self) -> str:
        """Name of the detector in settings and evidence."""
        return "multivariate"

    @property
    def version(self) -> int:
        """Version of the arithmetic above."""
        return 2

    @property
    def state(self) -> type[Cell]:
        """Type of the state."""
        return Cell

    def fresh(self) -> Cell:
        """Return the state of an unknown cell."""
        return Cell({}, [], 0, Maxima())

    def score(self, state: Cell, at_ms: int, value: Mapping[str, float]) -> Score:
        """Return the deviate of the metrics' distance, in units of twice the threshold."""
        found = self._distance(state, value)
        if found is None or state.maxima.days < self.warm_days:
            observed = 0.0 if found is None else found[0]
            return Score(0.0, "distance", observed, observed, observed, warm=False)
        away, mostly = found
        threshold = state.maxima.threshold(self.least, self.days)
        score = min(1.0, max(0.0, away) / (2 * threshold))
        return Score(score, f"distance (mostly by {mostly})", away, min(-self.limit, away), threshold)

    def learn(self, state: Cell, at_ms: int, value: Mapping[str, float], score: Score) -> None:
        """Take the window in: each metric as far as it is within the limit; a maximum, up to TEACHES thresholds."""
        found = self._distance(state, value)
        if found is not None:
            threshold = state.maxima.threshold(self.least, self.days)
            state.maxima.learn(at_ms, min(max(0.0, found[0]), TEACHES * threshold))
        taught = {name: self._learn_one(state, name, value[name]) for name in sorted(value)}
        if score.score < self.doubtful:
            self._learn_moments(state, taught)
        state.windows += 1

    def _learn_one(self, state: Cell, name: str, value: float) -> float:
        """Take a value in; returns its deviation as far as it is within the limit."""
        one = state.metrics.get(name)
        if one is None:
            if len(state.metrics) == self.most:
                return 0.0
            one = state.metrics[name] = One()
            state.moments += [0.0] * len(state.metrics)
        z = 0.0
        away = value - one.mean
        if one.values >= self.warm_values:
            sigma = _sigma(name, one)
            z = min(max(away / sigma, -self.limit), self.limit)
            away = z * sigma
        weight = max(1 / self.span, 1 / (one.values + 1))
        one.mean += weight * away
        one.variance = (1 - weight) * (one.variance + weight * away * away)
        one.values += 1
        return z

    def _learn_moments(self, state: Cell, taught: Mapping[str, float]) -> None:
        z = [taught.get(name, 0.0) for name in state.metrics]
        weight, at = 1 / self.span, 0
        for i, a in enumerate(z):
            for b in z[: i + 1]:
                state.moments[at] += weight * (a * b - state.moments[at])
                at += 1

    def _distance(self, state: Cell, value: Mapping[str, float]) -> tuple[float, str] | None:
        """Return the deviate of T^2 and the metric with the greatest share in it; None: there are no two to judge."""
        there = [
            (number, name, one)
            for number, (name, one) in enumerate(state.metrics.items())
            if name in value and one.values >= self.warm_values
        ]
        if len(there) < 2:
            return None
        z = [min(max((value[name] - one.mean) / _sigma(name, one), -FAR), FAR) for _, name, one in there]
        shares = explained(self._correlations(state, [number for number, _, _ in there]), z)
        greatest = max(range(len(shares)), key=lambda place: shares[place])
        return _deviate(sum(shares), len(z)), there[greatest][1]

    def _correlations(self, state: Cell, places: Sequence[int]) -> list[list[float]]:
        """Return the shrunk correlations of some metrics."""
        moments, left = state.moments, 1 - self.shrink

        def at(i: int, j: int) -> float:
            return moments[max(i, j) * (max(i, j) + 1) // 2 + min(i, j)]

        # Each by itself: a bound on a product would make two correlations small, and not the third that goes with them.
        scale = {i: max(math.sqrt(at(i, i)), 1e-12) for i in places}
        return [[1.0 if i == j else left * at(i, j) / (scale[i] * scale[j]) for j in places] for i in places]


def _sigma(name: str, one: One) -> float:
    return max(math.sqrt(one.variance), least_width(name), 1e-9 * abs(one.mean), 1e-12)


def _deviate(square: float, metrics: int) -> float:
    """Return the normal deviate with the tail of a chi-square of so many degrees of freedom, after Wilson, Hilferty."""
    spread = 2 / (9 * metrics)
    return float(((max(0.0, square) / metrics) ** (1 / 3) - 1 + spread) / math.sqrt(spread))
