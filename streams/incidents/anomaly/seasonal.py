"""A value unusual for its hour of the week: distance from the hour's median, in its median absolute deviation.

Medians are followed by stochastic approximation (H. Robbins, S. Monro: A stochastic approximation method, Annals of
Mathematical Statistics 1951; for quantiles Q. Ma, S. Muthukrishnan, M. Sandler: Frugal streaming for estimating
quantiles, 2013): a step up for a value above, a step down for one below. So one value moves a median by one step,
however far out it lies, and an anomaly teaches little. 1.4826 deviations are a standard deviation of normal noise
(F. R. Hampel: The influence curve and its role in robust estimation, JASA 1974).

What is anomalous does not teach, but a level that has changed for good must not be an alert for ever: an hour most of
whose values were doubtful for `warm_weeks` weeks in a row is forgotten, and warmed up again.

People live by the clock, so hours are those that the clocks of the city show. By UTC every rush hour would be in
another hour from the night on in which clocks are put on or back. Where a city is given another time zone, what was
learnt by the clocks before is turned by what lies between the two, to whole hours.
"""

import math
from dataclasses import dataclass
from datetime import UTC, tzinfo

import msgspec

from streams.incidents.anomaly.clocks import clocks, slot_of, slots_apart
from streams.incidents.anomaly.contract import Score, gaussian_nats, surprise

HOUR_MS = 3_600_000
HOURS = 168
MONDAY = 3 * 24  # hours: the epoch was a Thursday
NORMAL = 1.4826


class Hour(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """Median and median absolute deviation of one hour of the week, and in how many weeks it was seen.

    `strange` are the weeks in a row, up to the one before `last`, in which most values were doubtful; `doubts` is how
    many more of them were than were not in week `last`.
    """

    median: float = 0.0
    deviation: float = 0.0
    values: int = 0
    weeks: int = 0
    last: int = -1
    strange: int = 0
    doubts: int = 0


class Week(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """What is known of a series: its hours, and the mean distance of newer values from the medians of theirs.

    `zone` is that whose clocks show the hours; empty where nothing was learnt yet.
    """

    hours: list[Hour]
    distance: float = 0.0
    distances: int = 0
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Seasonal:
    """An hour is judged when it was seen in `warm_weeks` weeks and by `warm_values` values.

    step         of the medians, in deviations
    least        deviation in shares of the median, and
    share        in shares of the mean distance of all hours, and
    least_width  in units of the value: no hour is held to be steadier
    zone         whose clocks show the hours
    doubtful     the score from which on a value does not teach
    """

    warm_weeks: int = 3
    warm_values: int = 4
    step: float = 0.1
    least: float = 0.01
    share: float = 0.5
    doubtful: float = 0.4
    least_width: float = 0.0
    zone: tzinfo = UTC

    @property
    def name(self) -> str:
        """Name of the detector in settings and evidence."""
        return "seasonal"

    @property
    def version(self) -> int:
        """Version of the arithmetic above."""
        return 4

    @property
    def state(self) -> type[Week]:
        """Type of the state."""
        return Week

    def fresh(self) -> Week:
        """Return the state of an unknown series."""
        return Week([Hour() for _ in range(HOURS)])

    def score(self, state: Week, at_ms: int, value: float) -> Score:
        """Return how far out of its hour the value lies."""
        hour, week = self._hour(state, at_ms)
        known = hour.weeks >= self.warm_weeks and hour.values >= self.warm_values
        if not known or self._strange(hour, week) >= self.warm_weeks:
            return Score(0.0, "value", value, value, value, warm=False)
        sigma = NORMAL * self._deviation(state, hour)
        away = abs(value - hour.median)
        nats = gaussian_nats(away / sigma) if sigma else (math.inf if away else 0.0)
        return Score(surprise(nats), "value", value, hour.median - 3 * sigma, hour.median + 3 * sigma)

    def learn(self, state: Week, at_ms: int, value: float, score: Score) -> None:
        """Move median and deviation of the hour by a step each."""
        self._turn(state, at_ms)
        hour, week = self._hour(state, at_ms)
        if hour.last != week:
            strange = self._strange(hour, week)
            if strange >= self.warm_weeks:
                strange = hour.weeks = hour.values = 0
                hour.deviation = 0.0
            hour.last, hour.weeks, hour.strange, hour.doubts = week, hour.weeks + 1, strange, 0
        hour.values += 1
        if hour.values == 1:
            hour.median = value
            return
        if score.score >= self.doubtful:
            hour.doubts += 1
            return
        hour.doubts -= 1
        away = abs(value - hour.median)
        state.distances += 1
        state.distance += (away - state.distance) / min(state.distances, HOURS)
        if hour.values <= self.warm_values:  # no scale yet: plain means, of values and of distances
            hour.median += (value - hour.median) / hour.values
            hour.deviation += (away - hour.deviation) / (hour.values - 1)
            return
        scale = self.step * self._deviation(state, hour)
        apart = away - hour.deviation
        hour.median += math.copysign(min(scale, away), value - hour.median)
        hour.deviation += math.copysign(min(scale, abs(apart)), apart)

    def _turn(self, state: Week, at_ms: int) -> None:
        """Go on by the city's clocks: hours that others showed are turned by what lies between the two at a time."""
        if state.zone != str(self.zone):
            hours = slots_apart(at_ms, clocks(state.zone, self.zone), self.zone, HOUR_MS) % HOURS
            state.hours = state.hours[-hours:] + state.hours[:-hours]
            state.zone = str(self.zone)

    def _hour(self, state: Week, at_ms: int) -> tuple[Hour, int]:
        """Return the hour of the week that the clocks show, and the number of the week."""
        week, hour = divmod(slot_of(at_ms, clocks(state.zone, self.zone), HOUR_MS) + MONDAY, HOURS)
        return state.hours[hour], week

    @staticmethod
    def _strange(hour: Hour, week: int) -> int:
        """Return how many weeks in a row before this one were strange."""
        if hour.last == week:
            return hour.strange
        return hour.strange + 1 if hour.doubts > 0 else 0

    def _deviation(self, state: Week, hour: Hour) -> float:
        return max(
            hour.deviation, self.least * abs(hour.median), self.share * state.distance, self.least_width
        )
