"""Admitted readings as columns, and their order."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from streams.columnar.arrays import first_of_each, stable_order


@dataclass(frozen=True, slots=True)
class Readings:
    """n readings: `series` is a row of Series, `slot` a number of Slots, `value` in millionths of the unit."""

    series: NDArray[np.int32]
    slot: NDArray[np.int32]
    ts: NDArray[np.int64]
    value: NDArray[np.int64]
    status: NDArray[np.int8]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    received_at: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.series)

    def select(self, index: NDArray[np.intp]) -> "Readings":
        """Return the readings at `index`, in that order."""
        return Readings(*(getattr(self, name)[index] for name in _NAMES))


_NAMES = [field.name for field in fields(Readings)]


def joined(parts: list[Readings]) -> Readings:
    """Return one after the other, at least one."""
    return Readings(*(np.concatenate([getattr(part, name) for part in parts]) for name in _NAMES))


def in_order(r: Readings, cell: NDArray[np.int64]) -> tuple[Readings, NDArray[np.intp]]:
    """Sort by (series, ts, value, cell, status, lat, lon); `cell` is the H3 index of each slot.

    The last of a series is its newest, whatever order they came in. Returned with the place where each stood.
    """
    stood = stable_order(r.series, r.ts)
    r = r.select(stood)
    tied = ~first_of_each(r.series, r.ts)
    if not tied.any():
        return r, stood
    tied[:-1] |= tied[1:]
    places = np.flatnonzero(tied)
    t = r.select(places)
    order = np.arange(len(r))
    order[places] = places[np.lexsort((t.lon, t.lat, t.status, cell[t.slot], t.value, t.ts, t.series))]
    return r.select(order), stood[order]


def last_of_each(series: NDArray[np.int32]) -> NDArray[np.intp]:
    """Return where each series of a sorted column ends."""
    return np.flatnonzero(np.concatenate((series[1:] != series[:-1], [True])))
