"""When a cell will be full: what the net inflow of its last windows says, and what it does not."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.incidents.forecast.inflow import FRESH, LONGEST, SPANS, TENTH, Flow, expect

SURE, WITHIN = 2.5, 30.0
flows = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=LONGEST + 3)


def test_a_steady_inflow_is_carried_on() -> None:
    found = expect([(3, 0)] * 20, 30, SURE, WITHIN)
    assert found is not None
    assert (found.rate, found.expected) == (3.0, 10.0)
    assert found.earliest < 10 < found.latest


@pytest.mark.parametrize(
    "some", [[(0, 0)] * 4 + [(5, 1)] * 8, [(30, 0), (10, 0), (20, 0)]], ids=["even", "uneven"]
)
def test_the_interval_is_where_a_tenth_is_still_missing_and_already_there(some: list[Flow]) -> None:
    """Against the law that it is made of: the distance of the mean from what is missing, in deviations."""
    found = expect(some, 20, SURE, WITHIN)
    assert found is not None
    n = found.span - 1
    rest = sorted(some[-found.span :], key=lambda flow: flow[0] - flow[1])[:n]
    mean = sum(a - d for a, d in rest) / n
    variance = max(
        sum(a + d for a, d in rest) / n,
        sum((a - d - mean) ** 2 for a, d in rest) / (n - 1),
    )
    for windows, side in ((found.earliest, -1), (found.latest, 1)):
        deviation = math.sqrt(variance * (windows + windows**2 / n))
        assert (mean * windows - 20) / deviation == pytest.approx(side * TENTH)


def test_bikes_that_come_and_go_are_no_inflow() -> None:
    assert expect([(9, 8), (8, 9)] * 10, 3, SURE, WITHIN) is None
    assert expect([(9, 8)] * 20, 3, SURE, WITHIN) is None  # 19 more of 323 that moved: chance does that


@pytest.mark.parametrize(("arrivals", "sure"), [(13, False), (14, True)])
def test_an_inflow_of_just_so_many_deviations_is_not_beyond_them(arrivals: int, sure: bool) -> None:
    """Ten more of sixteen that moved are 2.5 times the root of sixteen."""
    found = expect([(20, 0), (arrivals, 0), (0, 3)], 5, SURE, WITHIN)
    assert (found is not None) == sure


def test_one_lorry_that_unloads_does_not_go_on() -> None:
    assert expect([(0, 0)] * 19 + [(40, 0)], 5, SURE, WITHIN) is None


def test_what_is_expected_after_the_horizon_is_not_told() -> None:
    assert expect([(1, 0)] * 20, 31, SURE, 30.0) is None
    assert expect([(1, 0)] * 20, 30, SURE, 30.0) is not None


def test_a_crowd_counts_before_the_hour_does() -> None:
    found = expect([(1, 1)] * 17 + [(9, 0), (10, 0), (12, 0)], 20, SURE, WITHIN)
    assert found is not None
    assert found.span == min(SPANS)


@given(flows, st.integers(1, 100))
def test_without_net_inflow_nothing_is_expected(some: list[Flow], missing: int) -> None:
    """no_alert_with_zero_inflow"""
    balanced = [(arrivals, max(arrivals, departures)) for arrivals, departures in some]
    assert expect(balanced, missing, SURE, WITHIN) is None


@given(flows, st.lists(st.integers(0, 40), min_size=FRESH, max_size=FRESH), st.integers(1, 100))
def test_an_inflow_that_stopped_is_not_expected_to_go_on(
    some: list[Flow], moves: list[int], missing: int
) -> None:
    """no_inflow_in_the_newest_windows_no_expectation"""
    stopped = [*some, *zip(moves, moves, strict=True)]
    assert expect(stopped, missing, SURE, math.inf) is None


@given(flows, st.integers(1, 100), st.data())
def test_more_inflow_is_never_expected_later(some: list[Flow], missing: int, data: st.DataObject) -> None:
    """more_inflow_never_later"""
    before = expect(some, missing, SURE, WITHIN)
    if before is None:
        return
    at = data.draw(st.integers(0, len(some) - 1))
    arrivals, departures = some[at]
    more = [*some[:at], (arrivals + data.draw(st.integers(1, 20)), departures), *some[at + 1 :]]
    after = expect(more, missing, SURE, WITHIN)
    assert after is not None
    assert after.expected <= before.expected + 1e-9


@given(flows, st.integers(1, 100), st.integers(1, 20))
def test_a_fuller_cell_is_never_expected_to_be_full_later(some: list[Flow], missing: int, fewer: int) -> None:
    before, after = (expect(some, missing + more, SURE, math.inf) for more in (fewer, 0))
    assert (before is None) == (after is None)
    if before is not None and after is not None:
        assert after.expected <= before.expected
        assert after.latest <= before.latest + 1e-9


@given(flows, st.integers(1, 100))
def test_the_expected_time_lies_in_its_interval(some: list[Flow], missing: int) -> None:
    found = expect(some, missing, SURE, WITHIN)
    if found is not None:
        assert 0 < found.earliest <= found.expected <= found.latest
