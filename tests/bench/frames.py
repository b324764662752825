"""A workload as records of ub.vehicles: frames of columns, as the gateway writes them, or of rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.vehicles import VehicleFrame, VehiclePosition
from tests.bench.workload import OPERATORS, Positions, Workload, positions

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Frame:
    """One record; `timestamp` is when it was received, milliseconds since the epoch."""

    partition: int
    value: bytes
    timestamp: int
    readings: int


def positions_of(workload: Workload) -> Positions:
    """Return the readings of a workload."""
    return positions(workload.readings, workload.vehicles, workload.riding, workload.restless, workload.seed)


def vehicle_id(number: int) -> str:
    """Return the id of a vehicle; vehicle n belongs to partition n modulo the number of partitions."""
    return f"bike-{number:06d}"


@lru_cache(maxsize=1)
def frames_of(workload: Workload) -> tuple[Frame, ...]:
    """Return all frames in order of arrival, without the closing ones."""
    found = positions_of(workload)
    ids = [vehicle_id(number) for number in range(workload.vehicles)]
    encoded = chain.from_iterable(
        partition_frames(found, workload, partition, ids.__getitem__)
        for partition in range(workload.partitions)
    )
    return tuple(sorted(encoded, key=lambda frame: frame.timestamp))


def partition_frames(
    found: Positions, workload: Workload, partition: int, id_of: Callable[[int], str]
) -> Iterator[Frame]:
    """Yield the frames of one partition in order of arrival."""
    mine = np.flatnonzero(found.vehicle % workload.partitions == partition)
    for start in range(0, len(mine), workload.frame):
        yield _frame(found, mine[start : start + workload.frame], id_of, partition, workload.shape)


def closing_frames(workload: Workload) -> Iterator[Frame]:
    """Yield, for each partition, a reading ten minutes after all others, far from the city."""
    for partition in range(workload.partitions):
        ts = np.array([workload.end_ms])
        one = Positions(
            vehicle=np.zeros(1, np.int32),
            ts=ts,
            arrival=ts,
            lat=np.array([30.0]),
            lon=np.array([120.0 + partition]),
            rides=np.zeros(1, np.bool_),
            battery=np.full(1, 50, np.int16),
        )
        yield _frame(one, np.zeros(1, np.intp), partial(_closing_id, partition), partition, workload.shape)


def _frame(
    c: Positions, take: NDArray[np.intp], id_of: Callable[[int], str], partition: int, shape: str
) -> Frame:
    numbers = c.vehicle[take].tolist()
    received_at = int(c.arrival[take].max())
    states = ["on_trip" if rides else "available" for rides in c.rides[take].tolist()]
    columns = VehicleFrame(
        vehicle_id=[id_of(number) for number in numbers],
        ts=c.ts[take].tolist(),
        lat=c.lat[take].tolist(),
        lon=c.lon[take].tolist(),
        operator=[OPERATORS[number % len(OPERATORS)] for number in numbers],
        received_at=received_at,
        vehicle_state=states,
        battery_percent=c.battery[take].tolist(),
    )
    value = _encode(columns if shape == "columns" else _rows(columns))
    return Frame(partition, value, received_at, len(numbers))


def _closing_id(partition: int, _number: int) -> str:
    return f"closing-{partition}"


def _rows(c: VehicleFrame) -> list[VehiclePosition]:
    columns = (c.vehicle_id, c.ts, c.lat, c.lon, c.operator, c.vehicle_state, c.battery_percent)
    return [
        VehiclePosition(
            vehicle_id=id_,
            ts=ts,
            lat=lat,
            lon=lon,
            operator=operator,
            vehicle_state=state,
            battery_percent=battery,
        )
        for id_, ts, lat, lon, operator, state, battery in zip(*columns, strict=True)  # type: ignore[arg-type]
    ]
