"""Quantile sketch of a window, by the published formula: DDSketch (https://arxiv.org/abs/1908.10693), accurate to 1 %.

With gamma = 1.01 / 0.99 a value v > 0 lies in bucket k = ceil(log(v) / log(gamma)), which stands for
2 gamma^k / (gamma + 1). In the tables a bucket is the number k + 1037, negative for negative values, and 0 for
zero. Quantile q of n values is the one of rank floor(q (n - 1)) among the sorted ones.
"""

import math
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

_GAMMA = 1.01 / 0.99
_SHIFT = 1037
_PER_UNIT = 10**6
_DOUBTFUL = 1e-9


def bins_of(millionths: pl.Series) -> pl.Series:
    """Return the bucket of each value, given in whole millionths."""
    values = millionths.to_numpy()
    size = np.abs(values)
    exponent = np.log(np.maximum(size, 1) / _PER_UNIT) / math.log(_GAMMA)
    keys = np.ceil(exponent).astype(np.int64)
    _decide(keys, exponent, size)
    return pl.Series(np.where(size == 0, 0, np.sign(values) * (keys + _SHIFT)))


def _decide(keys: NDArray[np.int64], exponent: NDArray[np.float64], size: NDArray[np.int64]) -> None:
    """Decide in whole numbers what lies so close to the border of two buckets that a logarithm may err."""
    border = np.rint(exponent)
    for at in np.flatnonzero((np.abs(exponent - border) < _DOUBTFUL) & (size > 0)).tolist():
        key = int(border[at])
        beyond = int(size[at]) * 99 ** max(key, 0) * 101 ** max(-key, 0) > (
            _PER_UNIT * 101 ** max(key, 0) * 99 ** max(-key, 0)
        )
        keys[at] = key + beyond


def value_of(bucket: int) -> float:
    """Return what a bucket stands for."""
    if bucket == 0:
        return 0.0
    return math.copysign(2 * _GAMMA ** (abs(bucket) - _SHIFT) / (_GAMMA + 1), bucket)


def merged(counted: pl.DataFrame, slot: Sequence[str], quantiles: dict[str, float]) -> pl.DataFrame:
    """Return one row per slot: its sketch as bins and bin_counts (as PostgreSQL shows them), and quantiles.

    `counted` has a row per value, with the columns of `slot` and `bin`.
    """
    buckets = (
        counted.group_by(*slot, "bin")
        .agg(pl.len().cast(pl.Int64).alias("n"))
        .sort(*slot, "bin")
        .with_columns(
            pl.col("n").cum_sum().over(slot).alias("upto"), pl.col("n").sum().over(slot).alias("all")
        )
    )
    values = {bucket: value_of(bucket) for bucket in buckets["bin"].unique().to_list()}
    stands_for = pl.col("bin").replace_strict(values, default=None, return_dtype=pl.Float64)
    rank = {name: (q * (pl.col("all") - 1)).floor() for name, q in quantiles.items()}
    return (
        buckets.group_by(slot)
        .agg(
            pl.col("bin").cast(pl.String).str.join(",").alias("bins"),
            pl.col("n").cast(pl.String).str.join(",").alias("bin_counts"),
            *(stands_for.filter(pl.col("upto") > at).first().alias(name) for name, at in rank.items()),
        )
        .with_columns(
            pl.concat_str(pl.lit("{"), name, pl.lit("}")).alias(name) for name in ("bins", "bin_counts")
        )
    )
