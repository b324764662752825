"""Last writer wins by event time, for many readings of many vehicles at once."""

import numpy as np
from numpy.typing import NDArray

from streams.arrays import stable_order


def newest_wins(
    ts: NDArray[np.int64],
    rows: NDArray[np.int64],
    on_file: NDArray[np.int64],
    scratch: NDArray[np.int32],
) -> tuple[NDArray[np.bool_], bool]:
    """Return which readings are newer than everything of their vehicle before them, on file or in the frame.

    Says also whether each vehicle stands in the frame once at most, which is the rule. `ts` and `rows` (n)
    are in the order of the log; `on_file` and `scratch` are by row, and `scratch` may hold anything before
    and after.
    """
    n = len(rows)
    index = np.arange(n, dtype=np.int32)
    scratch[rows] = index
    if (scratch[rows] == index).all():  # each vehicle once
        return ts > on_file[rows], True
    known = on_file[rows]
    order = stable_order(rows)
    first = np.ones(n, np.bool_)
    first[1:] = rows[order][1:] != rows[order][:-1]
    # A running maximum per vehicle: lift each vehicle's times above those of the vehicle before it.
    low = min(int(ts.min()), int(known.min()))
    lift = (np.cumsum(first) - 1) * (max(int(ts.max()), int(known.max())) - low + 1)
    lifted = ts[order] - low + lift
    before = np.empty(n, np.int64)
    before[1:] = lifted[:-1]
    before[first] = known[order][first] - low + lift[first]
    # Where a vehicle is new in the running maximum, what is on file counts, and all before it is lower.
    reached = np.maximum.accumulate(before)
    applied = np.empty(n, np.bool_)
    applied[order] = lifted > reached
    return applied, False
