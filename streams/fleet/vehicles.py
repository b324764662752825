"""The vehicles of one partition, in columns: row number by id, everything else by row number."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from schemas.vehicles import STANDING_STATES, VEHICLE_STATES, VEHICLE_TYPES
from streams.arrays import grown
from streams.fleet.columns import STATE_CODE, TYPE_CODE, UNKNOWN_BATTERY, Columns
from streams.fleet.slots import Slots

NOWHERE = -1
"""Slot of a vehicle that stands in no cell: on a trip, taken away, or not heard of yet."""

STANDING = np.array([name in STANDING_STATES for name in VEHICLE_STATES])
"""By state code: whether a vehicle in this state stands on the street."""


class Vehicles:
    """Newest state per vehicle. `settled` is the slot where it stood at the watermark (see flows.py)."""

    _FILL: ClassVar[dict[str, int]] = {"slot": NOWHERE, "settled": NOWHERE, "battery": UNKNOWN_BATTERY}

    def __init__(self) -> None:
        self.row_of: dict[str, int] = {}
        self.ids: list[str] = []
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
        self.scratch = np.zeros(size, np.int64)
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self.row_of)

    @property
    def top(self) -> int:
        """One more than the highest row number in use; rows below it may be free (ts 0)."""
        return len(self.ids)

    def add(self, vehicle_id: str, operator: int) -> int:
        """Give a vehicle its row; it is heard of, but has no position yet (ts 0)."""
        if self._free:
            row = self.row_of[vehicle_id] = self._free.pop()
            self.ids[row] = vehicle_id
            self.operator[row] = operator
            return row
        row = self.row_of[vehicle_id] = len(self.ids)
        self.ids.append(vehicle_id)
        if row >= len(self.ts):
            for name, array in vars(self).items():
                if isinstance(array, np.ndarray):
                    setattr(self, name, grown(array, row + 1, self._FILL.get(name, 0)))
        self.operator[row] = operator
        return row

    def remove(self, rows: list[int]) -> None:
        """Forget vehicles; their rows may be given to others."""
        for row in rows:
            del self.row_of[self.ids[row]]
            self.ids[row] = ""
        self.ts[rows] = 0
        self.slot[rows] = NOWHERE
        self.settled[rows] = NOWHERE
        self.changed[rows] = False
        self._free += rows

    def write(self, rows: Any, columns: Columns, take: Any, slots: Any) -> None:
        """Put the readings `take` (indices into columns) on file; of several for a row the last one stays."""
        self.ts[rows] = columns.ts[take]
        self.lat[rows] = columns.lat[take]
        self.lon[rows] = columns.lon[take]
        self.state[rows] = columns.state[take]
        self.type_[rows] = columns.type_[take]
        self.battery[rows] = columns.battery[take]
        self.slot[rows] = slots
        self.received_at[rows] = columns.received_at
        self.changed[rows] = True

    def take_changed(self, partition: int, slots: Slots) -> dict[str, Sequence[Any]] | None:
        """Return the rows changed since the last call as columns of ub.vehicle_state, or None."""
        rows = np.flatnonzero(self.changed[: len(self.ids)])
        if not len(rows):
            return None
        self.changed[rows] = False
        cells, cell_of, ids = slots.cells, slots.cell_of, self.ids
        settled = self.settled[rows]
        settled_cells: list[int | None] = [cells[number] for number in cell_of[settled].tolist()]
        for position in np.flatnonzero(settled == NOWHERE).tolist():
            settled_cells[position] = None
        return {
            "vehicle_id": [ids[row] for row in rows.tolist()],
            "operator": [slots.operators[number] for number in self.operator[rows].tolist()],
            "partition": [partition] * len(rows),
            "ts": self.ts[rows].tolist(),
            "lat": self.lat[rows].tolist(),
            "lon": self.lon[rows].tolist(),
            "cell": [cells[number] for number in cell_of[self.slot[rows]].tolist()],
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
        slot, operator_number = slots.slot, slots.operator
        operators = [operator_number(name) for name in columns["operator"]]
        for vehicle_id, operator in zip(columns["vehicle_id"], operators, strict=True):
            self.add(vehicle_id, operator)
        n = len(self.ids)
        self.ts[:n] = columns["ts"]
        self.lat[:n] = columns["lat"]
        self.lon[:n] = columns["lon"]
        self.received_at[:n] = columns["received_at"]
        self.state[:n] = [STATE_CODE[name] for name in columns["vehicle_state"]]
        self.type_[:n] = [TYPE_CODE[name] for name in columns["vehicle_type"]]
        self.battery[:n] = [
            UNKNOWN_BATTERY if value is None else value for value in columns["battery_percent"]
        ]
        self.slot[:n] = [slot(c, o) for c, o in zip(columns["cell"], operators, strict=True)]
        self.settled[:n] = [
            NOWHERE if c is None else slot(c, o)
            for c, o in zip(columns["settled_cell"], operators, strict=True)
        ]
