"""Live occupancy of one region: each source's newest word per slot, and their sum.

A source is one partition of the fleet stage. It tells absolute values; the newest by (generation,
offset) counts, so that repeats and late arrivals of partials change nothing.
"""

import numpy as np
from numpy.typing import NDArray

from schemas.vehicles import COUNTED_STATES, STANDING_STATES
from streams.columnar.arrays import grown
from streams.grid.slots import BLOCK, BLOCK_BITS

STANDING = np.array([state in STANDING_STATES for state in COUNTED_STATES])
"""By column of live counts: whether it adds to the occupancy."""


class Said:
    """What one source said last of each slot: counts (n, 5), and the order in which it said it; 0: it never did."""

    def __init__(self) -> None:
        self.counts = np.zeros((BLOCK, len(COUNTED_STATES)), np.int64)
        self.order = np.zeros(BLOCK, np.int64)

    def block(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return counts and order of a block of slots."""
        where = slice(number << BLOCK_BITS, (number + 1) << BLOCK_BITS)
        return self.counts[where], self.order[where]


class Live:
    """Live counts by slot."""

    def __init__(self) -> None:
        self.said: dict[int, Said] = {}
        self.total = np.zeros((BLOCK, len(COUNTED_STATES)), np.int64)
        self.dirty = np.zeros(BLOCK, np.bool_)
        self.unsaved_rows = np.zeros(BLOCK, np.bool_)
        self.unsaved: set[tuple[int, int]] = set()
        """(source, number of a block of slots)"""

    def put(
        self, source: int, order: NDArray[np.int64], slots: NDArray[np.int64], counts: NDArray[np.int64]
    ) -> None:
        """Take in `counts` (n, 5) of n slots, each once, as a source knows them at `order` (n; > 0)."""
        if not len(slots):
            return
        said = self.said.get(source)
        if said is None:
            said = self.said[source] = Said()
        size = int(slots.max()) + 1
        said.counts, said.order = grown(said.counts, size), grown(said.order, size)
        self.total = grown(self.total, size)
        self.dirty, self.unsaved_rows = grown(self.dirty, size), grown(self.unsaved_rows, size)
        newer = said.order[slots] <= order
        slots, counts = slots[newer], counts[newer]
        self.total[slots] += counts - said.counts[slots]
        said.counts[slots] = counts
        said.order[slots] = order[newer]
        self.dirty[slots] = True
        self.unsaved_rows[slots] = True
        self.unsaved |= {
            (source, block) for block in np.flatnonzero(np.bincount(slots >> BLOCK_BITS)).tolist()
        }

    def take_dirty(self) -> NDArray[np.int64]:
        """Return the slots that changed since the last call."""
        slots = np.flatnonzero(self.dirty)
        self.dirty[slots] = False
        return slots

    def take_unsaved_rows(self) -> NDArray[np.int64]:
        """Return the slots whose table row is to be written."""
        slots = np.flatnonzero(self.unsaved_rows)
        self.unsaved_rows[slots] = False
        return slots
