"""Buckets of the quantile sketch."""

import math

import numpy as np
import pytest
from ddsketch import DDSketch
from hypothesis import given
from hypothesis import strategies as st

from streams.fold import sketch

values = st.floats(1e-6, 1e9) | st.floats(-1e9, -1e-6) | st.just(0.0)
many = st.lists(values, min_size=1, max_size=60)


def sketched(of: list[float]) -> tuple[list[int], list[int]]:
    bins, counts = np.unique(sketch.bins_of(np.array(of)), return_counts=True)
    return bins.tolist(), counts.tolist()


@given(many)
def test_bins_sort_like_their_values(of: list[float]) -> None:
    bins = sketch.bins_of(np.array(sorted(of))).tolist()
    assert bins == sorted(bins)


@given(values)
def test_a_bin_stands_for_its_values_to_within_one_percent(value: float) -> None:
    [bin_] = sketch.bins_of(np.array([value])).tolist()
    assert math.isclose(sketch.value_of(bin_), value, rel_tol=0.010001)
    assert np.sign(bin_) == np.sign(value)


@given(many, st.sampled_from([0.0, 0.5, 0.95, 1.0]))
def test_a_quantile_is_that_of_the_sorted_values_to_within_one_percent(of: list[float], q: float) -> None:
    exact = sorted(of)[math.floor(q * (len(of) - 1))]
    assert math.isclose(sketch.quantiles(*sketched(of), [q])[0], exact, rel_tol=0.010001)


@given(many)
def test_the_library_fed_with_the_values_themselves_answers_the_same(of: list[float]) -> None:
    direct = DDSketch(0.01)
    for value in of:
        direct.add(value)
    ours = sketch.quantiles(*sketched(of), (0.0, 0.25, 0.5, 0.95, 1.0))
    for q, answer in zip((0.0, 0.25, 0.5, 0.95, 1.0), ours, strict=True):
        found = direct.get_quantile_value(q)
        assert found is not None
        # A value on the very border of two buckets may be in either, as logarithms are rounded.
        assert math.isclose(answer, found, rel_tol=1e-9) or math.isclose(answer, found, rel_tol=0.0203)


sketches = st.dictionaries(
    st.integers(-sketch.HIGHEST_BIN, sketch.HIGHEST_BIN), st.integers(1, 10**6), min_size=1, max_size=40
)


@given(sketches)
def test_quantiles_are_exactly_those_of_the_library(counts: dict[int, int]) -> None:
    library = DDSketch(sketch.RELATIVE_ACCURACY)
    for bin_, count in counts.items():
        library.add(sketch.value_of(bin_), count)
    bins, qs = sorted(counts), (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
    ours = sketch.quantiles(bins, [counts[bin_] for bin_ in bins], qs)
    assert ours == [library.get_quantile_value(q) for q in qs]


def test_every_bin_has_exactly_the_value_of_the_library() -> None:
    values = [sketch.value_of(bin_) for bin_ in range(-sketch.HIGHEST_BIN, sketch.HIGHEST_BIN + 1)]
    answers = []
    for value in values:
        library = DDSketch(sketch.RELATIVE_ACCURACY)
        library.add(value)
        answers.append(library.get_quantile_value(0.5))
    assert values == answers


def test_borders_of_buckets_are_where_the_paper_puts_them() -> None:
    gamma = 1.01 / 0.99
    for k in (-600, -1, 0, 1, 230, 1500):
        inside = np.array([gamma**k * (1 - 1e-9), gamma ** (k - 1) * (1 + 1e-9)])
        assert sketch.bins_of(inside).tolist() == [k + sketch.OFFSET] * 2
        assert sketch.bins_of(-inside).tolist() == [-k - sketch.OFFSET] * 2
        assert sketch.value_of(k + sketch.OFFSET) == pytest.approx(gamma**k * 0.99, rel=1e-9)


def test_values_beyond_all_buckets_stay_in_the_last_one() -> None:
    assert sketch.bins_of(np.array([1e30, -1e300, 1e-12, -1e-12])).tolist() == [4095, -4095, 0, 0]


def test_quantiles_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        sketch.quantiles([], [], [0.5])
    with pytest.raises(ValueError, match="0 to 1"):
        sketch.quantiles([1], [1], [1.5])
