"""What every detector of the family promises; and what each of them is for."""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.incidents.anomaly.contract import Detector, Score, gaussian_nats, surprise
from streams.incidents.anomaly.counts import tail_nats
from streams.incidents.anomaly.family import FAMILY, JOINT, for_subject
from streams.incidents.anomaly.linear import explained
from streams.incidents.anomaly.multivariate import Cell, Multivariate
from streams.incidents.anomaly.records import Records
from streams.incidents.anomaly.spatial import Spatial
from streams.incidents.anomaly.watch import Rule, Watch, step

T0 = 1_767_225_600_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


class Pair:
    """The multivariate detector under the contract of one number: two metrics, the one the negative of the other."""

    def __init__(self) -> None:
        self._both = Multivariate()
        self.name, self.version, self.state = self._both.name, self._both.version, self._both.state

    def fresh(self) -> Cell:
        return self._both.fresh()

    def score(self, state: Cell, at_ms: int, value: float) -> Score:
        return self._both.score(state, at_ms, {"a": value, "b": -value})

    def learn(self, state: Cell, at_ms: int, value: float, score: Score) -> None:
        self._both.learn(state, at_ms, {"a": value, "b": -value}, score)


MEMBERS: dict[str, Detector[Any, float]] = {name: make() for name, make in FAMILY.items()}
MEMBERS |= {"spatial": Spatial(), "multivariate": Pair()}
ANY: Any = pytest.mark.parametrize("detector", list(MEMBERS.values()), ids=MEMBERS)


def test_the_suite_runs_over_all_members() -> None:
    assert MEMBERS.keys() == FAMILY.keys() | JOINT.keys()


def run(
    detector: Detector[Any, float], values: Iterable[float], step_ms: int, state: Any = None, start: int = T0
) -> tuple[list[Score], Any]:
    """Score and learn values one by one; returns the scores and the state."""
    state = detector.fresh() if state is None else state
    scores = []
    for number, value in enumerate(values):
        at = start + number * step_ms
        score = detector.score(state, at, value)
        detector.learn(state, at, value, score)
        scores.append(score)
    return scores, state


def weeks(count: int, seed: int = 1) -> list[float]:
    """Hourly counts of a place with a daily rhythm: around 100, some 10 % of noise."""
    rng = np.random.default_rng(seed)
    hours = np.arange(count * 168)
    rates = 100 + 30 * np.sin(hours / 24 * 2 * np.pi)
    return [float(value) for value in rng.poisson(rates)]


@ANY
def test_an_unknown_series_is_warmed_up_first(detector: Detector[Any, float]) -> None:
    scores, _ = run(detector, weeks(6), HOUR)
    warm = [score.warm for score in scores]
    assert not warm[0]
    assert warm[-1]
    assert all(score.score == 0 for score in scores if not score.warm)


@ANY
def test_a_place_as_ever_raises_nothing(detector: Detector[Any, float]) -> None:
    scores, _ = run(detector, weeks(12), HOUR)
    assert max(score.score for score in scores) < (1.0 if detector.name == "change" else 0.5)


@ANY
def test_a_gross_value_is_anomalous_and_still_is_when_it_comes_again(detector: Detector[Any, float]) -> None:
    """It does not teach the baseline. The change detector asks for some of them: a spike is no new level."""
    values = 12 if detector.name == "change" else 1
    _, state = run(detector, weeks(10), HOUR)
    for week in range(2):
        start = T0 + (10 + week) * 168 * HOUR
        scores, state = run(detector, [5_000.0] * values, HOUR, state, start)
        assert max(score.score for score in scores) >= 0.5, week
        _, state = run(detector, weeks(1, seed=2 + week)[values:], HOUR, state, start + values * HOUR)


@ANY
def test_scoring_changes_nothing(detector: Detector[Any, float]) -> None:
    _, state = run(detector, weeks(4), HOUR)
    before = msgspec.msgpack.encode(state)
    one = detector.score(state, T0 + 5 * 168 * HOUR, 77.0)
    assert msgspec.msgpack.encode(state) == before
    assert detector.score(state, T0 + 5 * 168 * HOUR, 77.0) == one


