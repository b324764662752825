"""Which readings were news when they came: of each series those newer than all that came before them.

Health is judged by these, in the order of the log, so that it does not matter which readings were settled together.
Late ones and repeats are no news.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class News:
    """n readings sorted by (row, ts), ts ascending within a row; `place` is where each stood in the batch."""

    row: NDArray[np.int32]
    ts: NDArray[np.int64]
    value: NDArray[np.int64]
    place: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.row)

    def first(self) -> NDArray[np.bool_]:
        """Return which are the first of their row."""
        return np.concatenate(([True], self.row[1:] != self.row[:-1]))

    def select(self, which: NDArray[np.bool_]) -> "News":
        """Return those that are marked."""
        return News(self.row[which], self.ts[which], self.value[which], self.place[which])


def news(
    row: NDArray[np.int32],
    ts: NDArray[np.int64],
    value: NDArray[np.int64],
    place: NDArray[np.intp],
    newest: NDArray[np.int64],
) -> News:
    """Return what of a batch sorted by (row, ts) was news; `newest` is by row the ts that was known before."""
    later = ts > newest[row]
    found = News(row, ts, value, place) if later.all() else News(row, ts, value, place).select(later)
    if not len(found):
        return found
    # One that came after another with a greater ts was late: from behind, places must fall within each row.
    span = int(found.place.max()) + 1
    key = found.row.astype(np.int64) * span + found.place
    in_order = key == np.minimum.accumulate(key[::-1])[::-1]
    if not in_order.all():
        found = found.select(in_order)
    again = np.concatenate(([False], (found.row[1:] == found.row[:-1]) & (found.ts[1:] == found.ts[:-1])))
    return found.select(~again) if again.any() else found
