"""gaps_are_those_of_the_log: what teaches how long a series may be silent does not depend on batches or refusals."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.sensing.health import broken, gaps
from streams.sensing.health.arrivals import news
from streams.sensing.health.broken import OutOfRange
from streams.sensing.health.record import RECORD
from streams.sensing.health.rule import HealthRule

STEP_MS = 20_000
"""Three in a minute: of the gaps that begin in one minute the one that leaves it counts."""

Event = tuple[int, bool, int]
"""Row, whether it was in range, and time in steps."""
LOG = st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.integers(1, 30)), max_size=30)


def of_the_log(log: list[Event]) -> list[list[int]]:
    """Return the gaps of each row, one event after the other."""
    heard, found = [0, 0, 0], list[list[int]]([[], [], []])
    for row, _, step in log:
        ts = step * STEP_MS
        if heard[row] and ts // 60_000 > heard[row] // 60_000:
            found[row].append(ts - heard[row])
        heard[row] = max(heard[row], ts)
    return found


@given(LOG, st.lists(st.integers(0, 30), max_size=4))
def test_gaps_are_those_of_the_log(log: list[Event], cuts: list[int]) -> None:
    records, newest = np.zeros(3, RECORD), np.zeros(3, np.int64)
    found = list[list[int]]([[], [], []])
    for begin, end in pairwise(sorted({0, len(log), *(min(cut, len(log)) for cut in cuts)})):
        good = [(row, step * STEP_MS) for row, is_good, step in log[begin:end] if is_good]
        refused = list[OutOfRange]()
        place = 0
        for row, is_good, step in log[begin:end]:
            if is_good:
                place += 1
            else:
                refused.append(OutOfRange(row, step * STEP_MS, place))
        rows, ts = np.array(good, np.int64).reshape(-1, 2).T
        order = np.lexsort((-np.arange(len(good)), ts, rows))
        rows, ts = rows[order].astype(np.int32), ts[order]
        fresh = news(rows, ts, np.zeros(len(good), np.int64), order, newest)
        of, lengths = gaps.taught(fresh, refused, newest, records)
        assert (np.diff(of) >= 0).all()
        for row, length in zip(of.tolist(), lengths.tolist(), strict=True):
            found[row].append(length)
        broken.learn(records, refused, fresh, HealthRule())
        np.maximum.at(newest, rows, ts)
    assert found == of_the_log(log)
