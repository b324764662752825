"""The audit's quantile sketch against the definition of DDSketch, in whole numbers."""

import random
from fractions import Fraction

import polars as pl
import pytest

from streams.audit.sketch import bins_of, merged, value_of

GAMMA = Fraction(101, 99)
ONE = 10**6


def test_a_bucket_holds_what_lies_between_two_powers_of_gamma() -> None:
    rng = random.Random(5)
    values = [1, 2, ONE - 1, ONE, ONE + 1, *(int(10 ** rng.uniform(0, 12)) for _ in range(300))]
    for value, bucket in zip(values, bins_of(pl.Series(values)).to_list(), strict=True):
        key = bucket - 1037
        assert GAMMA ** (key - 1) < Fraction(value, ONE) <= GAMMA**key


def test_buckets_sort_like_values_and_mirror_at_zero() -> None:
    values = [-(10**12), -ONE, -1, 0, 1, ONE, 10**12]
    buckets = bins_of(pl.Series(values)).to_list()
    assert buckets == sorted(buckets)
    assert buckets == [-bucket for bucket in reversed(buckets)]
    assert buckets[3] == 0
    assert value_of(0) == 0.0


@pytest.mark.parametrize("value", [-273.15, -0.000001, 0.5, 1.0, 101_325.0])
def test_what_a_bucket_stands_for_is_within_one_percent(value: float) -> None:
    (bucket,) = bins_of(pl.Series([round(value * ONE)])).to_list()
    assert value_of(bucket) == pytest.approx(value, rel=0.01)


def test_quantiles_are_those_of_the_rank_below() -> None:
    values = [1, 10, 100, 1_000]
    counted = pl.DataFrame({"slot": ["a"] * 4, "bin": bins_of(pl.Series([v * ONE for v in values]))})
    for q, rank in ((0.0, 0), (0.33, 0), (0.34, 1), (0.5, 1), (0.99, 2), (1.0, 3)):
        (row,) = merged(counted, ["slot"], {"found": q}).to_dicts()
        assert row["found"] == pytest.approx(values[rank], rel=0.01)


def test_a_sketch_is_shown_as_postgresql_shows_an_array() -> None:
    counted = pl.DataFrame({"slot": ["a", "a", "b", "a"], "bin": [7, -3, 0, 7]})
    rows = merged(counted, ["slot"], {}).sort("slot").rows()
    assert rows == [("a", "{-3,7}", "{1,2}"), ("b", "{0}", "{1}")]
