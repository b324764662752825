"""A cell that leaves its neighbours: its difference to their median, against what that difference is by itself.

S. Shekhar, C.-T. Lu, P. Zhang: A unified approach to detecting spatial outliers, GeoInformatica 2003: S(x) = f(x) less
the mean of f over the neighbours of x is standardised by its mean and deviation. They take these over space; here they
are those of the cell's own past, as streets differ from each other for good. And the neighbours' median takes the place
of their mean, so that one of them that fails does not accuse the others. The value of this detector is S(x); who the
neighbours are is said in streams/incidents/joint.

Mean and variance are exponentially weighted, of differences clipped at `limit` deviations (P. J. Huber: Robust
estimation of a location parameter, Annals of Mathematical Statistics 1964). Differences are not normal: a score of 0.5
is `least` deviations, or what comes once in `days` days by the greatest of each day so far if that is more
(streams/incidents/extremes.py).
"""

import math
from dataclasses import dataclass

import msgspec

from streams.incidents.anomaly.contract import Score
from streams.incidents.extremes import TEACHES, Maxima


class Apart(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """What is known of a cell's differences."""

    values: int
    mean: float
    variance: float
    maxima: Maxima


@dataclass(frozen=True, slots=True)
class Spatial:
    """Spans are counts of values.

    span                     of the exponential weights
    warm_values, warm_days   what was seen before a difference is judged; a day counts once it is over
    limit                    deviations up to which a difference teaches
    least, days              threshold, in deviations and in days of one series
    least_width              in units of the value: no series is held to be steadier
    """

    span: int = 1440
    warm_values: int = 100
    warm_days: int = 2
    limit: float = 3.0
    least: float = 6.0
    days: float = 1000.0
    least_width: float = 0.0

    @property
    def name(self) -> str:
        """Name of the detector in settings and evidence."""
        return "spatial"

    @property
    def version(self) -> int:
        """Version of the arithmetic above."""
        return 2

    @property
    def state(self) -> type[Apart]:
        """Type of the state."""
        return Apart

    def fresh(self) -> Apart:
        """Return the state of an unknown cell."""
        return Apart(0, 0.0, 0.0, Maxima())

    def score(self, state: Apart, at_ms: int, value: float) -> Score:
        """Return the distance from the mean difference, in units of twice the threshold."""
        aspect = "difference to its neighbours"
        if state.values < self.warm_values or state.maxima.days < self.warm_days:
            return Score(0.0, aspect, value, value, value, warm=False)
        threshold = state.maxima.threshold(self.least, self.days)
        reach = threshold * self._sigma(state)
        score = min(1.0, abs(value - state.mean) / (2 * reach))
        return Score(score, aspect, value, state.mean - reach, state.mean + reach)

    def learn(self, state: Apart, at_ms: int, value: float, score: Score) -> None:
        """Take the difference in, as far as it is within the limit; a maximum, little more than the threshold."""
        away = value - state.mean
        if state.values >= self.warm_values:
            sigma = self._sigma(state)
            threshold = state.maxima.threshold(self.least, self.days)
            state.maxima.learn(at_ms, min(abs(away) / sigma, TEACHES * threshold))
            away = min(max(away, -self.limit * sigma), self.limit * sigma)
        weight = max(1 / self.span, 1 / (state.values + 1))
        state.mean += weight * away
        state.variance = (1 - weight) * (state.variance + weight * away * away)
        state.values += 1

    def _sigma(self, state: Apart) -> float:
        return max(math.sqrt(state.variance), self.least_width, 1e-9 * abs(state.mean), 1e-12)
