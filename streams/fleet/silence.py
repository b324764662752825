"""Vehicles that are not heard of any more, by event time: missing first, then archived.

    last reading --- stale_after ---> missing --- amend_horizon ---> archived (forgotten)

A vehicle is missing once the watermark has reached `last reading + stale_after`, and can be forgotten
once nothing older than that moment is accepted any more. Both depend on the log alone: the watermark
before a reading decides whether the vehicle is missing or forgotten when the reading comes.
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

    def next_due(self, vehicles: Vehicles, watermark: int) -> int:
        """Return a watermark before which no step of any vehicle is due, whatever is heard of from now on.

        But for those that are reported as missing: they may be due at once.
        """
        return int(self._ends_at(vehicles).min(initial=watermark + self.fresh_ms))

    def oldest(self, vehicles: Vehicles) -> int:
        """Return the least ts of those that are present."""
        return int(vehicles["ts"][self._present(vehicles)].min(initial=_NEVER))

    def missing(self, vehicles: Vehicles, watermark: int) -> NDArray[np.intp]:
        """Return the rows of vehicles that are missing from this watermark on, and were not before."""
        return np.flatnonzero((self._ends_at(vehicles) <= watermark) & (vehicles["state"] != MISSING))

    def soon(self, vehicles: Vehicles, watermark: int) -> NDArray[np.intp]:
        """Return the rows of vehicles that will be missing at this watermark, and are not yet."""
        return np.flatnonzero(self._present(vehicles) & (vehicles["ts"] + self.stale_after_ms <= watermark))

    def archived(self, vehicles: Vehicles, watermark: int) -> NDArray[np.intp]:
        """Return the rows of missing vehicles that can be forgotten."""
        return np.flatnonzero((self._ends_at(vehicles) <= watermark) & (vehicles["state"] == MISSING))

    def crowded_out(self, vehicles: Vehicles, watermark: int) -> NDArray[np.intp]:
        """Return the rows of the vehicles longest silent, until a tenth of `most` is free again."""
        ts, present = vehicles["ts"], self._present(vehicles)  # who is missing goes anyway
        active = np.flatnonzero(present & (ts < watermark))
        count = int(np.count_nonzero(present))
        surplus = min(count - self.most * 9 // 10, len(active))
        if count <= self.most or surplus <= 0:
            return np.empty(0, np.intp)
        edge = np.partition(ts[active], surplus - 1)[surplus - 1]  # all of one time go together
        early: NDArray[np.intp] = active[ts[active] <= edge]
        return early

    def _ends_at(self, vehicles: Vehicles) -> NDArray[np.int64]:
        """Return the watermark at which the next step of each row is due; free rows: never."""
        ts, missing = vehicles["ts"], vehicles["state"] == MISSING
        return np.where(ts > 0, ts + np.where(missing, self.amend_horizon_ms, self.stale_after_ms), _NEVER)

    def _present(self, vehicles: Vehicles) -> NDArray[np.bool_]:
        present: NDArray[np.bool_] = (vehicles["ts"] > 0) & (vehicles["state"] != MISSING)
        return present