@ANY
def test_a_state_stored_and_loaded_goes_on_as_if_nothing_had_happened(detector: Detector[Any, float]) -> None:
    values = weeks(6)
    whole, end = run(detector, values, HOUR)
    _, half = run(detector, values[:500], HOUR)
    loaded = msgspec.msgpack.decode(msgspec.msgpack.encode(half), type=detector.state)
    rest, again = run(detector, values[500:], HOUR, loaded, T0 + 500 * HOUR)
    assert rest == whole[500:]
    assert msgspec.msgpack.encode(again) == msgspec.msgpack.encode(end)


@ANY
def test_the_state_is_small_and_does_not_grow(detector: Detector[Any, float]) -> None:
    _, state = run(detector, weeks(4), HOUR)
    size = len(msgspec.msgpack.encode(state))
    _, state = run(detector, weeks(20), HOUR, state, T0 + 4 * 168 * HOUR)
    assert len(msgspec.msgpack.encode(state)) <= size * 1.1
    assert size < 6_000


@ANY
@given(
    st.lists(st.floats(-1e12, 1e12), min_size=150, max_size=400),
    st.sampled_from((MINUTE, HOUR, 7 * HOUR, DAY)),
)
def test_scores_are_finite_whatever_comes(
    detector: Detector[Any, float], values: list[float], step: int
) -> None:
    for score in run(detector, values, step)[0]:
        assert 0 <= score.score <= 1
        assert all(map(math.isfinite, (score.observed, score.low, score.high)))
        assert score.low <= score.high


@ANY
@pytest.mark.parametrize("level", [0.0, 45.0, -1e9])
def test_a_series_that_never_moves_raises_nothing(detector: Detector[Any, float], level: float) -> None:
    assert max(score.score for score in run(detector, [level] * 1_500, HOUR)[0]) < 0.001


# ------------------------------------------------------------------ what each of them is for


