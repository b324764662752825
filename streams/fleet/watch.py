"""Where a batch must be cut because a vehicle has fallen silent, or because there are too many vehicles.

Silence is looked for at checkpoints, all vehicles at once. In between it matters only to a vehicle that is heard
of again after it was due: it must be taken out before that reading is folded. Whoever folds the log again, from
whatever offset, cuts at the same readings where it matters.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from streams.fleet.batch import Batch
from streams.fleet.silence import MISSING, Silence
from streams.fleet.vehicles import Vehicles

_LOOK_AT = 256
"""Readings looked at together where some vehicle may be silent."""
_PLAN_MS = 1_000
"""Event time after which it is worth looking anew who is due first."""

Sweep = Callable[[int, bool], None]
"""Take out of the city who is missing at a watermark; early too, where it is crowded."""


class Watch:
    """Knows before which watermark no vehicle of the partition is due."""

    def __init__(self, silence: Silence, vehicles: Vehicles, sweep: Sweep) -> None:
        self._silence = silence
        self._vehicles = vehicles
        self._sweep = sweep
        self._planned = 0
        self.next_due = 0
        """No step of any vehicle is due before the watermark reaches this."""

    def plan(self, watermark: int) -> None:
        """Look who is due first; a vehicle that is heard of from now on is due later than `watermark + fresh`."""
        latest = watermark + self._silence.fresh_ms
        self.next_due = int(self._silence.ends_at(self._vehicles).min(initial=latest))
        self._planned = watermark

    def expect(self, watermark: int) -> None:
        """Hear that someone may be due from this watermark on."""
        self.next_due = min(self.next_due, watermark)

    def pieces(
        self, batch: Batch, take: NDArray[np.intp], watermarks: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.int64]]]:
        """Yield indices and the watermark that each of these readings meets. Almost always that is the whole batch.

        `watermarks` (n + 1) are those that the readings at `take` (n) meet, and the one after them.
        """
        if not len(take):
            return
        watermarks[0] = watermarks[0] or watermarks[1]
        if watermarks[0] >= max(self.next_due, self._planned + _PLAN_MS):
            self.plan(int(watermarks[0]))
        begin = 0
        while begin < len(take):
            end = begin + self._sure(batch, take[begin:], watermarks[begin:])
            yield take[begin:end], watermarks[begin:end]
            begin = end

    def _sure(self, batch: Batch, take: NDArray[np.intp], watermarks: NDArray[np.int64]) -> int:
        """Return how many can be folded at once: none's vehicle is silent by then, only the last is one too many."""
        reported = batch.state[take] == MISSING
        fresh = self._silence.fresh_ms
        calm = watermarks[-1] < self.next_due and watermarks[-1] - watermarks[0] < fresh
        if calm and not reported.any() and len(take) <= self._room:
            return len(take)
        take, reported = take[:_LOOK_AT], reported[:_LOOK_AT]
        watermarks = watermarks[: len(take)]
        rows, silent = self._silent(batch, take, watermarks)
        crowded = self._room < 0
        if silent[0] or crowded:
            self._sweep(int(watermarks[0]), crowded)
            rows, silent = self._silent(batch, take, watermarks)
        stop = silent
        stop[1:] |= reported[:-1] | (watermarks[1:] - watermarks[0] >= fresh)
        room = max(0, self._room)
        grows = np.flatnonzero((rows < 0) | (self._vehicles.state[rows] == MISSING))
        if len(grows) > room:
            _, first = np.unique(batch.name[take[grows]], return_index=True)
            one_too_many = np.sort(grows[first])[room : room + 1]
            stop[one_too_many[one_too_many + 1 < len(stop)] + 1] = True
        return 1 + int(np.argmax(stop[1:])) if stop[1:].any() else len(take)

    def _silent(
        self, batch: Batch, take: NDArray[np.intp], watermarks: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the row of each reading's vehicle (-1: none), and whether it has fallen silent by then."""
        rows = self._vehicles.ids.find(batch.name[take])
        due = self._silence.ends_at(self._vehicles, np.maximum(rows, 0)) <= watermarks
        return rows, (rows >= 0) & due

    @property
    def _room(self) -> int:
        """How many more vehicles may be present; below 0 there are too many."""
        return self._silence.most - (len(self._vehicles) - self._vehicles.missing)
