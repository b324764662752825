"""Windows of metrics: count, exact sums, extremes and quantile sketch of the readings. There is no stock.

Sums are of whole millionths of the canonical unit (schemas/partials.py, MetricCounts), so mean and standard
deviation are the exact ones, rounded once or twice to a float.
"""

import math
from collections.abc import Collection, Iterable
from itertools import repeat

import msgspec

from schemas import envelope
from schemas.cells import CellsMetrics, ClosedMetrics
from schemas.metrics import METRICS
from schemas.partials import MetricCounts
from streams.fold.sketch import quantiles
from streams.grid.kind import Kind, Row, Stocks, added

MILLION = 10**6
MetricWord = tuple[int, int, int, int, int, int, int, int, list[int], list[int]]
"""order, readings, total, square_aa, square_ab, square_bb, least, most, bins, bin_counts"""
Figures = tuple[str, int, float, float, float, float, float | None, float, float, list[int], list[int]]


def square_sum(aa: int, ab: int, bb: int) -> int:
    """Return the sum of squares of values a * 2^20 + b, from the sums of a a, a b and b b."""
    return (aa << 40) + (ab << 21) + bb


def _names(windows: MetricCounts) -> list[str]:
    return windows.metric


def _words(order: int, w: MetricCounts) -> Iterable[MetricWord]:
    sums = (w.readings, w.total, w.square_aa, w.square_ab, w.square_bb, w.least, w.most)
    return zip(repeat(order), *sums, w.bins, w.bin_counts, strict=False)


def _net(_words: Collection[MetricWord]) -> Stocks:
    return ()


def _is_nothing(words: Collection[MetricWord]) -> bool:
    return not any(word[1] for word in words)


def _figures(metric: str, words: Collection[MetricWord], _stocks: Stocks) -> Figures:
    """Return the columns from unit to bin_counts."""
    _, counts, totals, aa, ab, bb, leasts, mosts, bins, bin_counts = zip(*words, strict=True)
    readings, total = sum(counts), sum(totals)
    sketch = added(zip(bins, bin_counts, strict=True))
    least, most = min(leasts) / MILLION, max(mosts) / MILLION
    return (
        METRICS[metric].unit,
        readings,
        total / MILLION,
        total / (readings * MILLION),
        least,
        most,
        _stddev(readings, total, square_sum(sum(aa), sum(ab), sum(bb))),
        # A bucket's value may lie beyond all that are in it.
        *(min(max(value, least), most) for value in quantiles(*sketch, (0.5, 0.95))),
        *sketch,
    )


def _stddev(readings: int, total: int, squares: int) -> float | None:
    """Return the standard deviation of a sample, in units; None for one reading."""
    if readings < 2:
        return None
    # No cancellation: integers. The quotient of two of them is rounded once.
    return math.sqrt((readings * squares - total * total) / (readings * (readings - 1) * MILLION**2))


SENSING = Kind(
    name="sensing",
    table="sensor_window",
    type_=envelope.CELLS_METRICS,
    message=CellsMetrics,
    columns=ClosedMetrics,
    rows_a_record=1_000,
    stocks=0,
    rows=msgspec.msgpack.Decoder(dict[int, Row[MetricWord]]),
    names=_names,
    words=_words,
    net=_net,
    is_nothing=_is_nothing,
    figures=_figures,
)
