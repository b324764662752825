"""Records: a value, or a figure made of it, beyond all that was seen before.

In a series without trend, records become rare: the chance that the n-th value is one is 1/n, whatever the distribution
(F. G. Foster, A. Stuart: Distribution-free tests in time-series based on the breaking of records, JRSS B 1954). So a
record by a margin is news, and needs no model of the noise. Four figures are watched for records, up and down:

value       the value itself
mean        exponentially weighted, over 12 values: a level that creeps
season      value - (profile of the time of day + level): P. R. Winters, Forecasting sales by exponentially weighted
            moving averages, Management Science 1960, with the profile in half hours of the city's clocks
activity    mean absolute change from value to value, over 36: a series that falls still, or becomes restless

The margin is in widths of the range seen (the tolerance of S. Ahmad et al., Unsupervised real-time anomaly detection
for streaming data, Neurocomputing 2017, section 4: 5 % of the range). The score is the greatest margin of the four,
less what is left of recent ones: an event is told when it begins, and again only if it grows. A margin of `notable`
widths scores 0.5.

What is anomalous does not teach the baseline: a record widens a range by no more than its width, and the profile learns
no residual beyond its range. The range of the season may also widen by the width of the value's: what follows a
timetable has hardly a residual until its hour changes, when that is as large as the value, day after day. Ranges shrink
slowly, so that what was seen long ago is not for ever. A young range counts as wider than it is: what was seen for two
days only says little of the third.
"""

import math
from dataclasses import dataclass
from datetime import UTC, tzinfo

import msgspec

from streams.incidents.anomaly.clocks import clocks, slot_of, slots_apart
from streams.incidents.anomaly.contract import Score

DAY_MS = 86_400_000
BINS = 48
BIN_MS = DAY_MS // BINS
ASPECTS = ("value", "mean", "season", "activity")


