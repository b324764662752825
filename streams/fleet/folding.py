"""Folds a batch of readings: runs the compiled passes of kernel.py over the partition's arrays."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from streams.columnar.arrays import Records
from streams.fleet import kernel
from streams.fleet.batch import Batch
from streams.fleet.cells import Cells
from streams.fleet.config import FleetConfig
from streams.fleet.flows import Flows
from streams.fleet.kernel import DONE, LIMITS, RUN
from streams.fleet.live import LiveCounts
from streams.fleet.slots import Slots
from streams.fleet.steps import Look, Steps
from streams.fleet.vehicles import VEHICLE, Vehicles
from streams.fold.clock import EventClock

Sweep = Callable[[int, bool], None]
"""Take out of the city who is missing at a watermark; early too, where it is crowded."""


class Folding:
    """One partition's arrays, and what is known of when its vehicles must be looked through."""

    def __init__(
        self,
        config: FleetConfig,
        slots: Slots,
        vehicles: Vehicles,
        live: LiveCounts,
        flows: Flows,
        look: Look | None,
    ) -> None:
        """`look` is asked to look at each step of a vehicle; where it is None none are kept."""
        self._slots = slots
        self._vehicles = vehicles
        self._live = live
        self._flows = flows
        self._limits = np.zeros(1, LIMITS)
        self._limits[0] = (
            config.allowed_lateness_ms,
            config.amend_horizon_ms,
            config.stale_after_ms,
            config.most_vehicles,
        )
        self.look = look
        self.next_due = 0
        """No step of any vehicle is due before the watermark reaches this."""
        self.oldest = 0
        """No vehicle that is present has an older reading."""

    def fold(self, batch: Batch, clock: EventClock, sweep: Sweep) -> int:
        """Fold a batch, and sweep where a vehicle was silent or there are too many; returns how many were applied.

        The verdicts in the batch say afterwards which were refused.
        """
        vehicles, slots = self._vehicles, self._slots
        readings = batch.readings[: len(batch)]
        words = vehicles.ids.as_wide(batch.words[: len(batch)])
        ids = vehicles.ids
        unknown = kernel.look_up(readings, ids.rows_of(words))
        locate(readings, vehicles.table, slots.cell_of, slots.cells)
        slots.reserve(len(readings))
        self._live.reserve(len(slots) + len(readings))
        watched = len(readings) if self.look is not None else 0
        before, steps = np.zeros(watched, VEHICLE), np.zeros((3, watched), np.int32)
        at = applied = 0
        reason = -1
        while reason != DONE:
            vehicles.reserve(unknown)
            run = self._begin(clock, at)
            reason = kernel.fold(
                run,
                self._limits,
                readings,
                words,
                vehicles.table,
                vehicles.changed,
                ids.words,
                ids.table,
                ids.factors,
                vehicles.spare,
                slots.numbers.words,
                slots.numbers.table,
                slots.cell_of,
                slots.operator_of,
                self._live.counts,
                self._live.dirty,
                self._flows.room(kernel.ENTRIES * len(readings)),
                before,
                steps,
            )
            done = run[0]
            at = int(done["at"])
            applied += int(done["applied"])
            self._end(clock, done)
            if self.look is not None and done["applied"]:
                end = int(done["applied"])
                self.look(Steps(batch, steps[0, :end], steps[1, :end], steps[2, :end], before[:end]))
            if reason != DONE:
                sweep(int(done["watermark"]), reason == kernel.CROWDED)
                # Rows may belong to others now, or to none.
                readings["row"][at:] = -1
                unknown = len(readings) - at
        return applied

    def _begin(self, clock: EventClock, at: int) -> NDArray[np.void]:
        run = np.zeros(1, RUN)
        first = run[0]
        first["at"] = at
        first["newest_ts"], first["newest_basis"] = clock.newest_ts, clock.newest_basis
        first["top"], first["spares"] = self._vehicles.top, self._vehicles.spares
        first["missing"] = self._vehicles.missing
        first["slots"] = len(self._slots)
        first["due"], first["oldest"] = self.next_due, self.oldest
        first["settled"] = self._flows.settled
        return run

    def _end(self, clock: EventClock, done: np.void) -> None:
        clock.newest_ts, clock.newest_basis = int(done["newest_ts"]), int(done["newest_basis"])
        vehicles = self._vehicles
        vehicles.top, vehicles.spares = int(done["top"]), int(done["spares"])
        vehicles.missing = int(done["missing"])
        vehicles.ids.was_put(int(done["put"]))
        slots = self._slots
        slots.numbers.was_put(int(done["slots"]) - len(slots))
        slots.were_added(int(done["slots"]))
        self.next_due, self.oldest = int(done["due"]), int(done["oldest"])
        self._flows.were_put(int(done["entries"]))


def locate(
    readings: Records, vehicles: Records, cell_of_slot: NDArray[np.int32], cells: Cells
) -> NDArray[np.int32]:
    """Set the cell of each reading, and how far it may move within; returns the indices for which H3 was asked."""
    ask = np.empty(len(readings), np.int32)
    asked = kernel.locate(
        readings,
        vehicles,
        cells.lattice,
        cells.hexagons.words,
        cells.hexagons.table,
        cells.hexagons.factors,
        cells.cell_of,
        cell_of_slot,
        ask,
    )
    far = ask[:asked]
    if asked:
        some = readings[far]
        readings["cell"][far] = cells.ask(some["lat"], some["lon"], some["detail"])
    return far
