"""Vehicles that are not heard of any more, by event time: missing first, then archived.

    last reading --- stale_after ---> missing --- amend_horizon ---> archived (forgotten)

A vehicle is missing once the watermark has reached `last reading + stale_after`, and can be forgotten
once nothing older than that moment is accepted any more. Both depend on the log alone: a reading
meets its vehicle as the watermark before that reading has left it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.fleet.columns import STATE_CODE
from streams.fleet.vehicles import Vehicles

MISSING = STATE_CODE["missing"]
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Silence:
    """Milliseconds; `stale_after_ms` > `amend_horizon_ms` + allowed lateness, so that no reading arrives stale.

    `most` vehicles are kept; beyond that the ones longest silent go early, whatever `stale_after_ms` says.
    """

    stale_after_ms: int
    amend_horizon_ms: int
    most: int

    @property
    def fresh_ms(self) -> int:
        """By how much the watermark must move before a vehicle that was just heard of can be silent."""
        return self.stale_after_ms - self.amend_horizon_ms

    def ends_at(self, vehicles: Vehicles, rows: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """Return the watermark at which the next step of each row (or of all) is due; free rows: never."""
        which = slice(vehicles.top) if rows is None else rows
        ts, missing = vehicles.ts[which], vehicles.state[which] == MISSING
        return np.where(ts > 0, ts + np.where(missing, self.amend_horizon_ms, self.stale_after_ms), _NEVER)

    def missing(self, vehicles: Vehicles, watermark: int) -> NDArray[np.intp]:
        """Return the rows of vehicles that are missing from this watermark on, and were not before."""
        due = self.ends_at(vehicles) <= watermark
        return np.flatnonzero(due & (vehicles.state[: vehicles.top] != MISSING))

    def archived(self, vehicles: Vehicles, watermark: int) -> NDArray[np.intp]:
        """Return the rows of missing vehicles that can be forgotten."""
        due = self.ends_at(vehicles) <= watermark
        return np.flatnonzero(due & (vehicles.state[: vehicles.top] == MISSING))

    def crowded_out(self, vehicles: Vehicles, watermark: int) -> NDArray[np.intp]:
        """Return the rows of the vehicles longest silent, until a tenth of `most` is free again."""
        top = vehicles.top
        ts = vehicles.ts[:top]
        present = (ts > 0) & (vehicles.state[:top] != MISSING)  # who is missing goes anyway
        active = np.flatnonzero(present & (ts < watermark))
        count = int(np.count_nonzero(present))
        surplus = min(count - self.most * 9 // 10, len(active))
        if count <= self.most or surplus <= 0:
            return np.empty(0, np.intp)
        edge = np.partition(ts[active], surplus - 1)[surplus - 1]  # all of one time go together
        early: NDArray[np.intp] = active[ts[active] <= edge]
        return early
