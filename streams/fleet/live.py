"""Live counts of one partition: vehicles by (slot, state), and which slots changed since they were told."""

import numpy as np
from numpy.typing import NDArray

from schemas.vehicles import COUNTED_STATES
from streams.columnar.arrays import grown


class LiveCounts:
    """Counts by slot and code of the states that are told; the fold's compiled code keeps them too."""

    def __init__(self) -> None:
        self.counts = np.zeros((1024, len(COUNTED_STATES)), np.int32)
        self.dirty = np.zeros(1024, np.bool_)

    def reserve(self, slots: int) -> None:
        """Make room for so many slots."""
        self.counts = grown(self.counts, slots)
        self.dirty = grown(self.dirty, slots)

    def add(self, slot: NDArray[np.int32], state: NDArray[np.int8], sign: int) -> None:
        """Add sign for each (slot, state)."""
        told = state < len(COUNTED_STATES)
        np.add.at(self.counts, (slot[told], state[told]), sign)
        self.dirty[slot] = True

    def take_dirty(self) -> NDArray[np.intp]:
        """Return the slots that changed since the last call."""
        slots = np.flatnonzero(self.dirty)
        self.dirty[slots] = False
        return slots

    def told(self, slots: NDArray[np.intp]) -> list[NDArray[np.int32]]:
        """Return, for each of COUNTED_STATES, the counts of the slots."""
        return list(self.counts.take(slots, axis=0).T)
