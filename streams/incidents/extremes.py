"""A threshold of scores, learnt from the greatest score of each day.

The distribution of scores is seldom known: staff enter a batch of requests at one desk, a crew reports each lamp of a
street, a mean speed depends on one driver. So the threshold is learnt. Daily maxima follow a Gumbel law in good
approximation (A. M. Abrams, K. Kleinman, M. Kulldorff: Gumbel based p-value approximations for spatial scan statistics,
International Journal of Health Geographics 2010), fitted here by its moments. The score that comes once in `days` days
is its quantile at 1 - 1 / days. Callers of `learn` should cap the score of an alert at `TEACHES` thresholds.
"""

import math

import msgspec

DAY_MS = 86_400_000
WARM_DAYS = 7
SPAN = 60
"""Days of the exponential weights."""
MOST_DAYS = 36_500.0
"""A law that was fitted to weeks says nothing about centuries."""
EULER = 0.5772156649015329
TEACHES = 1.25
"""A score teaches no more than this many times the threshold, so that one event does not hide the next. It is more than
1, so that what comes every day becomes usual, however strong it is: at 1 the maxima of such days would all be the same,
their variance zero, and the threshold would stand still for ever."""


class Maxima(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Mean and variance of the maxima of `days` days with scores; the day that runs, and its maximum so far."""

    days: int = 0
    mean: float = 0.0
    variance: float = 0.0
    day: int = -1
    most: float = 0.0

    def learn(self, at_ms: int, score: float) -> None:
        """Take the greatest score of a scan in."""
        day = at_ms // DAY_MS
        if day != self.day:
            if self.day >= 0:
                self._close()
            self.day, self.most = day, 0.0
        self.most = max(self.most, score)

    def _close(self) -> None:
        weight, away = max(1 / SPAN, 1 / (self.days + 1)), self.most - self.mean
        self.mean += weight * away
        self.variance = (1 - weight) * (self.variance + weight * away * away)
        self.days += 1

    def threshold(self, least: float, days: float) -> float:
        """Return the score that comes once in so many days, but `least` at least; twice that while little is known."""
        if self.days < WARM_DAYS:
            return 2 * least
        scale = self._scale()
        return max(least, self.mean - EULER * scale - scale * math.log(-math.log1p(-1 / days)))

    def recurrence_days(self, score: float, alike: int = 1) -> float | None:
        """Return in how many days such a score or a greater one comes once, `MOST_DAYS` at most; None while unknown.

        The recurrence interval of K. Kleinman, R. Lazarus, R. Platt, American Journal of Epidemiology 2004: the
        inverse of the probability that a day has such a maximum, in any of so many series `alike`.
        """
        if self.days < WARM_DAYS:
            return None
        scale = self._scale()
        away = (score - self.mean) / scale + EULER if scale else math.copysign(math.inf, score - self.mean)
        probability = -math.expm1(-math.exp(min(-away, 50.0)))
        return min(MOST_DAYS, 1 / probability / alike) if probability else MOST_DAYS

    def _scale(self) -> float:
        return math.sqrt(6 * self.variance) / math.pi
