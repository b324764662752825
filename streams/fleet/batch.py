"""Readings of several records in a row, to be folded at once: what each numpy call costs is shared by thousands.

A fold may wait with its records until someone looks at it: what comes of them is a function of the log alone.
"""

from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streams.fleet.columns import Columns
from streams.fleet.ids import Names, names_of
from streams.fleet.slots import Slots
from streams.fold import Record

ENOUGH = 8_192
"""Readings: a batch that waits no longer."""


@dataclass(frozen=True, slots=True)
class Batch:
    """n readings in the order of the log. `operator` is its number, -1 for one that is no id."""

    records: list[tuple[Record, Columns]]
    starts: list[int]
    name: Names
    operator: NDArray[np.int32]
    ts: NDArray[np.int64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    state: NDArray[np.int8]
    type_: NDArray[np.int8]
    battery: NDArray[np.int16]
    received_at: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ts)

    def at(self, index: int) -> tuple[Record, Columns, int]:
        """Return the record that a reading came in, and its place there."""
        number = bisect_right(self.starts, index) - 1
        record, columns = self.records[number]
        return record, columns, index - self.starts[number]


@dataclass(slots=True)
class Waiting:
    """Records that were decoded and not folded yet."""

    records: list[tuple[Record, Columns]] = field(default_factory=list)
    readings: int = 0

    def add(self, record: Record, columns: Columns) -> None:
        """Take a record with at least one reading."""
        self.records.append((record, columns))
        self.readings += len(columns)

    def take(self, slots: Slots) -> Batch | None:
        """Return all that waits as one batch; None where nothing does."""
        if not self.records:
            return None
        records, self.records, self.readings = self.records, [], 0
        columns = [one for _, one in records]
        sizes = [len(one) for one in columns]
        return Batch(
            records=records,
            starts=[0, *np.cumsum(sizes[:-1]).tolist()],
            name=np.concatenate([names_of(one.vehicle_id) for one in columns]),
            operator=np.concatenate([_operators(one, slots) for one in columns]),
            ts=np.concatenate([one.ts for one in columns]),
            lat=np.concatenate([one.lat for one in columns]),
            lon=np.concatenate([one.lon for one in columns]),
            state=np.concatenate([one.state for one in columns]),
            type_=np.concatenate([one.type_ for one in columns]),
            battery=np.concatenate([one.battery for one in columns]),
            received_at=np.repeat([one.received_at for one in columns], sizes),
        )


def _operators(columns: Columns, slots: Slots) -> NDArray[np.int32]:
    if isinstance(columns.operator, str):
        return np.repeat(slots.operator_numbers([columns.operator]), len(columns))
    return slots.operator_numbers(columns.operator)
