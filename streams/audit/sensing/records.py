"""Records of ub.sensors: a frame (an object of columns), an array of readings, or one reading."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import polars as pl

from streams.audit.records import TIMES, Intake, LogRecord, Unfit, check_int64

_NO_OWNER = "unknown"


class _Frame(msgspec.Struct):
    sensor_id: list[str]
    metric: str | list[str]
    value: list[float]
    ts: list[int]
    lat: float | list[float]
    lon: float | list[float]
    kind: str | list[str]
    owner: str | list[str]
    received_at: int
    unit: str | list[str | None] | None = None
    status: str | list[str] = "ok"
    capacity: float | list[float | None] | None = None


class _Reading(msgspec.Struct):
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
    owner: str = _NO_OWNER


_frame = msgspec.json.Decoder(_Frame)
_reading = msgspec.json.Decoder(_Reading)
_readings = msgspec.json.Decoder(list[_Reading])

_READINGS: Mapping[str, pl.DataType] = {
    "sensor_id": pl.String(),
    "kind": pl.String(),
    "metric": pl.String(),
    "value": pl.Float64(),
    "unit": pl.String(),
    "status": pl.String(),
    "capacity": pl.Float64(),
    "owner": pl.String(),
    "ts": pl.Int64(),
    "lat": pl.Float64(),
    "lon": pl.Float64(),
    "received_at": pl.Int64(),
}


def intake() -> Intake:
    """Return an intake of ub.sensors."""
    return Intake(_READINGS, _columns)


def _columns(record: LogRecord) -> tuple[Any, ...]:
    value = record.value
    if value.lstrip()[:1] == b"[":
        return _from_readings(_readings.decode(value), record.timestamp)
    try:
        frame = _frame.decode(value)
    except msgspec.ValidationError:
        if b'"received_at"' in value:  # it means to be a frame
            raise
        return _from_readings([_reading.decode(value)], record.timestamp)
    columns = tuple(getattr(frame, name) for name in _READINGS)
    n = len(frame.sensor_id)
    if frame.received_at not in TIMES or any(isinstance(c, list) and len(c) != n for c in columns):
        raise Unfit(max(1, n))
    check_int64(frame.ts)
    return columns


def _from_readings(readings: Sequence[_Reading], timestamp: int) -> tuple[Any, ...]:
    names = tuple(_READINGS)[:-1]
    columns = tuple([getattr(reading, name) for reading in readings] for name in names)
    check_int64([reading.ts for reading in readings])
    return (*columns, timestamp)
