"""The contract of all kinds of sensors: a table of what there is, and every minute what it would read."""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from schemas.sensors import SENSOR_STATUSES
from sensors_sim.batch import Codes, Floats, Ids, Ints, ids
from sensors_sim.geo import Plane
from sensors_sim.sensors.moment import Moment

OK, FAULT = (SENSOR_STATUSES.index(name) for name in ("ok", "fault"))


@dataclass(frozen=True)
class Sensors:
    """n sensors of one kind, as columns. Units are the canonical ones of schemas/metrics.py.

    owner      who publishes them
    metrics    what each of them measures, m names
    every_s    seconds between two reports of a sensor, whole minutes
    x, y       float64[n], metres on the city's plane
    lat, lon   float64[n], degrees WGS-84
    capacity   object[n], float or None: the most that a count can be
    """

    kind: str
    owner: str
    metrics: tuple[str, ...]
    every_s: int
    sensor_id: Ids
    x: Floats
    y: Floats
    lat: Floats
    lon: Floats
    capacity: Ids

    def __len__(self) -> int:
        return len(self.sensor_id)

    @property
    def readings_per_s(self) -> float:
        """Readings a second of event time."""
        return len(self) * len(self.metrics) / self.every_s

    @classmethod
    def at(
        cls,
        plane: Plane,
        x: Floats,
        y: Floats,
        *,
        kind: str,
        owner: str,
        metrics: tuple[str, ...],
        every_s: int,
        capacity: Ints | None = None,
    ) -> Self:
        """Return sensors at the given points, numbered in the order given."""
        lat, lon = plane.latlon(x, y)
        most = np.full(len(x), None, dtype=object)
        if capacity is not None:
            most[:] = capacity.astype(np.float64).tolist()
        names = ids([f"{kind.replace('_', '-')}-{i:05d}" for i in range(len(x))])
        return cls(kind, owner, metrics, every_s, names, x, y, lat, lon, most)


@dataclass(frozen=True, slots=True)
class Measured:
    """What all n sensors of a kind would read at one moment.

    value   float64[m, n], one row a metric, rounded as the device does
    status  uint8[n], index into schemas.sensors.SENSOR_STATUSES
    """

    value: Floats
    status: Codes

    @classmethod
    def sound(cls, *rows: Floats) -> Self:
        """Return one row of values a metric, from sensors that are in order."""
        return cls(np.stack(rows), np.full(rows[0].shape, OK, dtype=np.uint8))


class Kind(Protocol):
    """One kind of sensor and the part of the city that it watches."""

    sensors: Sensors

    def step(self, now: Moment) -> Measured:
        """Live through the minute that ends at `now`; return what the sensors read then."""
        ...


@dataclass(frozen=True, slots=True)
class Readings:
    """n readings of sensors of one kind, in the order in which they are to be sent.

    sensor  int64[n], index into the columns of `sensors`
    metric  uint8[n], index into sensors.metrics
    value   float64[n], in the metric's canonical unit
    ts      int64[n], milliseconds since the epoch, UTC, never decreasing
    status  uint8[n], index into schemas.sensors.SENSOR_STATUSES
    """

    sensors: Sensors
    sensor: Ints
    metric: Codes
    value: Floats
    ts: Ints
    status: Codes

    def __len__(self) -> int:
        return len(self.ts)

    def take(self, rows: slice | Ints) -> Self:
        """Return the given rows, in the given order."""
        return type(self)(
            self.sensors,
            self.sensor[rows],
            self.metric[rows],
            self.value[rows],
            self.ts[rows],
            self.status[rows],
        )
