"""A count unusual for its rate: the tail of a Poisson or, where counts vary more than that, a negative binomial law.

Mean and variance are exponentially weighted; the size r = m^2 / (v - m) follows by moments, and v <= m is Poisson. The
tail beyond x is bounded by exp(-D) with D = x ln(x/m) - (x + r) ln((x + r)/(m + r)), half of the unit deviance
(H. Chernoff: A measure of asymptotic efficiency, Annals of Mathematical Statistics 1952; P. McCullagh, J. A. Nelder:
Generalized Linear Models, 1989); for r to infinity D = x ln(x/m) - x + m. Values below zero count as zero.
"""

import math
from dataclasses import dataclass

import msgspec

from streams.incidents.anomaly.contract import Score, surprise


class Rate(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """What is known of a series."""

    values: int = 0
    mean: float = 0.0
    variance: float = 0.0


@dataclass(frozen=True, slots=True)
class Counts:
    """Spans are counts of values.

    span        of the exponential weights
    doubtful    the score from which on a count teaches no more than three deviations
    """

    span: int = 288
    warm_values: int = 100
    doubtful: float = 0.4

    @property
    def name(self) -> str:
        """Name of the detector in settings and evidence."""
        return "counts"

    @property
    def version(self) -> int:
        """Version of the arithmetic above."""
        return 2

    @property
    def state(self) -> type[Rate]:
        """Type of the state."""
        return Rate

    def fresh(self) -> Rate:
        """Return the state of an unknown series."""
        return Rate()

    def score(self, state: Rate, at_ms: int, value: float) -> Score:
        """Return how improbable such a count, or one further out, is."""
        if state.values < self.warm_values:
            return Score(0.0, "count", value, value, value, warm=False)
        mean = self._mean(state)
        spread = 3 * math.sqrt(max(state.variance, mean))
        nats = tail_nats(max(0.0, value), mean, state.variance)
        return Score(surprise(nats), "count", value, max(0.0, mean - spread), mean + spread)

    def learn(self, state: Rate, at_ms: int, value: float, score: Score) -> None:
        """Take the count into mean and variance, unless it is doubtful: then no more than three deviations of it."""
        count = max(0.0, value)
        if score.score >= self.doubtful:
            count = min(max(count, score.low), score.high)
        weight = max(1 / self.span, 1 / (state.values + 1))
        away = count - state.mean
        state.mean += weight * away
        state.variance = (1 - weight) * (state.variance + weight * away * away)
        state.values += 1

    def _mean(self, state: Rate) -> float:
        """Return the mean; of a series that was never more than zero, less than one count in its span."""
        return max(state.mean, 1 / (self.span + state.values))


def tail_nats(count: float, mean: float, variance: float) -> float:
    """Return D of the law with this mean (above zero) and variance, at this count."""
    own = count * (math.log(count) - math.log(mean)) if count else 0.0
    if variance <= mean * (1 + 1e-9):
        return max(0.0, own - count + mean)
    size = mean * mean / (variance - mean)
    return max(0.0, own - (count + size) * _log_ratio(count, mean, size))


def _log_ratio(count: float, mean: float, size: float) -> float:
    """Return ln((count + size) / (mean + size)); a size a billion times as large leaves nothing of two logarithms."""
    if count > mean:
        return math.log1p((count - mean) / (mean + size))
    return -math.log1p((mean - count) / (count + size))
