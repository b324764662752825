"""Which readings of a frame may be folded: values in range, and the vehicle belongs to the operator."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from schemas.rejected import Reason
from streams.fleet.columns import Columns, is_id, usable, why_unusable
from streams.fleet.slots import Slots
from streams.fleet.vehicles import Vehicles

Refuse = Callable[[Reason, str, int], None]
"""Refuse the reading at an index of the frame, with reason and detail."""

_ID_RULE = "1 to 64 letters, digits or _ . : - expected"


def usable_readings(c: Columns, slots: Slots, refuse: Refuse) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Return the indices of the readings whose values can be used, and the operator's number of every reading."""
    n = len(c)
    if isinstance(c.operator, str):
        operator = np.full(n, slots.operator_numbers([c.operator])[0], np.int32)
    else:
        operator = slots.operator_numbers(c.operator)
    good = usable(c) & (operator >= 0)
    if good.all():
        return np.arange(n), operator
    for index in np.flatnonzero(~good).tolist():
        if operator[index] < 0:
            refuse("bad_id", f"operator: {_ID_RULE}", index)
        else:
            refuse(*why_unusable(c, index), index)
    return np.flatnonzero(good), operator


def rows_of(
    c: Columns,
    take: NDArray[np.intp],
    operator: NDArray[np.int32],
    vehicles: Vehicles,
    slots: Slots,
    refuse: Refuse,
) -> NDArray[np.int64]:
    """Return the vehicle row of each reading in `take`, -1 for those refused.

    A vehicle not heard of gets a row. It belongs to the operator that the log names first.
    """
    ids = c.vehicle_id
    names = ids if len(take) == len(ids) else [ids[index] for index in take.tolist()]
    try:
        rows = np.fromiter(map(vehicles.row_of.__getitem__, names), np.int64, len(names))
    except KeyError:
        rows = _with_new_vehicles(names, take, operator, vehicles, refuse)
    foreign = (rows >= 0) & (vehicles.operator[rows] != operator[take])
    if foreign.any():
        for position in np.flatnonzero(foreign).tolist():
            owner = slots.operators[vehicles.operator[rows[position]]]
            refuse("operator_conflict", f"vehicle belongs to operator {owner}", int(take[position]))
        rows[foreign] = -1
    return rows


def _with_new_vehicles(
    names: list[str],
    take: NDArray[np.intp],
    operator: NDArray[np.int32],
    vehicles: Vehicles,
    refuse: Refuse,
) -> NDArray[np.int64]:
    get = vehicles.row_of.get
    rows = np.array([get(name, -1) for name in names], np.int64)
    for position in np.flatnonzero(rows < 0).tolist():
        index, vehicle_id = int(take[position]), names[position]
        row = get(vehicle_id, -1)
        if row < 0 and is_id(vehicle_id):
            row = vehicles.add(vehicle_id, int(operator[index]))
        elif row < 0:
            refuse("bad_id", f"vehicle_id: {_ID_RULE}", index)
        rows[position] = row
    return rows
