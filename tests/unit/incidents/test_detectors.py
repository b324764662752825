"""What every detector of the family promises; and what each of them is for."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.incidents.anomaly.contract import Detector, Score, gaussian_nats, surprise
from streams.incidents.anomaly.counts import tail_nats
from streams.incidents.anomaly.family import FAMILY, for_metric
from streams.incidents.anomaly.records import Records

T0 = 1_767_225_600_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
ANY: Any = pytest.mark.parametrize("detector", [make() for make in FAMILY.values()], ids=FAMILY)


def run(
    detector: Detector[Any], values: Iterable[float], step_ms: int, state: Any = None, start: int = T0
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
def test_an_unknown_series_is_warmed_up_first(detector: Detector[Any]) -> None:
    scores, _ = run(detector, weeks(6), HOUR)
    warm = [score.warm for score in scores]
    assert not warm[0]
    assert warm[-1]
    assert all(score.score == 0 for score in scores if not score.warm)


@ANY
def test_a_place_as_ever_raises_nothing(detector: Detector[Any]) -> None:
    scores, _ = run(detector, weeks(12), HOUR)
    assert max(score.score for score in scores) < (1.0 if detector.name == "change" else 0.5)


@ANY
def test_a_gross_value_is_anomalous_and_still_is_when_it_comes_again(detector: Detector[Any]) -> None:
    """It does not teach the baseline. The change detector asks for some of them: a spike is no new level."""
    values = 12 if detector.name == "change" else 1
    _, state = run(detector, weeks(10), HOUR)
    for week in range(2):
        start = T0 + (10 + week) * 168 * HOUR
        scores, state = run(detector, [5_000.0] * values, HOUR, state, start)
        assert max(score.score for score in scores) >= 0.5, week
        _, state = run(detector, weeks(1, seed=2 + week)[values:], HOUR, state, start + values * HOUR)


@ANY
def test_scoring_changes_nothing(detector: Detector[Any]) -> None:
    _, state = run(detector, weeks(4), HOUR)
    before = msgspec.msgpack.encode(state)
    one = detector.score(state, T0 + 5 * 168 * HOUR, 77.0)
    assert msgspec.msgpack.encode(state) == before
    assert detector.score(state, T0 + 5 * 168 * HOUR, 77.0) == one


@ANY
def test_a_state_stored_and_loaded_goes_on_as_if_nothing_had_happened(detector: Detector[Any]) -> None:
    values = weeks(6)
    whole, end = run(detector, values, HOUR)
    _, half = run(detector, values[:500], HOUR)
    loaded = msgspec.msgpack.decode(msgspec.msgpack.encode(half), type=detector.state)
    rest, again = run(detector, values[500:], HOUR, loaded, T0 + 500 * HOUR)
    assert rest == whole[500:]
    assert msgspec.msgpack.encode(again) == msgspec.msgpack.encode(end)


@ANY
def test_the_state_is_small_and_does_not_grow(detector: Detector[Any]) -> None:
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
def test_scores_are_finite_whatever_comes(detector: Detector[Any], values: list[float], step: int) -> None:
    for score in run(detector, values, step)[0]:
        assert 0 <= score.score <= 1
        assert all(map(math.isfinite, (score.observed, score.low, score.high)))
        assert score.low <= score.high


@ANY
@pytest.mark.parametrize("level", [0.0, 45.0, -1e9])
def test_a_series_that_never_moves_raises_nothing(detector: Detector[Any], level: float) -> None:
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


def test_a_range_that_is_finer_than_the_least_width_counts_as_still() -> None:
    values = [*[10.0, 10.001] * 500, 10.01]
    assert run(Records(), values, 300_000)[0][-1].score > 0.5
    assert run(Records(least_width=1.0), values, 300_000)[0][-1].score < 0.02
    assert for_metric("records", "rain") == Records(least_width=2_000 / 5_000)


def test_a_change_of_level_is_found_and_a_spike_is_not() -> None:
    rng = np.random.default_rng(6)
    quiet = rng.normal(100, 5, 2_000).tolist()
    change = FAMILY["change"]()
    spike, _ = run(change, [*quiet, 500.0, *rng.normal(100, 5, 50).tolist()], MINUTE)
    shift, _ = run(change, [*quiet, *rng.normal(120, 5, 50).tolist()], MINUTE)
    assert max(score.score for score in spike[2_000:]) < 0.5
    assert next(n for n, score in enumerate(shift[2_000:]) if score.score >= 0.5) < 10


def test_the_same_value_is_usual_at_noon_and_unusual_at_night() -> None:
    values = [200.0 + n % 7 if 8 <= n % 24 < 20 else 20.0 + n % 5 for n in range(5 * 168)]
    member = FAMILY["seasonal"]()
    _, state = run(member, values, HOUR)
    monday = T0 + 5 * 168 * HOUR + 4 * DAY
    assert member.score(state, monday + 12 * HOUR, 203.0).score < 0.2
    assert member.score(state, monday + 2 * HOUR, 203.0).score > 0.5


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
