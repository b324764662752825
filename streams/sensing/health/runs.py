"""Runs of one value: how often in a row a sensor has said the same, and how often it ever did."""

import numpy as np
from numpy.typing import NDArray

from streams.sensing.health.arrivals import News
from streams.sensing.health.record import Records
from streams.sensing.health.rule import HealthRule


def learn(records: Records, news: News, rule: HealthRule) -> None:
    """Take in news, n > 0: carry runs on, end them, and remember the longest."""
    of_row = news.first()
    before = np.concatenate(([0], news.value[:-1]))
    at_first = np.flatnonzero(of_row)
    before[at_first] = records["value"][news.row[at_first]]
    known = records["run"][news.row[at_first]] > 0
    begins = news.value != before
    begins[at_first] |= ~known
    # A piece is what of a run lies in this batch: it begins where the row or the value does.
    start = np.flatnonzero(of_row | begins)
    row, first, fresh = news.row[start], of_row[start], begins[start]
    size = np.diff(start, append=len(news)).astype(np.int64)
    size[~fresh] += records["run"][row[~fresh]]
    since = news.ts[start]
    since[~fresh] = records["since"][row[~fresh]]

    ended = fresh & (~first | (records["run"][row] > 0))
    length = np.where(first, records["run"][row], np.concatenate(([0], size[:-1])))
    _end(records, row[ended], length[ended], rule)
    last = np.flatnonzero(np.concatenate((row[1:] != row[:-1], [True])))
    records["value"][row[last]] = news.value[start[last]]
    records["since"][row[last]] = since[last]
    records["run"][row[last]] = size[last]
    rows = news.row[at_first]
    for name, extreme in (("most", np.maximum), ("least", np.minimum)):
        here = extreme.reduceat(news.value, at_first)
        records[name][rows] = np.where(known, extreme(records[name][rows], here), here)


def _end(records: Records, row: NDArray[np.int32], length: NDArray[np.int64], rule: HealthRule) -> None:
    """Remember runs that ended, in order within each row; one that was ill teaches no more than twice the longest."""
    if not len(row):
        return
    first = np.flatnonzero(np.concatenate(([True], row[1:] != row[:-1])))
    size = np.diff(first, append=len(row))
    number = records["changes"][row] + np.arange(len(row)) - np.repeat(first, size)
    longer = np.flatnonzero(length > records["longest"][row])
    for r, n, seen in zip(
        row[longer].tolist(), length[longer].tolist(), number[longer].tolist(), strict=True
    ):
        longest = int(records["longest"][r])
        records["longest"][r] = max(longest, n if seen < rule.warm_changes else min(n, 2 * longest))
    records["changes"][row[first]] += size.astype(np.uint32)


def stuck(
    records: Records, newest: NDArray[np.int64], natural: NDArray[np.bool_], rule: HealthRule
) -> NDArray[np.bool_]:
    """Return which series are stuck; `newest` is their newest ts, `natural`: the value may well stay as it is."""
    run, longest = records["run"].astype(np.int64), records["longest"].astype(np.int64)
    ill: NDArray[np.bool_] = (
        (records["changes"] >= rule.warm_changes)
        & (run > np.maximum(rule.stuck_least, rule.stuck_times * longest))
        & (newest - records["since"] >= rule.stuck_ms)
        & ~natural
    )
    return ill