def seasonal(days: int, bump: Callable[[int], bool]) -> list[float]:
    """Five-minute values, 20 by night and 80 from nine to five on the days that have a bump; little noise."""
    rng = np.random.default_rng(3)
    return [
        (80.0 if 108 <= step % 288 < 204 and bump(step // 288) else 20.0) + float(rng.uniform(-1, 1))
        for step in range(days * 288)
    ]


def test_records_miss_the_bump_of_a_day_without_one() -> None:
    """No value of that day is unusual by itself: all of them lie between 19 and 81."""
    scores, _ = run(Records(), seasonal(10, lambda day: day != 8), 300_000)
    loud = [n for n, score in enumerate(scores) if score.score >= 0.5]
    assert loud
    assert loud[0] == 8 * 288 + 108
    assert scores[loud[0]].aspect == "season"
    assert scores[loud[0]].low > 70 > scores[loud[0]].observed


def test_records_notice_a_series_that_falls_still() -> None:
    rng = np.random.default_rng(4)
    values = [*(50 + rng.normal(0, 5, 4_000)).tolist(), *[50.0] * 200]
    scores, _ = run(Records(), values, 300_000)
    loud = [score for score in scores[4_000:] if score.score > 0]
    assert {score.aspect for score in loud} >= {"activity"}


def test_records_tell_an_event_once_and_again_only_if_it_grows() -> None:
    rng = np.random.default_rng(5)
    quiet = rng.uniform(0, 10, 1_000).tolist()
    scores, _ = run(Records(), [*quiet, 20.0, 20.0, 20.0], 300_000)
    first, *others = [score.score for score in scores[1_000:]]
    assert first > 0.5
    assert max(others) < 0.1


@pytest.mark.parametrize(("step", "off", "earlier"), [(1, 0.0, 10), (10, 0.0, 10), (10, 40.0, 30)])
def test_records_tell_another_timetable_once_and_not_day_after_day(
    step: int, off: float, earlier: int
) -> None:
    """Lamps go on at 20:00 for two weeks, then earlier: the residual of that half hour is all of the value.

    The range of the season had no width until then.
    """
    minutes = range(0, 40 * 1_440, step)
    on = [at % 1_440 >= 1_200 - (earlier if at >= 14 * 1_440 else 0) or at % 1_440 < 360 for at in minutes]
    scores, _ = run(Records(least_width=0.02), [100.0 if lit else off for lit in on], step * MINUTE)
    loud = [n * step // 1_440 for n, score in enumerate(scores) if score.score >= 0.5]
    assert loud == [14]


def test_a_range_that_is_finer_than_the_least_width_counts_as_still() -> None:
    values = [*[10.0, 10.001] * 500, 10.01]
    assert run(Records(), values, 300_000)[0][-1].score > 0.5
    assert run(Records(least_width=1.0), values, 300_000)[0][-1].score < 0.02
    assert for_subject("records", "rain") == Records(least_width=2_000 / 5_000)


def test_a_gross_value_of_a_series_that_never_moved_is_anomalous_and_so_is_one_half_as_gross() -> None:
    """A pipe at 500 kPa for two days, and once at 9,000: 5,000 a day later is no less of a surprise for that."""
    values = [*[500.0] * 2_880, 9_000.0, *[500.0] * 1_440, 5_000.0]
    scores, _ = run(for_subject("records", "pipe_pressure"), values, MINUTE)
    assert scores[2_880].score > 0.5
    assert scores[-1].score > 0.5
    assert scores[-1].high < 510


def test_a_change_of_level_is_found_and_a_spike_is_not() -> None:
    rng = np.random.default_rng(6)
    quiet = rng.normal(100, 5, 2_000).tolist()
    change = FAMILY["change"]()
    spike, _ = run(change, [*quiet, 500.0, *rng.normal(100, 5, 50).tolist()], MINUTE)
    shift, _ = run(change, [*quiet, *rng.normal(120, 5, 50).tolist()], MINUTE)
    assert max(score.score for score in spike[2_000:]) < 0.5
    assert next(n for n, score in enumerate(shift[2_000:]) if score.score >= 0.5) < 10


@pytest.mark.parametrize("deviations", [3, 8, 40])
@pytest.mark.parametrize("window_ms", [MINUTE, 5 * MINUTE])
def test_a_change_of_level_is_told_once(deviations: float, window_ms: int) -> None:
    """The new level is not taken from one noisy value, from which the others would be another change."""
    change = FAMILY["change"]()
    for seed in range(40):
        noise = np.random.default_rng(seed).normal(50, 1, 3_000)
        scores, _ = run(change, [*noise[:1_000], *(noise[1_000:] + deviations)], window_ms)
        assert told(scores, window_ms) == 1, seed


def test_a_spike_just_when_the_level_has_changed_is_not_the_new_level() -> None:
    change, rng = FAMILY["change"](), np.random.default_rng(7)
    values = [*rng.normal(50, 1, 1_000), *rng.normal(58, 1, 1_000)]
    scores, _ = run(change, values, MINUTE)
    decided = next(n for n, score in enumerate(scores) if score.score >= 1.0)
    values[decided] = 1_000.0
    scores, state = run(change, values, MINUTE)
    assert scores[decided].score >= 1.0
    assert max(score.score for score in scores[decided + 1 :]) < 0.5
    assert state.mean == pytest.approx(58, abs=0.5)


def told(scores: Sequence[Score], window_ms: int) -> int:
    """Return how many alerts the scores of windows raise."""
    raised, watch, rule = 0, Watch(), Rule()
    for number, score in enumerate(scores):
        before, watch = watch.severity, step(watch, score, T0 + number * window_ms, rule)
        raised += before is None and watch.severity is not None
    return raised


def test_the_same_value_is_usual_at_noon_and_unusual_at_night() -> None:
    values = [200.0 + n % 7 if 8 <= n % 24 < 20 else 20.0 + n % 5 for n in range(5 * 168)]
    member = FAMILY["seasonal"]()
    _, state = run(member, values, HOUR)
    monday = T0 + 5 * 168 * HOUR + 4 * DAY
    assert member.score(state, monday + 12 * HOUR, 203.0).score < 0.2
    assert member.score(state, monday + 2 * HOUR, 203.0).score > 0.5


def test_hours_of_the_week_are_those_that_the_clocks_of_the_city_show() -> None:
    """Shops are open from 8 to 20 in Berlin, before and after the night in which clocks are put on (29 March 2026)."""
    berlin = ZoneInfo("Europe/Berlin")
    member = for_subject("seasonal", "flow", berlin)

    def at(day: datetime, hour: int) -> int:
        return int(day.replace(hour=hour, tzinfo=berlin).timestamp()) * 1000

    state, begin = member.fresh(), datetime(2026, 2, 16)
    for day in (begin + timedelta(days=number) for number in range(41)):
        for hour in range(24):
            value = 200.0 + day.day % 7 if 8 <= hour < 20 else 20.0 + day.day % 5
            member.learn(state, at(day, hour), value, member.score(state, at(day, hour), value))
    monday = begin + timedelta(days=42)
    assert member.score(state, at(monday, 8), 203.0).score < 0.2
    assert member.score(state, at(monday, 19), 203.0).score < 0.2
    assert member.score(state, at(monday, 20), 203.0).score > 0.5
    assert member.score(state, at(monday, 7), 203.0).score > 0.5


def test_a_level_that_changed_for_good_is_told_for_three_weeks_and_usual_once_it_is_known() -> None:
    """A new bus line: 300 where 100 were. It must not be an alert for ever, and what was usual no longer is.

    An hour of one value a week is known after four.
    """
    member = FAMILY["seasonal"]()
    _, state = run(member, weeks(10), HOUR)
    busier = [200 + value for value in weeks(12, seed=2)]
    scores, state = run(member, busier, HOUR, state, T0 + 10 * 168 * HOUR)
    assert min(score.score for score in scores[: 3 * 168]) >= 0.5
    assert not any(score.warm for score in scores[3 * 168 : 7 * 168])
    assert all(score.warm for score in scores[7 * 168 :])
    assert max(score.score for score in scores[7 * 168 :]) < 0.5
    assert member.score(state, T0 + 22 * 168 * HOUR, 100.0).score >= 0.5


def test_what_is_strange_now_and_then_never_becomes_usual() -> None:
    """Two weeks of works on the road; and five of every twelve windows of an hour, for ever."""
    member = FAMILY["seasonal"]()
    _, state = run(member, weeks(10), HOUR)
    works = [200 + value for value in weeks(2, seed=2)]
    _, state = run(member, works, HOUR, state, T0 + 10 * 168 * HOUR)
    assert (
        max(score.score for score in run(member, weeks(4, seed=3), HOUR, state, T0 + 12 * 168 * HOUR)[0])
        < 0.5
    )
    _, state = run(member, [100.0 + n % 7 for n in range(5 * 2016)], 5 * MINUTE)
    odd = [500.0 if n % 12 < 5 else 100.0 + n % 7 for n in range(8 * 2016)]
    scores, _ = run(member, odd, 5 * MINUTE, state, T0 + 5 * 168 * HOUR)
    assert all((score.score >= 0.5) == (n % 12 < 5) for n, score in enumerate(scores))


@pytest.mark.parametrize(("former", "city"), [("UTC", "Asia/Shanghai"), ("Asia/Tokyo", "America/New_York")])
def test_hours_that_were_learnt_by_other_clocks_are_turned_to_those_of_the_city(
    former: str, city: str
) -> None:
    """UB_TIMEZONE is set right after four weeks: what is usual comes at the same times as before."""
    before, after = (for_subject("seasonal", "flow", ZoneInfo(zone)) for zone in (former, city))
    values = [200.0 + hour % 5 if 8 <= hour % 24 < 20 else 20.0 + hour % 3 for hour in range(6 * 168)]
    _, state = run(before, values[: 4 * 168], HOUR)
    _, same = run(before, values[: 4 * 168], HOUR)
    changed = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=after.state)
    for number, value in enumerate(values[4 * 168 :], 4 * 168):
        at = T0 + number * HOUR
        score = after.score(changed, at, value)
        assert score == before.score(same, at, value)
        assert score.score < 0.5
        after.learn(changed, at, value, score)
        before.learn(same, at, value, score)
    night, noon = T0 + 6 * 168 * HOUR, T0 + (6 * 168 + 12) * HOUR
    assert after.score(changed, night, 203.0).score > 0.5
    assert after.score(changed, noon, 20.0).score > 0.5


@pytest.mark.parametrize(
    "change", [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2025, 10, 26, 1, tzinfo=UTC)]
)
def test_rush_hours_are_no_record_on_the_day_on_which_clocks_are_changed(change: datetime) -> None:
    """Cars in Berlin, every five minutes for six weeks before that night and a week after it. By UTC they would be."""
    berlin = ZoneInfo("Europe/Berlin")

    def cars(at: datetime, noise: float) -> float:
        clock = at.astimezone(berlin)
        hour = clock.hour + clock.minute / 60
        return (
            200
            + 900 * math.exp(-((hour - 7.8) ** 2) / 1.3)
            + 700 * math.exp(-((hour - 17.2) ** 2) / 3.4)
            + noise
        )

    def most_surprising(zone: tzinfo) -> float:
        member, noises = (
            for_subject("records", "flow", zone),
            np.random.default_rng(0).normal(0, 10, 49 * 288),
        )
        state, most = member.fresh(), 0.0
        for number, noise in enumerate(noises.tolist()):
            at = change + timedelta(minutes=5 * (number - 42 * 288))
            at_ms, value = int(at.timestamp()) * 1000, cars(at, noise)
            score = member.score(state, at_ms, value)
            member.learn(state, at_ms, value, score)
            if at >= change:
                most = max(most, score.score)
        return most

    assert most_surprising(berlin) < 0.2
    assert most_surprising(UTC) > 0.3


@pytest.mark.parametrize(("former", "city"), [("UTC", "Asia/Shanghai"), ("Asia/Tokyo", "America/New_York")])
def test_a_day_that_was_learnt_by_other_clocks_is_turned_to_those_of_the_city(former: str, city: str) -> None:
    before, after = (for_subject("records", "flow", ZoneInfo(zone)) for zone in (former, city))
    values = [200.0 + n % 5 if 8 <= n // 2 % 24 < 20 else 20.0 + n % 3 for n in range(14 * 48)]
    _, state = run(before, values[: 7 * 48 + 9], HOUR // 2)
    _, same = run(before, values[: 7 * 48 + 9], HOUR // 2)
    changed = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=after.state)
    for number, value in enumerate(values[7 * 48 + 9 :], 7 * 48 + 9):
        at = T0 + number * HOUR // 2
        score = after.score(changed, at, value)
        assert score == before.score(same, at, value)
        after.learn(changed, at, value, score)
        before.learn(same, at, value, score)


def test_hours_by_clocks_that_this_machine_does_not_know_are_those_of_the_city() -> None:
    member = for_subject("seasonal", "flow", ZoneInfo("Asia/Shanghai"))
    _, state = run(member, [5.0 + hour % 24 for hour in range(4 * 168)], HOUR)
    found = msgspec.convert([*msgspec.to_builtins(state)[:3], "Moon/Tycho"], member.state)
    at = T0 + 4 * 168 * HOUR
    assert member.score(found, at, 5.0) == member.score(state, at, 5.0)
    member.learn(found, at, 5.0, member.score(found, at, 5.0))
    assert msgspec.to_builtins(found)[3] == "Asia/Shanghai"


def test_an_hour_in_which_it_never_rained_is_not_held_to_be_without_any_noise() -> None:
    member = for_subject("seasonal", "rain")
    scores, state = run(member, [0.0] * (4 * 168) + [0.1] * 168, HOUR)
    assert max(score.score for score in scores) < 0.2
    assert member.score(state, T0 + 5 * 168 * HOUR, 30.0).score > 0.9


@pytest.mark.parametrize("mean", [0.5, 4.0, 60.0])
@pytest.mark.parametrize("far", [1.5, 3.0, 8.0])
def test_the_bound_of_a_poisson_tail_is_one_and_not_far_off(mean: float, far: float) -> None:
    """Against the sum of the law itself: exp(-D) is at least the tail, and at most some times as much."""
    count = math.ceil(mean * far) + 1
    tail = math.fsum(
        math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count, count + 2_000)
    )
    nats = tail_nats(float(count), mean, mean)
    assert nats <= -math.log(tail) <= nats + 5


@pytest.mark.parametrize("mean", [1e3, 1e5, 1e6, 1e8])
@pytest.mark.parametrize("more", [1e-9, 1e-8, 1e-6, 1e-4])
def test_a_variance_that_is_hardly_more_than_the_mean_makes_no_other_tail(mean: float, more: float) -> None:
    """The law is all but Poisson's; its size is so large then that differences of its logarithms are noise."""
    count = mean + 6 * math.sqrt(mean)
    wanted = tail_nats(count, mean, mean)
    assert tail_nats(count, mean, mean * (1 + 2 * more)) == pytest.approx(wanted, rel=0.001)


@pytest.mark.parametrize(
    ("count", "mean", "variance"), [(0.0, 1.0, 1e24), (1e12, 1e-9, 1e3), (1e-9, 1e12, 1e24)]
)
def test_a_tail_is_a_number_however_far_out_a_count_lies(count: float, mean: float, variance: float) -> None:
    size = mean * mean / (variance - mean)
    own = count * math.log(count / mean) if count else 0.0
    wanted = own - (count + size) * math.log((count + size) / (mean + size))
    assert tail_nats(count, mean, variance) == pytest.approx(wanted, rel=1e-3)


def test_counts_that_vary_more_than_poisson_surprise_less() -> None:
    poisson, wide = tail_nats(60.0, 20.0, 20.0), tail_nats(60.0, 20.0, 200.0)
    size = 20.0 * 20.0 / 180.0
    law = [
        math.exp(
            math.lgamma(k + size) - math.lgamma(size) - math.lgamma(k + 1)
            + size * math.log(size / (20 + size)) + k * math.log(20 / (20 + size))
        )
        for k in range(60, 5_000)
    ]  # fmt: skip
    assert wide < poisson
    assert wide <= -math.log(math.fsum(law)) <= wide + 5
    assert tail_nats(20.0, 20.0, 20.0) == pytest.approx(0)


def test_surprise_grows_with_the_deviation_without_end() -> None:
    scores = [surprise(gaussian_nats(z)) for z in (0, 1, 3, 6.1, 20, 45, 1e6)]
    assert scores == sorted(scores)
    assert len(set(scores)) == len(scores)
    assert scores[3] == pytest.approx(0.5, abs=0.01)
    assert surprise(math.inf) == 1


# ------------------------------------------------------------------ several metrics at once


def together(days: int, seed: int = 7) -> list[dict[str, float]]:
    """Flow, speed and noise of every ten minutes: speed falls and noise grows with flow."""
    rng = np.random.default_rng(seed)
    return [
        {
            "flow": flow,
            "speed": 80 - flow / 20 + float(rng.normal(0, 0.5)),
            "laeq": 50 + flow / 50 + float(rng.normal(0, 0.2)),
        }
        for flow in rng.normal(500, 100, days * 144).tolist()
    ]


def learnt(values: Iterable[dict[str, float]], detector: Multivariate | None = None) -> tuple[Cell, int]:
    detector = detector or Multivariate()
    state, at = detector.fresh(), T0
    for value in values:
        detector.learn(state, at, value, detector.score(state, at, value))
        at += 10 * MINUTE
    return state, at


def test_the_distance_is_hotellings_with_the_shrunk_correlations() -> None:
    """Against numpy, from the values themselves: 20 days, so that the exponential weights cover the last ten."""
    values = together(20)
    state, at = learnt(values)
    names = ("flow", "laeq", "speed")
    weights = (1 - 1 / 1440) ** np.arange(len(values))[::-1]
    data = np.array([[value[name] for name in names] for value in values])
    mean = np.average(data, axis=0, weights=weights)
    cov = np.cov(data.T, aweights=weights, ddof=0)
    deviation = np.sqrt(np.diag(cov))
    shrunk = 0.9 * cov / np.outer(deviation, deviation) + 0.1 * np.eye(3)
    odd = {"flow": 700.0, "speed": 60.0, "laeq": 60.0}
    z = (np.array([odd[name] for name in names]) - mean) / deviation
    square = float(z @ np.linalg.solve(shrunk, z))
    deviate = ((square / 3) ** (1 / 3) - 1 + 2 / 27) / math.sqrt(2 / 27)
    assert Multivariate().score(state, at, odd).observed == pytest.approx(deviate, rel=0.1)


def test_metrics_that_leave_each_other_are_unusual_and_the_same_values_together_are_not() -> None:
    state, at = learnt(together(9))
    judge = Multivariate().score
    assert judge(state, at, {"flow": 700.0, "speed": 45.0, "laeq": 64.0}).score < 0.3
    odd = judge(state, at, {"flow": 700.0, "speed": 65.0, "laeq": 64.0})
    assert odd.score > 0.5
    assert odd.aspect == "distance (mostly by speed)"


def test_a_metric_that_is_missing_is_left_out_of_the_judgement() -> None:
    values = together(9)
    for number, value in enumerate(values):
        if number % 3 == 0:
            del value["laeq"]
    state, at = learnt(values)
    judge = Multivariate().score
    assert judge(state, at, {"flow": 700.0, "speed": 65.0}).score > 0.5
    assert judge(state, at, {"flow": 700.0, "speed": 45.0}).score < 0.3
    assert not judge(state, at, {"flow": 9_000.0}).warm


def test_a_cell_with_many_metrics_remembers_the_first_and_no_more() -> None:
    values = [{f"m{number:02}": float(number + step % 7) for number in range(20)} for step in range(3)]
    state, _ = learnt(values)
    assert list(state.metrics) == [f"m{number:02}" for number in range(8)]
    assert len(state.moments) == 8 * 9 // 2


@given(
    st.lists(
        st.dictionaries(st.sampled_from("abcdefghij"), st.floats(-1e12, 1e12), max_size=6),
        min_size=20,
        max_size=60,
    )
)
def test_whichever_metrics_come_scores_are_finite(values: list[dict[str, float]]) -> None:
    detector = Multivariate(warm_values=3, warm_days=0)
    state, at = detector.fresh(), T0
    for value in values:
        score = detector.score(state, at, value)
        detector.learn(state, at, value, score)
        assert 0 <= score.score <= 1
        assert math.isfinite(score.observed)
        assert score.low <= score.high
        at += HOUR


def test_metrics_that_move_by_next_to_nothing_in_step_with_another_are_judged_all_the_same() -> None:
    """By millionths, of what can be tens of thousands: how they go together must fit how each goes with the third."""
    detector = Multivariate()
    state, rng = detector.fresh(), np.random.default_rng(13)
    for number, away in enumerate(rng.normal(0, 1, 600).tolist()):
        value = {"co": 300 + away * 1e-6, "pipe_pressure": 500 + away * 1e-6, "temperature": 20 + away}
        score = detector.score(state, T0 + number * MINUTE, value)
        detector.learn(state, T0 + number * MINUTE, value, score)
    assert score.observed < 6


def test_shares_of_a_quadratic_form_are_those_of_the_inverse() -> None:
    rng = np.random.default_rng(8)
    for size in (1, 2, 5, 8):
        root = rng.normal(size=(size, size))
        matrix, z = root @ root.T + np.eye(size), rng.normal(size=size)
        assert explained(matrix.tolist(), z.tolist()) == pytest.approx(
            (z * np.linalg.solve(matrix, z)).tolist()
        )


# ------------------------------------------------------------------ a cell among its neighbours


def test_a_difference_that_is_always_large_is_usual_and_its_end_is_not() -> None:
    rng = np.random.default_rng(9)
    state, detector = Spatial().fresh(), Spatial()
    _, state = run(detector, (400 + rng.normal(0, 10, 9 * 144)).tolist(), 10 * MINUTE, state)
    at = T0 + 9 * DAY
    assert detector.score(state, at, 405.0).score < 0.1
    assert detector.score(state, at, 0.0).score == 1.0


def test_a_series_with_wild_days_learns_its_own_threshold() -> None:
    """A difference of ten deviations once a day is told at first, and no more when it is known for what it is."""
    rng = np.random.default_rng(10)
    values = rng.normal(0, 10, 60 * 144)
    values[20 * 144 + 72 :: 144] += 100
    scores, _ = run(Spatial(), values.tolist(), 10 * MINUTE)
    daily = [score.score for score in scores[72::144]]
    assert daily[20] > 0.5
    assert max(daily[40:]) < 0.5


@pytest.mark.parametrize("name", JOINT)
@pytest.mark.parametrize("far", [30.0, 300.0])
def test_what_comes_every_day_becomes_usual_however_far_out_it_lies(name: str, far: float) -> None:
    """A street that jams each evening, beyond even the threshold of the first week: told for days, not for ever."""
    rng = np.random.default_rng(12)
    values = rng.normal(0, 10, 30 * 144)
    values[110::144] += 10 * far
    scores, _ = run(MEMBERS[name], values.tolist(), 10 * MINUTE)
    daily = [score.score for score in scores[110::144]]
    assert daily[5] >= 0.5
    assert max(daily[20:]) < 0.5


def test_gross_values_hardly_widen_what_is_usual_among_neighbours_or_together() -> None:
    """An hour of them; taken in as they are, they would widen it some ten times over."""
    rng = np.random.default_rng(11)
    detector = Spatial()
    _, state = run(detector, rng.normal(0, 10, 9 * 144).tolist(), 10 * MINUTE)
    before = detector.score(state, T0 + 10 * DAY, 0.0)
    _, state = run(detector, [3_000.0] * 6, 10 * MINUTE, state, T0 + 9 * DAY)
    after = detector.score(state, T0 + 10 * DAY, 0.0)
    assert after.high - after.low < 1.1 * (before.high - before.low)
    cell, at = learnt(together(9))
    odd = {"flow": 700.0, "speed": 65.0, "laeq": 64.0}
    before = Multivariate().score(cell, at, odd)
    for number in range(6):
        gross = {"flow": 40_000.0, "speed": 200.0, "laeq": 0.0}
        Multivariate().learn(cell, at, gross, Multivariate().score(cell, at + number * MINUTE, gross))
    assert Multivariate().score(cell, at + HOUR, odd).observed > 0.8 * before.observed


def test_metrics_that_leave_each_other_for_long_are_not_held_to_go_together() -> None:
    cell, at = learnt(together(9))
    detector, odd = Multivariate(), {"flow": 700.0, "speed": 65.0, "laeq": 64.0}
    before = detector.score(cell, at, odd)
    for number in range(100):
        detector.learn(cell, at, odd, detector.score(cell, at + number * MINUTE, odd))
    assert detector.score(cell, at + 2 * HOUR, odd).observed > 0.7 * before.observed
