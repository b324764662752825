"""Runs of one value: how often in a row a sensor has said the same, and how often it ever did."""

import numpy as np
from numpy.typing import NDArray

from streams.columnar.arrays import Records
from streams.sensing.health.arrivals import News
from streams.sensing.health.record import UNKNOWN
from streams.sensing.health.rule import HealthRule


def learn(
    records: Records, news: News, newest: NDArray[np.int64], lasts_ms: NDArray[np.int64], rule: HealthRule
) -> None:
    """Take in news, n > 0: carry runs on, end them, and remember the longest.

    `newest` is by row the ts before them, `lasts_ms` by news how long a run lasts at the least that is ill.
    """
    of_row = news.first()
    at_first = np.flatnonzero(of_row)
    rows = news.row[at_first]
    run, known = records["run"][rows].astype(np.int64), records["run"][rows] > 0
    begins = np.concatenate(([True], news.value[1:] != news.value[:-1]))
    begins[at_first] = (news.value[at_first] != records["value"][rows]) | ~known
    # A piece is what of a run lies in this batch: it begins where the row or the value does.
    start = np.flatnonzero(of_row | begins)
    first = np.flatnonzero(of_row[start])
    fresh = begins[start]
    size = np.diff(start, append=len(news)).astype(np.int64)
    since = news.ts[start]
    goes_on = ~fresh[first]
    size[first[goes_on]] += run[goes_on]
    since[first[goes_on]] = records["since"][rows[goes_on]]

    # Of the run before each piece, which has ended where a piece is fresh: its readings, and how long they were equal.
    length, lasted = np.zeros_like(size), np.zeros_like(since)
    length[1:], lasted[1:] = size[:-1], news.ts[start[1:] - 1] - since[:-1]
    length[first], lasted[first] = run, newest[rows] - records["since"][rows]
    fresh[first] &= known
    _end(records, rows, first, np.where(fresh, length, 0), lasted >= lasts_ms[start], rule)
    last = np.append(first[1:], len(start)) - 1
    records["value"][rows] = news.value[start[last]]
    records["since"][rows] = since[last]
    records["run"][rows] = size[last]
    for name, extreme in (("most", np.maximum), ("least", np.minimum)):
        here = extreme.reduceat(news.value, at_first)
        records[name][rows] = np.where(known, extreme(records[name][rows], here), here)


def _end(
    records: Records,
    rows: NDArray[np.int32],
    first: NDArray[np.intp],
    length: NDArray[np.int64],
    long: NDArray[np.bool_],
    rule: HealthRule,
) -> None:
    """Remember runs that ended, 0: none did; `first` is where those of each row begin, `long`: it lasted so long.

    One that was as long as one that is ill teaches no more than twice the longest, be its value natural or not.
    """
    ended = np.cumsum(length > 0)
    before = ended[first] - (length[first] > 0)
    changes, longest = records["changes"][rows].astype(np.int64), records["longest"][rows].astype(np.int64)
    longer = np.flatnonzero(length > np.repeat(longest, np.diff(first, append=len(length))))
    which = np.searchsorted(first, longer, side="right") - 1
    number = changes[which] + ended[longer] - before[which] - 1
    figures = zip(
        which.tolist(), length[longer].tolist(), long[longer].tolist(), number.tolist(), strict=True
    )
    for row, n, is_long, seen in figures:
        known = int(longest[row])
        ill = is_long and seen >= rule.warm_changes and n > max(rule.stuck_least, rule.stuck_times * known)
        if ill:
            records["told_stuck"][rows[row]] = UNKNOWN
        longest[row] = max(known, min(n, 2 * known) if ill else n)
    records["longest"][rows] = longest
    records["changes"][rows] = changes + np.append(ended[first[1:] - 1], ended[-1]) - before


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
