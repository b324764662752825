r"""Which cells hold more bikes than they have room for: episodes of occupancy, and how certain they are.

Written from docs/semantics.md ("Alerts"), with its defaults; it shares no code with the pipeline.

    66 ------------------ ,-------.             3 minutes at or above: an alert is due
    60 - - - - - - - - - / - - - - \- - - - -   the pipeline raises after 2 minutes at or above
    54 ---------------- /- - - - - -\- - - -    the episode begins: from here on an alert is tolerated
    48 - - - - - - - - / - - - - - - \ - - -    the episode ends at the first look below: the alert is cleared
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sensors_sim.batch import Bools, Ints

CAPACITY = 60
NEAR, CERTAIN, CLEARS = CAPACITY * 9 // 10, CAPACITY * 11 // 10, CAPACITY * 8 // 10
CERTAIN_FOR_MS = 180_000


@dataclass(frozen=True, slots=True)
class Episode:
    """One cell from when it came near its capacity until it was clear of it; times in milliseconds."""

    cell: int
    from_ms: int
    to_ms: int
    most: int
    due: bool


class Saturation:
    """Looks at the occupancy of all cells again and again; cells are numbered densely, from 0, as they come up."""

    def __init__(self) -> None:
        self._from: Ints = np.empty(0, dtype=np.int64)
        self._certain_since: Ints = np.empty(0, dtype=np.int64)
        self._most: Ints = np.empty(0, dtype=np.int64)
        self._due: Bools = np.empty(0, dtype=np.bool_)
        self._over: list[Episode] = []

    def look(self, now: int, occupancy: Ints) -> None:
        """Take note of the bikes that stand in each cell, int64[c], at `now` (never earlier than before)."""
        self._grow(len(occupancy))
        begins = (self._from < 0) & (occupancy >= NEAR)
        self._from[begins] = now
        open_ = self._from >= 0
        self._most = np.where(open_, np.maximum(self._most, occupancy), 0)
        certain = open_ & (occupancy >= CERTAIN)
        self._certain_since = np.where(
            certain, np.where(self._certain_since < 0, now, self._certain_since), -1
        )
        self._due |= certain & (now - self._certain_since > CERTAIN_FOR_MS)
        ends = np.flatnonzero(open_ & (occupancy < CLEARS))
        for cell in ends.tolist():
            self._over.append(self._episode(cell, now))
        self._from[ends], self._most[ends], self._due[ends] = -1, 0, False

    def episodes(self, end: int) -> Iterator[Episode]:
        """Yield what was found so far; what is not over lasts until `end`."""
        yield from self._over
        for cell in np.flatnonzero(self._from >= 0).tolist():
            yield self._episode(cell, end)

    def _episode(self, cell: int, to_ms: int) -> Episode:
        return Episode(cell, int(self._from[cell]), to_ms, int(self._most[cell]), bool(self._due[cell]))

    def _grow(self, cells: int) -> None:
        more = cells - len(self._from)
        if more > 0:
            none = np.full(more, -1, dtype=np.int64)
            self._from = np.concatenate([self._from, none])
            self._certain_since = np.concatenate([self._certain_since, none])
            self._most = np.concatenate([self._most, np.zeros(more, dtype=np.int64)])
            self._due = np.concatenate([self._due, np.zeros(more, dtype=np.bool_)])
