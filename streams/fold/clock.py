"""Event time of one partition: how far it has come, and the watermark that each reading meets."""

import numpy as np
from numpy.typing import NDArray

Reached = tuple[int, int]
"""Newest event time and watermark."""


class EventClock:
    """Watermark = newest event time - allowed lateness.

    A publisher's clock that runs ahead does not carry it beyond the time at which the gateway had the
    reading: otherwise one such clock would make everybody else late.
    """

    def __init__(self, lateness_ms: int, newest_ts: int = 0, newest_basis: int = 0, settled: int = 0) -> None:
        """`settled`: the watermark stood there, and never goes back: more lateness may be allowed than before."""
        self._lateness_ms = lateness_ms
        self.newest_ts = newest_ts
        self.newest_basis = newest_basis
        self._settled = settled

    @property
    def watermark(self) -> int:
        """Event time up to which order is settled, milliseconds; 0 before the first reading."""
        return max(self._settled, self.newest_basis - self._lateness_ms)

    @property
    def reached(self) -> Reached:
        """How far it has come: who was told of that need not hear of it again."""
        return self.newest_ts, self.watermark

    def met_by(self, ts: NDArray[np.int64], received_at: int | NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the watermark that each of n readings in the order of the log meets, and the one after them (n+1)."""
        basis = np.minimum(ts, received_at)
        reached = np.maximum.accumulate(np.concatenate(([self.newest_basis], basis)))
        watermarks: NDArray[np.int64] = np.maximum(self._settled, reached - self._lateness_ms)
        return watermarks

    def advance(self, ts: NDArray[np.int64], received_at: int | NDArray[np.int64]) -> None:
        """Move on past readings."""
        self.newest_ts = max(self.newest_ts, int(ts.max()))
        self.newest_basis = max(self.newest_basis, int(np.minimum(ts, received_at).max()))
