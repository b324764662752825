"""What a feed tells, as wire types: rows of one publisher, each with the time at which it is to be sent.

Feeds are slower than simulations, so each row is an object, and can say all that the wire can.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from schemas.sensors import SensorReading
from schemas.vehicles import VehiclePosition
from sensors_sim.batch import Ids, Ints
from sensors_sim.requests.events import Event

About = Literal["vehicles", "sensors", "requests"]


class Position(VehiclePosition, frozen=True, gc=False, omit_defaults=True):
    """A VehiclePosition that leaves out what it does not say."""


class Reading(SensorReading, frozen=True, gc=False, omit_defaults=True):
    """A SensorReading that leaves out what it does not say."""


Row = Position | Reading | Event


@dataclass(frozen=True, slots=True)
class Told:
    """n rows of one owner (of vehicles: operator), in the order in which they are to be sent.

    ts   int64[n], when each becomes known (milliseconds since the epoch, UTC), never decreasing. A recorded or live
         poll tells at its own time of what was measured before: then a row's own `ts` is earlier
    row  object[n], all of the type that `about` says
    """

    owner: str
    about: About
    ts: Ints
    row: Ids

    @classmethod
    def of(cls, owner: str, about: About, rows: Sequence[Row], *, at: int | None = None) -> Self:
        """Return `rows` as columns, told at their own times or, with `at`, all at once."""
        column = np.empty(len(rows), dtype=object)
        column[:] = rows
        times = [row.ts for row in rows] if at is None else [at] * len(rows)
        return cls(owner, about, np.array(times, dtype=np.int64), column)

    def __len__(self) -> int:
        return len(self.ts)

    def take(self, rows: slice) -> Self:
        """Return the given rows."""
        return type(self)(self.owner, self.about, self.ts[rows], self.row[rows])
