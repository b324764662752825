"""Steps of vehicles: each applied reading beside the one of its vehicle before it, on file or earlier in the batch."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.arrays import stable_order
from streams.fleet.batch import Batch
from streams.fleet.vehicles import Vehicles


class Steps:
    """n >= 1 readings that are about to be written, in the order of the log; for each vehicle their ts ascend.

    take   (n) their indices in the batch
    rows   (n) rows of their vehicles
    slots  (n) where they are
    """

    def __init__(
        self,
        batch: Batch,
        take: NDArray[np.intp],
        rows: NDArray[np.int64],
        slots: NDArray[np.int32],
        vehicles: Vehicles,
        *,
        once: bool,
    ) -> None:
        """`once`: no vehicle has more than one reading here. `vehicles` are as they were before the first of them."""
        self.batch, self.take, self.rows, self.slots = batch, take, rows, slots
        self._vehicles = vehicles
        self._later, self._earlier = _repeats(rows) if not once else (_NONE, _NONE)

    def now(self, name: str) -> NDArray[Any]:
        """Return a column of the readings: ts, lat, lon, state, type_ or battery."""
        column: NDArray[Any] = getattr(self.batch, name)[self.take]
        return column

    def before(self, name: str) -> NDArray[Any]:
        """Return a column of the readings before them; `ts` is 0 where there is none, and the others mean nothing."""
        column: NDArray[Any] = getattr(self._vehicles, name)[self.rows]
        if len(self._later):
            column[self._later] = getattr(self.batch, name)[self.take[self._earlier]]
        return column

    def slots_before(self) -> NDArray[np.int32]:
        """Return where the readings before them were."""
        slots: NDArray[np.int32] = self._vehicles.slot[self.rows]
        if len(self._later):
            slots[self._later] = self.slots[self._earlier]
        return slots


_NONE = np.empty(0, np.intp)


def _repeats(rows: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the places whose row stood in `rows` before, and the nearest such places before them."""
    order = stable_order(rows)
    again = np.flatnonzero(rows[order[1:]] == rows[order[:-1]])
    return order[again + 1], order[again]
