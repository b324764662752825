"""Which readings may be folded: values in range, and the vehicle belongs to the operator."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from schemas.rejected import Reason
from streams.fleet.batch import Batch
from streams.fleet.columns import usable, why_unusable
from streams.fleet.slots import Slots
from streams.fleet.vehicles import Vehicles
from streams.frames import is_id

Refuse = Callable[[Reason, str, int], None]
"""Refuse the reading at an index of the batch, with reason and detail."""

_ID_RULE = "1 to 64 letters, digits or _ . : - expected"


def usable_readings(batch: Batch, refuse: Refuse) -> NDArray[np.intp]:
    """Return the indices of the readings whose values can be used."""
    good = usable(batch) & (batch.operator >= 0)
    if good.all():
        return np.arange(len(batch))
    for index in np.flatnonzero(~good).tolist():
        if batch.operator[index] < 0:
            refuse("bad_id", f"operator: {_ID_RULE}", index)
        else:
            refuse(*why_unusable(batch, index), index)
    return np.flatnonzero(good)


def rows_of(
    batch: Batch, take: NDArray[np.intp], vehicles: Vehicles, slots: Slots, refuse: Refuse
) -> NDArray[np.int64]:
    """Return the vehicle row of each reading in `take`, -1 for those refused.

    A vehicle not heard of gets a row. It belongs to the operator that the log names first.
    """
    operator = batch.operator[take]
    rows = vehicles.ids.find(batch.name[take])
    unknown = np.flatnonzero(rows < 0)
    if len(unknown):
        rows[unknown] = _new_vehicles(batch, take[unknown], vehicles, refuse)
    foreign = (rows >= 0) & (vehicles.operator[rows] != operator)
    if foreign.any():
        for position in np.flatnonzero(foreign).tolist():
            owner = slots.operators[vehicles.operator[rows[position]]]
            refuse("operator_conflict", f"vehicle belongs to operator {owner}", int(take[position]))
        rows[foreign] = -1
    return rows


def _new_vehicles(
    batch: Batch, take: NDArray[np.intp], vehicles: Vehicles, refuse: Refuse
) -> NDArray[np.int64]:
    names, first, which = np.unique(batch.name[take], return_index=True, return_inverse=True)
    sound = np.array([is_id(name.decode()) is not None for name in names.tolist()], np.bool_)
    rows = np.full(len(names), -1, np.int64)
    rows[sound] = vehicles.add(names[sound], batch.operator[take[first[sound]]])
    found: NDArray[np.int64] = rows[which]
    for position in np.flatnonzero(found < 0).tolist():
        refuse("bad_id", f"vehicle_id: {_ID_RULE}", int(take[position]))
    return found
