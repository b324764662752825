"""Records of ub.sensors: a frame (an object of columns), an array of readings, or one reading."""

from collections.abc import Mapping

import msgspec
import polars as pl

from streams.audit.readings import ReadingsReader
from streams.audit.records import Intake

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
    return Intake(_READINGS, ReadingsReader(_Frame, _Reading, _READINGS))
