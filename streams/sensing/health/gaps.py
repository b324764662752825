"""Gaps between the readings of a series. Readings out of range count too: a sensor that sends them is not silent."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from streams.columnar.arrays import Records
from streams.sensing.health.arrivals import News
from streams.sensing.health.broken import OutOfRange

_STEP_MS = 60_000
"""Of the gaps that begin in one minute, only the last one teaches. Otherwise a sensor that reports every ten seconds
would forget the silence of each night within a day, as it would be too rare among its gaps to count as a habit."""

Gaps = tuple[NDArray[np.int32], NDArray[np.int64]]
"""Rows and milliseconds, sorted by row and in the order of the log within each."""


def taught(news: News, refused: Sequence[OutOfRange], newest: NDArray[np.int64], records: Records) -> Gaps:
    """Return the gaps of a batch that teach; `newest` is by row the ts before it. Call it before `broken.learn`."""
    if not refused:
        return _of_news(news, newest, records)
    mixed = np.isin(news.row, [item.row for item in refused])
    rows, lengths = _of_news(news.select(~mixed), newest, records)
    both = list(_of_both(news.select(mixed), refused, newest, records))
    rows = np.concatenate((rows, np.array([row for row, _ in both], np.int32)))
    lengths = np.concatenate((lengths, np.array([length for _, length in both], np.int64)))
    order = np.argsort(rows, kind="stable")
    return rows[order], lengths[order]


def _of_news(news: News, newest: NDArray[np.int64], records: Records) -> Gaps:
    if not len(news):
        return news.row, news.ts
    before = np.concatenate(([0], news.ts[:-1]))
    first = np.flatnonzero(news.first())
    before[first] = newest[news.row[first]]
    before = np.maximum(before, records["refused_last"][news.row])
    teaches = (news.ts // _STEP_MS > before // _STEP_MS) & (before > 0)
    return news.row[teaches], (news.ts - before)[teaches]


def _of_both(
    news: News, refused: Sequence[OutOfRange], newest: NDArray[np.int64], records: Records
) -> Iterator[tuple[int, int]]:
    """Yield (row, gap) of series of which something is refused."""
    heard: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for item in refused:
        heard[item.row].append((item.place, 0, item.ts))
    for row, place, ts in zip(news.row.tolist(), news.place.tolist(), news.ts.tolist(), strict=True):
        heard[row].append((place, 1, ts))
    for row, some in heard.items():
        before = max(int(newest[row]), int(records["refused_last"][row]))
        for _, _, ts in sorted(some, key=itemgetter(0, 1)):
            if before > 0 and ts // _STEP_MS > before // _STEP_MS:
                yield row, ts - before
            before = max(before, ts)
