"""A level that changed: two-sided cumulative sums of what lies beyond an exponentially weighted baseline.

E. S. Page: Continuous inspection schemes, Biometrika 1954; S. W. Roberts: Control chart tests based on geometric moving
averages, Technometrics 1959. A sum grows by the standardised deviation less an allowance, and is never below zero; at
`decide` deviations the level is held to have changed (average run length without a change: about 465 values for an
allowance of 0.5 and 5 deviations, 930 for one of the two sums, Montgomery, Introduction to Statistical Quality Control;
noise of a city is not normal, so the default decides later). At twice as many the change becomes the new level, and the
sums begin anew. Of one noisy value as the new level the same change would be told again and again; so it begins with
the median of three, which one spike does not move, and the plain mean of what follows.
"""

import math
from dataclasses import dataclass

import msgspec

from streams.incidents.anomaly.contract import Score


class Level(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """What is known of a series: mean, variance, the two sums, the number of values before this level, the last two."""

    values: int = 0
    mean: float = 0.0
    variance: float = 0.0
    above: float = 0.0
    below: float = 0.0
    before: int = 0
    last: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Change:
    """Spans are counts of values; allowance, decision and limit are in standard deviations.

    span          of the exponential weights of the baseline
    allowance     what a sum is less by at each value: half of the smallest change of interest
    decide        the sum from which on the score is 0.5; at twice as much it is 1
    limit         one value adds no more than this: a spike is no change of level
    least         standard deviation in shares of the mean: no series is held to be steadier
    """

    span: int = 288
    warm_values: int = 100
    allowance: float = 0.5
    decide: float = 12.0
    limit: float = 4.0
    least: float = 0.01

    @property
    def name(self) -> str:
        """Name of the detector in settings and evidence."""
        return "change"

    @property
    def version(self) -> int:
        """Version of the arithmetic above."""
        return 2

    @property
    def state(self) -> type[Level]:
        """Type of the state."""
        return Level

    def fresh(self) -> Level:
        """Return the state of an unknown series."""
        return Level()

    def score(self, state: Level, at_ms: int, value: float) -> Score:
        """Return the greater sum, in units of twice the decision."""
        if state.values < self.warm_values:
            return Score(0.0, "level", value, value, value, warm=False)
        sigma = self._sigma(state)
        sums = self._sums(state, value)
        margin = 3 * sigma
        score = min(1.0, max(sums) / (2 * self.decide))
        return Score(score, "level", value, state.mean - margin, state.mean + margin)

    def learn(self, state: Level, at_ms: int, value: float, score: Score) -> None:
        """Move the sums, and the baseline by what is within its limit."""
        away = value - state.mean
        if state.values >= self.warm_values:
            reach = self.limit * self._sigma(state)
            away = min(max(away, -reach), reach)
            state.above, state.below = self._sums(state, value)
        if score.score >= 1.0:  # told as loudly as can be: this is the level now, of these three values
            state.mean, state.above, state.below = sorted((*state.last, value))[1], 0.0, 0.0
            state.before, away = state.values - 2, 0.0
        weight = max(1 / self.span, 1 / (state.values + 1))
        state.mean += max(1 / self.span, 1 / (state.values - state.before + 1)) * away
        state.variance = (1 - weight) * (state.variance + weight * away * away)
        state.values, state.last = state.values + 1, (state.last[1], value)

    def _sigma(self, state: Level) -> float:
        return max(math.sqrt(state.variance), self.least * abs(state.mean), 1e-12)

    def _sums(self, state: Level, value: float) -> tuple[float, float]:
        z = (value - state.mean) / self._sigma(state)
        z = min(max(z, -self.limit), self.limit)
        return max(0.0, state.above + z - self.allowance), max(0.0, state.below - z - self.allowance)
