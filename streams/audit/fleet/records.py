"""Records of ub.vehicles: a frame (an object of columns), an array of readings, or one reading."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import polars as pl

from streams.audit.records import Intake, LogRecord, Unfit, check_int64

TIMES = range(1_000_000_000_000, 4_133_980_800_000)
"""Times of a position, ms: 2001-09-09 up to 2100."""
_NONE_GIVEN = {"operator": "unknown", "vehicle_state": "available", "vehicle_type": "bicycle"}


class _Frame(msgspec.Struct):
    vehicle_id: list[str]
    ts: list[int]
    lat: list[float]
    lon: list[float]
    operator: str | list[str]
    received_at: int
    vehicle_state: str | list[str] = _NONE_GIVEN["vehicle_state"]
    vehicle_type: str | list[str] = _NONE_GIVEN["vehicle_type"]
    battery_percent: int | list[int | None] | None = None


class _Reading(msgspec.Struct):
    vehicle_id: str
    ts: int
    lat: float
    lon: float
    operator: str = _NONE_GIVEN["operator"]
    vehicle_state: str = _NONE_GIVEN["vehicle_state"]
    vehicle_type: str = _NONE_GIVEN["vehicle_type"]
    battery_percent: int | None = None


_frame = msgspec.json.Decoder(_Frame)
_reading = msgspec.json.Decoder(_Reading)
_readings = msgspec.json.Decoder(list[_Reading])

_READINGS: Mapping[str, pl.DataType] = {
    "vehicle_id": pl.String(),
    "operator": pl.String(),
    "ts": pl.Int64(),
    "lat": pl.Float64(),
    "lon": pl.Float64(),
    "vehicle_state": pl.String(),
    "vehicle_type": pl.String(),
    "battery_percent": pl.Int64(),
    "received_at": pl.Int64(),
}


def intake() -> Intake:
    """Return an intake of ub.vehicles."""
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
    n = len(frame.vehicle_id)
    if frame.received_at not in TIMES or any(isinstance(c, list) and len(c) != n for c in columns):
        raise Unfit(max(1, n))
    check_int64(frame.ts)
    return columns


def _from_readings(readings: Sequence[_Reading], timestamp: int) -> tuple[Any, ...]:
    names = tuple(_READINGS)[:-1]
    columns = tuple([getattr(reading, name) for reading in readings] for name in names)
    check_int64([reading.ts for reading in readings])
    return (*columns, timestamp)
