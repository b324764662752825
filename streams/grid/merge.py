"""Live occupancy of one region: each source's newest word per slot, and their sum.

A source is one partition of the fleet stage. It tells absolute values; the newest by (generation,
offset) counts, so that repeats and late arrivals of partials change nothing (design D3).
"""

import numpy as np
from numpy.typing import NDArray

from streams.arrays import grown

COUNTED = ("available", "non_operational", "reserved", "on_trip", "non_contactable")
STANDING = np.array([True, True, True, False, True])
"""By column of COUNTED: whether it adds to the occupancy."""


class Source:
    """What one source said last."""

    def __init__(self) -> None:
        self.newest_ts = 0
        self.watermark = 0
        self.heard_at = 0
        self.live = np.zeros((1024, len(COUNTED)), np.int64)
        self.order = np.zeros(1024, np.int64)
        self.unsaved = True


class Live:
    """Live counts by slot."""

    def __init__(self) -> None:
        self.sources: dict[int, Source] = {}
        self.total = np.zeros((1024, len(COUNTED)), np.int64)
        self.dirty = np.zeros(1024, np.bool_)
        self.unsaved_rows = np.zeros(1024, np.bool_)

    def source(self, number: int) -> Source:
        """Return a source, made at its first word."""
        found = self.sources.get(number)
        if found is None:
            found = self.sources[number] = Source()
        return found

    def put(self, number: int, order: int, slots: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        """Take in `counts` (n, 5) of `slots` as source `number` knows them at `order` (> 0)."""
        if not len(slots):
            return
        source = self.source(number)
        size = int(slots.max()) + 1
        source.live, source.order = grown(source.live, size), grown(source.order, size)
        self.total = grown(self.total, size)
        self.dirty, self.unsaved_rows = grown(self.dirty, size), grown(self.unsaved_rows, size)
        newer = source.order[slots] <= order
        slots, counts = slots[newer], counts[newer]
        self.total[slots] += counts - source.live[slots]
        source.live[slots] = counts
        source.order[slots] = order
        source.unsaved = True
        self.dirty[slots] = True
        self.unsaved_rows[slots] = True

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
