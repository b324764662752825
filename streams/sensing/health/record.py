"""What is remembered of the health of one series (sensor and metric): one row of fixed size, saved with its state."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from streams.columnar.arrays import Records
from streams.fold.intervals import BINS

RECORD = np.dtype(
    [
        ("gaps", "<u2", (BINS,)),  # streams/fold/intervals.py
        ("heard", "<u4"),  # number of gaps, ever
        ("value", "<i8"),  # of the run: millionths
        ("since", "<i8"),  # ts of its first reading
        ("run", "<u4"),  # readings in it
        ("changes", "<u4"),  # runs that ended
        ("longest", "<u4"),  # readings in the longest of them
        ("level", "u1"),  # of refusals
        ("broken", "u1"),
        ("refused", "<u4"),  # readings out of range since the level was 0
        ("refused_since", "<i8"),
        ("refused_last", "<i8"),
        ("patience", "<i8"),  # 0: not yet known
        ("expected", "<i8"),
        ("most", "<i8"),  # greatest value ever: millionths
        ("least", "<i8"),
        ("told_last", "<i8"),
        ("told_stuck", "<i8"),
        ("told_broken", "<i8"),
        ("told_cell", "<i8"),
        ("period", "<i8"),  # the span of time that is being measured: means.py
        ("sum", "<i8"),  # of its readings: millionths
        ("count", "<u4"),
        ("done", "<i8"),  # the span before it, and its mean
        ("mean", "<f8"),
        ("told_done", "<i8"),
    ]
)
"""Times are milliseconds since the epoch. `told_...`: what was told last; see watch.py."""

UNKNOWN = -1
"""In `told_stuck` and `told_broken`: an owner that was lost may have told what has passed since, so it is told anew."""

_FORM = b"\x01"


def dump(records: Records) -> list[bytes]:
    """Return each record as bytes."""
    data, size = records.tobytes(), RECORD.itemsize
    return [_FORM + data[start : start + size] for start in range(0, len(data), size)]


def load(saved: Sequence[bytes | None]) -> Records:
    """Return what `dump` wrote; a record of another form, or none, begins anew."""
    fresh = bytes(RECORD.itemsize)
    good = (value[1:] if value is not None and _is_one(value) else fresh for value in saved)
    return np.frombuffer(b"".join(good), RECORD).copy()


def _is_one(value: Any) -> bool:
    return len(value) == RECORD.itemsize + 1 and value[:1] == _FORM
