"""Quantile sketch of the windows: DDSketch with a relative accuracy of 1 %, as numbered buckets with counts.

DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees",
VLDB 2019) puts a value v > 0 into bucket k = ceil(log(v) / log(gamma)), gamma = 1.01 / 0.99, and answers with the
bucket's middle, gamma^k x 0.99, which is within 1 % of every value in it. Sketches are added bucket by bucket, so they
are a function of the set of values, whatever order or grouping they came in (docs/adr/0009-quantile-sketch.md).

A bucket's number here, `bin`, sorts like its values:

    -(k + 1037)   negative values, by their size
    0             zero, and all that is closer to it than 1e-9
    k + 1037      positive values

Quantile q of n values is the one with index floor(q x (n - 1)) among the sorted ones, as in the library `ddsketch`.
The library gives the values that buckets stand for. To fill and to ask its sketches is slow, so the buckets of many
values and the quantiles of many rows are found here; tests compare both with its answers.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate

import numpy as np
from ddsketch.mapping import LogarithmicMapping
from numpy.typing import NDArray

RELATIVE_ACCURACY = 0.01
OFFSET = 1037
HIGHEST_BIN = 4095
"""13 bits hold a bin with its sign; values beyond 2e26 stay in the last one."""

_GAMMA = Fraction(101, 99)
_MAPPING = LogarithmicMapping(RELATIVE_ACCURACY, offset=OFFSET)


def _upper_bounds() -> NDArray[np.float64]:
    """Return the greatest value of each bin from 0 to the last but one.

    Powers of gamma to 60 digits, rounded once: the logarithm of the machine at hand, which may err in its last bit,
    does not decide where a value on a border goes.
    """
    scale = 10**60
    power, bounds = scale * _GAMMA.denominator**OFFSET // _GAMMA.numerator**OFFSET, []
    for _ in range(HIGHEST_BIN):
        bounds.append(power / scale)
        power = power * _GAMMA.numerator // _GAMMA.denominator
    return np.array(bounds)


_UPPER = _upper_bounds()
_BETWEEN = np.concatenate(([-1.0], _UPPER, [np.inf]))
"""Bin b holds the values above _BETWEEN[b], up to _BETWEEN[b + 1]."""
_PER_LOG = 1 / math.log(_GAMMA)


def bins_of(values: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return the bin of each finite value, shape (n,)."""
    size = np.abs(values)
    guess = np.ceil(np.log(np.maximum(size, _UPPER[0])) * _PER_LOG) + OFFSET
    bins: NDArray[np.int32] = np.clip(guess, 0, HIGHEST_BIN).astype(np.int32)
    bins -= size <= _BETWEEN[bins]
    bins += size > _BETWEEN[bins + 1]
    np.negative(bins, out=bins, where=values < 0)
    return bins


_VALUES = [0.0, *(float(_MAPPING.value(bin_)) for bin_ in range(1, HIGHEST_BIN + 1))]


def value_of(bin_: int) -> float:
    """Return the value that stands for a bin: within 1 % of all that are in it."""
    return _VALUES[bin_] if bin_ >= 0 else -_VALUES[-bin_]


def quantiles(bins: Sequence[int], counts: Sequence[int], qs: Sequence[float]) -> list[float]:
    """Return the quantiles `qs` (0 to 1) of the values in `bins`, which ascend and hold `counts` (> 0) of them.

    Raises ValueError without values.
    """
    up_to = list(accumulate(counts))
    answers = []
    for q in qs:
        if not (up_to and 0 <= q <= 1):
            n = up_to[-1] if up_to else 0
            raise ValueError(f"quantile {q} of {n} values: 0 to 1, and at least one value, expected")
        answers.append(value_of(bins[bisect_right(up_to, q * (up_to[-1] - 1))]))
    return answers
