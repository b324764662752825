"""The vehicles of one partition, in columns: row number by id, everything else by row number."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from schemas.vehicles import STANDING_STATES, VEHICLE_STATES, VEHICLE_TYPES
from streams.arrays import grown
from streams.fleet.batch import Batch
from streams.fleet.columns import STATE_CODE, TYPE_CODE, UNKNOWN_BATTERY
from streams.fleet.ids import Ids, Names, names_of
from streams.fleet.slots import Slots

NOWHERE = -1
"""Slot of a vehicle that stands in no cell: on a trip, taken away, or not heard of yet."""

STANDING = np.array([name in STANDING_STATES for name in VEHICLE_STATES])
"""By state code: whether a vehicle in this state stands on the street."""


class Vehicles:
    """Newest state per vehicle. `settled` is the slot where it stood at the watermark (see flows.py)."""

    _FILL: ClassVar[dict[str, int]] = {"slot": NOWHERE, "settled": NOWHERE, "battery": UNKNOWN_BATTERY}

    def __init__(self) -> None:
        self.ids = Ids()
        self.top = 0
        """One more than the highest row number in use; rows below it may be free (ts 0)."""
        self.missing = 0
        """How many are on file as missing; kept by whoever changes states."""
        size = 1024
        self.ts = np.zeros(size, np.int64)
        self.slot = np.full(size, NOWHERE, np.int32)
        self.state = np.zeros(size, np.int8)
        self.type_ = np.zeros(size, np.int8)
        self.operator = np.zeros(size, np.int32)
        self.battery = np.full(size, UNKNOWN_BATTERY, np.int16)
        self.lat = np.zeros(size)
        self.lon = np.zeros(size)
        self.received_at = np.zeros(size, np.int64)
        self.settled = np.full(size, NOWHERE, np.int32)
        self.changed = np.zeros(size, np.bool_)
        self.scratch = np.zeros(size, np.int32)
        self._free: list[int] = []

    def __len__(self) -> int:
        return self.top - len(self._free)

    def add(self, names: Names, operator: NDArray[np.int32]) -> NDArray[np.int64]:
        """Give vehicles their rows; they are heard of, but have no position yet (ts 0). Names are distinct."""
        reused = self._free[len(self._free) - min(len(self._free), len(names)) :]
        del self._free[len(self._free) - len(reused) :]
        fresh = len(names) - len(reused)
        rows = np.concatenate((np.array(reused, np.int64), np.arange(self.top, self.top + fresh)))
        self.top += fresh
        if self.top > len(self.ts):
            for name, array in vars(self).items():
                if isinstance(array, np.ndarray):
                    setattr(self, name, grown(array, self.top, self._FILL.get(name, 0)))
        self.ids.put(names, rows)
        self.operator[rows] = operator
        return rows

    def remove(self, rows: NDArray[np.int64]) -> None:
        """Forget vehicles; their rows may be given to others."""
        self.ids.remove(rows)
        self.ts[rows] = 0
        self.slot[rows] = NOWHERE
        self.settled[rows] = NOWHERE
        self.changed[rows] = False
        self._free += rows.tolist()

    def write(self, rows: Any, batch: Batch, take: Any, slots: Any) -> None:
        """Put the readings `take` (indices into the batch) on file; of several for a row the last one stays."""
        self.ts[rows] = batch.ts[take]
        self.lat[rows] = batch.lat[take]
        self.lon[rows] = batch.lon[take]
        self.state[rows] = batch.state[take]
        self.type_[rows] = batch.type_[take]
        self.battery[rows] = batch.battery[take]
        self.slot[rows] = slots
        self.received_at[rows] = batch.received_at[take]
        self.changed[rows] = True

    def take_changed(self, partition: int, slots: Slots) -> dict[str, Sequence[Any]] | None:
        """Return the rows changed since the last call as columns of ub.vehicle_state, or None."""
        rows = np.flatnonzero(self.changed[: self.top])
        if not len(rows):
            return None
        self.changed[rows] = False
        settled = self.settled[rows]
        settled_cells: list[int | None] = slots.h3_of(settled).tolist()
        for position in np.flatnonzero(settled == NOWHERE).tolist():
            settled_cells[position] = None
        return {
            "vehicle_id": self.ids.texts(rows),
            "operator": [slots.operators[number] for number in self.operator[rows].tolist()],
            "partition": [partition] * len(rows),
            "ts": self.ts[rows].tolist(),
            "lat": self.lat[rows].tolist(),
            "lon": self.lon[rows].tolist(),
            "cell": slots.h3_of(self.slot[rows]).tolist(),
            "settled_cell": settled_cells,
            "vehicle_state": [VEHICLE_STATES[code] for code in self.state[rows].tolist()],
            "vehicle_type": [VEHICLE_TYPES[code] for code in self.type_[rows].tolist()],
            "battery_percent": [
                None if value == UNKNOWN_BATTERY else value for value in self.battery[rows].tolist()
            ],
            "received_at": self.received_at[rows].tolist(),
        }

    def restore(self, columns: Mapping[str, Sequence[Any]], slots: Slots) -> None:
        """Fill an empty table from the rows of ub.vehicle_state of this partition."""
        operators = np.array([slots.operator(name) for name in columns["operator"]], np.int32)
        self.add(names_of(columns["vehicle_id"]), operators)
        n = self.top
        self.ts[:n] = columns["ts"]
        self.lat[:n] = columns["lat"]
        self.lon[:n] = columns["lon"]
        self.received_at[:n] = columns["received_at"]
        self.state[:n] = [STATE_CODE[name] for name in columns["vehicle_state"]]
        self.type_[:n] = [TYPE_CODE[name] for name in columns["vehicle_type"]]
        self.battery[:n] = [
            UNKNOWN_BATTERY if value is None else value for value in columns["battery_percent"]
        ]
        self.slot[:n] = slots.slots_of(columns["cell"], operators)
        settled = columns["settled_cell"]
        stood = np.array([cell is not None for cell in settled], np.bool_)
        self.settled[:n][stood] = slots.slots_of(
            [cell for cell in settled if cell is not None], operators[stood]
        )