class Range(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """The least and most seen of one figure, how often, and since when."""

    low: float = 0.0
    high: float = 0.0
    seen: int = 0
    since: int = 0


class Known(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """What is known of a series: some 80 numbers.

    `slot` is the half hour of the newest value, since the clocks showed the epoch; `zone` that whose clocks those are,
    empty where nothing was learnt yet.
    """

    values: int
    last: float
    mean: float
    activity: float
    level: float
    habit: float
    profile: list[float | None]
    slot: int
    slot_sum: float
    slot_values: int
    ranges: list[Range]
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Records:
    """Spans are counts of values; the defaults are the same for every series.

    mean, level, activity    span of the exponential weights
    profile                  weight of the newest day in the profile
    warm_values, warm_ms     a figure is judged when it was seen so often, for so long
    young_values, young_ms   a range that was seen so often, or so long, counts as twice, or with both thrice, as wide
    widen                    widths by which one value may widen a range; that of the season also widths of the value's
    shrink                   share of its width that a range loses at each value, on either side
    fade                     what is left of a told margin after one more value
    notable                  margin that scores 0.5
    least_width              in units of the value: a narrower range counts as this wide
    zone                     whose clocks show the time of the day
    """

    mean: int = 12
    level: int = 12
    activity: int = 36
    profile: float = 0.3
    warm_values: int = 100
    warm_ms: int = DAY_MS
    young_values: int = 100
    young_ms: int = 2 * DAY_MS
    widen: float = 1.0
    shrink: float = 3e-5
    fade: float = 0.97
    notable: float = 0.3
    least_width: float = 0.0
    zone: tzinfo = UTC

    @property
    def name(self) -> str:
        """Name of the detector in settings and evidence."""
        return "records"

    @property
    def version(self) -> int:
        """Version of the arithmetic above."""
        return 4

    @property
    def state(self) -> type[Known]:
        """Type of the state."""
        return Known

    def fresh(self) -> Known:
        """Return the state of an unknown series."""
        return Known(0, 0.0, 0.0, 0.0, 0.0, 0.0, [None] * BINS, 0, 0.0, 0, [Range() for _ in ASPECTS])

    def score(self, state: Known, at_ms: int, value: float) -> Score:
        """Return the greatest margin beyond a range, less the habit."""
        best, found = -1.0, Score(0.0, "value", value, value, value, warm=False)
        figures = self._figures(state, at_ms, value)
        for aspect, figure, seen in zip(ASPECTS, figures, state.ranges, strict=True):
            if figure is None or (best >= 0 and seen.low <= figure <= seen.high):
                continue  # most values, most of the time
            if not self._warm(seen, at_ms):
                continue
            margin = self._margin(seen, at_ms, figure)
            if margin > best:
                best = margin
                shift = value - figure if aspect == "season" else 0.0  # said of the value itself
                news = max(0.0, margin - state.habit) / (2 * self.notable)
                found = Score(min(1.0, news), aspect, figure + shift, seen.low + shift, seen.high + shift)
        return found

    def learn(self, state: Known, at_ms: int, value: float, score: Score) -> None:
        """Take the value into ranges, profile and figures."""
        self._go_by_our_clocks(state, at_ms)
        figures = self._figures(state, at_ms, value)
        self._turn(state, self._slot(state, at_ms))
        expected = state.profile[state.slot % BINS]
        values = state.ranges[0]
        swing = values.high - values.low  # before this value
        taught, told = value, 0.0
        for aspect, figure, seen in zip(ASPECTS, figures, state.ranges, strict=True):
            if figure is None:
                continue
            within = figure
            if not seen.low <= figure <= seen.high and self._warm(seen, at_ms):
                told = max(told, self._margin(seen, at_ms, figure))
                within = min(max(figure, seen.low), seen.high)
            learnt = self._widen(seen, at_ms, figure, swing if aspect == "season" else 0.0)
            if aspect == "season" and expected is not None:
                taught = expected + state.level + within
                state.level += learnt / self.level
        state.slot_sum += taught
        state.slot_values += 1
        state.habit = max(state.habit * self.fade, told)
        state.mean, state.activity = figures[1] or 0.0, figures[3] or 0.0
        state.last = value
        state.values += 1

    def _warm(self, seen: Range, at_ms: int) -> bool:
        return seen.seen > self.warm_values and at_ms - seen.since >= self.warm_ms

    def _margin(self, seen: Range, at_ms: int, figure: float) -> float:
        beyond = max(figure - seen.high, seen.low - figure)
        if beyond <= 0:
            return 0.0
        width = max(seen.high - seen.low, self.least_width)
        rounding = 1e-9 * max(abs(seen.high), abs(seen.low))
        if width <= rounding:  # it never changed until now
            width = beyond if beyond > rounding else math.inf
        youth = self.young_values / seen.seen + self.young_ms / max(1, at_ms - seen.since)
        return min(1.0, beyond / width) / (1 + youth)

    def _widen(self, seen: Range, at_ms: int, figure: float, swing: float) -> float:
        """Take the figure into its range, which counts as no narrower than `swing`; returns what of it was let in."""
        if seen.seen == 0:
            seen.low = seen.high = figure
            seen.seen, seen.since = 1, at_ms
            return figure
        low, high = seen.low, seen.high
        width = high - low
        most = self.widen * max(width, self.least_width, swing)
        if most > 0 and not low <= figure <= high and self._warm(seen, at_ms):
            figure = min(max(figure, low - most), high + most)
        low, high = low + self.shrink * width, high - self.shrink * width
        seen.low = figure if figure < low else low
        seen.high = figure if figure > high else high
        seen.seen += 1
        return figure

    def _figures(self, state: Known, at_ms: int, value: float) -> tuple[float, float, float | None, float]:
        """Return the four figures with this value in them; there is no season before its half hour had a profile."""
        expected = self._expected(state, self._slot(state, at_ms))
        change = abs(value - state.last) if state.values else 0.0
        least = 1 / (state.values + 1)  # plain means at first
        return (
            value,
            state.mean + max(1 / self.mean, least) * (value - state.mean),
            None if expected is None else value - expected - state.level,
            state.activity + max(1 / self.activity, least) * (change - state.activity),
        )

    def _slot(self, state: Known, at_ms: int) -> int:
        return slot_of(at_ms, clocks(state.zone, self.zone), BIN_MS)

    def _go_by_our_clocks(self, state: Known, at_ms: int) -> None:
        """Turn what was learnt by other clocks, where the city was given another time zone."""
        if state.zone != str(self.zone):
            apart = slots_apart(at_ms, clocks(state.zone, self.zone), self.zone, BIN_MS)
            state.slot += apart
            state.profile = state.profile[-apart % BINS :] + state.profile[: -apart % BINS]
            state.zone = str(self.zone)

    def _expected(self, state: Known, slot: int) -> float | None:
        """Return the profile of a half hour, as of its days before."""
        if slot != state.slot and (slot - state.slot) % BINS == 0 and state.slot_values:
            return self._blend(state)
        return state.profile[slot % BINS]

    def _turn(self, state: Known, slot: int) -> None:
        """Begin another half hour: the profile learns the mean of the one that ends."""
        if slot != state.slot:
            if state.slot_values:
                state.profile[state.slot % BINS] = self._blend(state)
            state.slot, state.slot_sum, state.slot_values = slot, 0.0, 0

    def _blend(self, state: Known) -> float:
        mean = state.slot_sum / state.slot_values
        old = state.profile[state.slot % BINS]
        return mean if old is None else old + self.profile * (mean - old)
