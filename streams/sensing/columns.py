"""One Kafka record of ub.sensors as numpy columns.

Accepted: a SensorFrame (columns), a JSON array of readings (rows), or one reading. Fields that a
row does not need are ignored here; the gateway is where the contract is strict.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas import codec
from schemas.limits import EARLIEST_MS, END_MS
from schemas.metrics import METRICS, SENSOR_KINDS
from schemas.sensors import MAX_CODE, SENSOR_STATUSES, SensorFrame
from streams.fold.frames import BadFrame, column_codes, column_floats

METRIC_NAMES: tuple[str, ...] = tuple(METRICS)
METRIC_CODE: dict[str, int] = {name: code for code, name in enumerate(METRIC_NAMES)}
KIND_CODE: dict[str, int] = {name: code for code, name in enumerate(SENSOR_KINDS)}
STATUS_CODE: dict[str, int] = {name: code for code, name in enumerate(SENSOR_STATUSES)}

_SHOWN = 2 * MAX_CODE


class _Row(msgspec.Struct, frozen=True, gc=False):
    """A reading as an outside producer may put it on Kafka."""

    sensor_id: str
    kind: str
    metric: str
    value: float
    ts: int
    lat: float
    lon: float
    unit: str | None = None
    status: str = "ok"
    capacity: float | None = None
    owner: str = "unknown"


_row = msgspec.json.Decoder(_Row)
_rows = msgspec.json.Decoder(list[_Row])


@dataclass(frozen=True, slots=True)
class Columns:
    """n readings in the order of the log. Codes index METRICS, SENSOR_KINDS and SENSOR_STATUSES; -1 is not in the list.

    `value` and `capacity` (NaN: none) are in the unit that the reading names.
    """

    sensor_id: list[str]
    owner: str | list[str]
    metric_name: str | list[str]
    kind_name: str | list[str]
    status_name: str | list[str]
    unit: str | list[str | None] | None
    metric: NDArray[np.int8]
    kind: NDArray[np.int8]
    status: NDArray[np.int8]
    value: NDArray[np.float64]
    capacity: NDArray[np.float64]
    ts: NDArray[np.int64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    received_at: int

    def __len__(self) -> int:
        return len(self.sensor_id)

    def series(self, index: int) -> tuple[str, str, str]:
        """Return sensor, metric and owner of one reading."""
        metric, owner = _at(self.metric_name, index), _at(self.owner, index)
        return self.sensor_id[index], metric or "", owner or ""

    def text(self, index: int) -> str:
        """Return one reading as JSON, for a refusal."""
        reading = {
            "sensor_id": self.sensor_id[index][:_SHOWN],
            "kind": _at(self.kind_name, index),
            "metric": _at(self.metric_name, index),
            "value": float(self.value[index]),
            "unit": _at(self.unit, index),
            "ts": int(self.ts[index]),
            "lat": float(self.lat[index]),
            "lon": float(self.lon[index]),
            "status": _at(self.status_name, index),
            "capacity": None if np.isnan(self.capacity[index]) else float(self.capacity[index]),
            "owner": _at(self.owner, index),
        }
        return codec.encode(reading).decode()


def _at(column: str | list[str] | list[str | None] | None, index: int) -> str | None:
    value = column[index] if isinstance(column, list) else column
    return value if value is None else value[:_SHOWN]


def decode(value: bytes, timestamp: int) -> Columns | BadFrame:
    """Decode one record. `timestamp` stands in for `received_at` where the record has none."""
    try:
        if value.lstrip()[:1] == b"[":
            return _from_rows(_rows.decode(value), timestamp)
        try:
            return _from_frame(codec.sensor_frame.decode(value))
        except msgspec.ValidationError as error:
            if b'"received_at"' in value:
                return BadFrame(str(error), 1)
            return _from_rows([_row.decode(value)], timestamp)
    except (msgspec.DecodeError, RecursionError, OverflowError, ValueError, TypeError) as error:
        return BadFrame(str(error), 1)


def _from_frame(frame: SensorFrame) -> Columns | BadFrame:
    n = len(frame.sensor_id)
    if not EARLIEST_MS <= frame.received_at < END_MS:
        detail = f"received_at {frame.received_at}: milliseconds from {EARLIEST_MS} to {END_MS - 1} expected"
        return BadFrame(detail, max(1, n))
    for name in frame.__struct_fields__:
        column: Any = getattr(frame, name)
        if isinstance(column, list) and len(column) != n:
            return BadFrame(f"column {name} has {len(column)} values, sensor_id has {n}", max(1, n))
    return Columns(
        sensor_id=frame.sensor_id,
        owner=frame.owner,
        metric_name=frame.metric,
        kind_name=frame.kind,
        status_name=frame.status,
        unit=frame.unit,
        metric=column_codes(frame.metric, METRIC_CODE, n),
        kind=column_codes(frame.kind, KIND_CODE, n),
        status=column_codes(frame.status, STATUS_CODE, n),
        value=np.fromiter(frame.value, np.float64, n),
        capacity=_capacities(frame.capacity, n),
        ts=np.fromiter(frame.ts, np.int64, n),
        lat=column_floats(frame.lat, n),
        lon=column_floats(frame.lon, n),
        received_at=frame.received_at,
    )


def _from_rows(rows: list[_Row], timestamp: int) -> Columns:
    n = len(rows)
    metrics, kinds = [row.metric for row in rows], [row.kind for row in rows]
    statuses = [row.status for row in rows]
    return Columns(
        sensor_id=[row.sensor_id for row in rows],
        owner=[row.owner for row in rows],
        metric_name=metrics,
        kind_name=kinds,
        status_name=statuses,
        unit=[row.unit for row in rows],
        metric=column_codes(metrics, METRIC_CODE, n),
        kind=column_codes(kinds, KIND_CODE, n),
        status=column_codes(statuses, STATUS_CODE, n),
        value=np.fromiter((row.value for row in rows), np.float64, n),
        capacity=_capacities([row.capacity for row in rows], n),
        ts=np.fromiter((row.ts for row in rows), np.int64, n),
        lat=np.fromiter((row.lat for row in rows), np.float64, n),
        lon=np.fromiter((row.lon for row in rows), np.float64, n),
        received_at=timestamp,
    )


def _capacities(values: float | list[float | None] | None, n: int) -> NDArray[np.float64]:
    if isinstance(values, list):
        return np.array(values, np.float64)  # None becomes NaN
    return np.full(n, np.nan if values is None else values)
