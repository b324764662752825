"""Means of spans of time of one sensor: what it is compared with its neighbours by."""

import numpy as np
from numpy.typing import NDArray

from schemas.metrics import METRICS
from streams.columnar.arrays import Records
from streams.sensing.health.arrivals import News
from streams.sensing.values import MILLION

Ints = NDArray[np.integer]
PERIOD_MS = 1_200_000
"""Long enough for a few readings, short enough for a drift of a few hours to be seen as one."""
SMOOTH = np.array(
    [m.kind == "air" or m.name in ("temperature", "humidity", "pressure") for m in METRICS.values()]
)
"""By metric: whether neighbours measure much the same. What is local, such as noise, cannot be compared."""


def learn(records: Records, news: News) -> None:
    """Take in news, n > 0, of metrics that are smooth. A span is over when a reading of a later one comes."""
    period = news.ts // PERIOD_MS * PERIOD_MS
    of_row = news.first()
    start = np.flatnonzero(of_row | np.concatenate(([True], period[1:] != period[:-1])))
    row, first, at = news.row[start], of_row[start], period[start]
    total = np.add.reduceat(news.value, start)
    count = np.diff(start, append=len(news)).astype(np.int64)
    known = first & (records["count"][row] > 0)
    same = known & (records["period"][row] == at)
    total[same] += records["sum"][row[same]]
    count[same] += records["count"][row[same]]

    over = known & ~same
    _close(
        records,
        row[over],
        records["period"][row[over]],
        records["sum"][row[over]],
        records["count"][row[over]],
    )
    last = np.concatenate((row[1:] != row[:-1], [True]))
    before_last = np.flatnonzero(last & ~first) - 1
    _close(records, row[before_last], at[before_last], total[before_last], count[before_last])
    records["period"][row[last]] = at[last]
    records["sum"][row[last]] = total[last]
    records["count"][row[last]] = count[last]


def _close(records: Records, row: Ints, period: Ints, total: Ints, count: Ints) -> None:
    records["done"][row] = period
    records["mean"][row] = total / count / MILLION
