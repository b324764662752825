"""The vehicles of one partition, a record of 48 bytes each: row number by id, everything else by row number."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.vehicles import STANDING_STATES, VEHICLE_STATES, VEHICLE_TYPES
from streams.columnar.arrays import Records, grown
from streams.columnar.compiled import compiled, fetch
from streams.columnar.ids import Ids, names_of
from streams.columnar.rows import Coded, Numbers, Texts
from streams.fleet.columns import STATE_CODE, TYPE_CODE, UNKNOWN_BATTERY
from streams.fleet.slots import Slots

AHEAD = 16
"""So many places before a vehicle is needed it is fetched."""
NOWHERE = -1
"""Slot of a vehicle that stands in no cell: on a trip, taken away, or not heard of yet."""

STANDING = np.array([name in STANDING_STATES for name in VEHICLE_STATES])
"""By state code: whether a vehicle in this state stands on the street."""

VEHICLE = np.dtype(
    [
        ("lat", np.float64),
        ("lon", np.float64),
        ("ts", np.int64),
        ("received_at", np.int64),
        ("slot", np.int32),
        ("settled", np.int32),
        ("free", np.float32),
        ("state", np.int8),
        ("type_", np.int8),
        ("battery", np.int8),
    ],
    align=True,
)
"""One record, so that a reading of one vehicle among a million touches one place in memory.

`slot` says its cell and operator, `settled` is the slot where it stood at the watermark (see flows.py), and `free` how
far, in the degrees of lattice.py, it may move from (lat, lon) and is surely in that cell.
"""
CHANGED, HEARD, MORE = 1, 2, 4
"""Bits of `changed`, since the last checkpoint: something of the record is new; its reading is; the windows may have
heard of more than that reading."""
_NOT_HEARD_OF = np.zeros(1, VEHICLE)
for _name, _value in {"slot": NOWHERE, "settled": NOWHERE, "battery": UNKNOWN_BATTERY}.items():
    _NOT_HEARD_OF[_name] = _value


class Vehicles:
    """Newest state per vehicle: `table[row]`, where rows are below `top`; some of those may be free (ts 0)."""

    def __init__(self) -> None:
        self.ids = Ids()
        self.table = np.repeat(_NOT_HEARD_OF, 1024)
        self.changed = np.zeros(1024, np.int8)
        """By row; beside the table, as all are looked through at each checkpoint."""
        self.top = 0
        self.missing = 0
        """How many are on file as missing; kept by whoever changes states."""
        self.spare = np.zeros(0, np.int32)
        """A stack of free rows; `spares` says how many."""
        self.spares = 0

    def __len__(self) -> int:
        return self.top - self.spares

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return a column of all rows below `top`."""
        column: NDArray[Any] = self.table[name][: self.top]
        return column

    def reserve(self, more: int) -> None:
        """Make room for so many more vehicles."""
        need = self.top + more
        if need > len(self.table):
            self.table = np.concatenate(
                (self.table, np.repeat(_NOT_HEARD_OF, max(need, 2 * len(self.table)) - len(self.table)))
            )
        self.changed = grown(self.changed, need)
        self.ids.reserve(more, need)

    def remove(self, rows: NDArray[np.integer]) -> None:
        """Forget vehicles; their rows may be given to others."""
        self.ids.remove(rows)
        self.table[rows] = _NOT_HEARD_OF[0]
        self.changed[rows] = 0
        self.spare = grown(self.spare, self.spares + len(rows))
        self.spare[self.spares : self.spares + len(rows)] = rows
        self.spares += len(rows)

    def take_changed(self, partition: int, slots: Slots) -> dict[str, Sequence[Any]] | None:
        """Return the rows changed since the last call as columns of ub.vehicle_state, or None."""
        changed = self.changed[: self.top]
        rows = np.flatnonzero((changed & CHANGED).astype(np.bool_))  # of numbers it takes six times as long
        changed[:] = 0
        if not len(rows):
            return None
        n = len(rows)
        whole, degrees, codes = np.empty((4, n), np.int64), np.empty((2, n)), np.empty((4, n), np.int32)
        _copy(rows, self.table, slots.operator_of, slots.cell_of, slots.cells.h3, whole, degrees, codes)
        ts, received_at, cell, settled = whole
        operator, state, type_, battery = codes
        return {
            "vehicle_id": Texts(self.ids.names(rows)),
            "operator": Coded(operator, slots.operators),
            "partition": Numbers(np.full(n, partition)),
            "ts": Numbers(ts),
            "lat": Numbers(degrees[0]),
            "lon": Numbers(degrees[1]),
            "cell": Numbers(cell),
            "settled_cell": Numbers(settled, settled != NOWHERE),
            "vehicle_state": Coded(state, VEHICLE_STATES),
            "vehicle_type": Coded(type_, VEHICLE_TYPES),
            "battery_percent": Numbers(battery, battery != UNKNOWN_BATTERY),
            "received_at": Numbers(received_at),
        }

    def restore(self, columns: Mapping[str, Sequence[Any]], slots: Slots) -> None:
        """Fill an empty table from the rows of ub.vehicle_state of this partition."""
        n = len(columns["vehicle_id"])
        self.reserve(n)
        self.ids.put(names_of(columns["vehicle_id"]), np.arange(n))
        self.top = n
        operators = np.array([slots.operator(name) for name in columns["operator"]], np.int32)
        some = self.table[:n]
        for name in ("ts", "lat", "lon", "received_at"):
            some[name] = columns[name]
        some["state"] = [STATE_CODE[name] for name in columns["vehicle_state"]]
        some["type_"] = [TYPE_CODE[name] for name in columns["vehicle_type"]]
        some["battery"] = [
            UNKNOWN_BATTERY if value is None else value for value in columns["battery_percent"]
        ]
        some["slot"] = slots.slots_of(columns["cell"], operators)
        settled = columns["settled_cell"]
        stood = np.array([cell is not None for cell in settled], np.bool_)
        some["settled"][stood] = slots.slots_of(
            [cell for cell in settled if cell is not None], operators[stood]
        )


@compiled
def _copy(
    rows: NDArray[np.intp],
    table: Records,
    operator_of: NDArray[np.int32],
    cell_of: NDArray[np.int32],
    h3: NDArray[np.int64],
    whole: NDArray[np.int64],
    degrees: NDArray[np.float64],
    codes: NDArray[np.int32],
) -> None:
    """Set columns of n vehicles.

    whole    (4, n) ts, received_at, cell, settled cell (or NOWHERE)
    degrees  (2, n) lat, lon
    codes    (4, n) operator, state, type, battery
    """
    for at in range(len(rows)):
        if at + AHEAD < len(rows):
            fetch(table, rows[at + AHEAD])
        vehicle = table[rows[at]]
        whole[0, at] = vehicle.ts
        whole[1, at] = vehicle.received_at
        whole[2, at] = h3[cell_of[vehicle.slot]]
        whole[3, at] = NOWHERE if vehicle.settled == NOWHERE else h3[cell_of[vehicle.settled]]
        degrees[0, at] = vehicle.lat
        degrees[1, at] = vehicle.lon
        codes[0, at] = operator_of[vehicle.slot]
        codes[1, at] = vehicle.state
        codes[2, at] = vehicle.type_
        codes[3, at] = vehicle.battery
