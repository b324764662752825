"""Records of ub.vehicles: a frame (an object of columns), an array of readings, or one reading."""

from collections.abc import Mapping

import msgspec
import polars as pl

from streams.audit.readings import ReadingsReader
from streams.audit.records import Intake

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
    return Intake(_READINGS, ReadingsReader(_Frame, _Reading, _READINGS))
