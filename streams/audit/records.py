"""Records of ub.vehicles and ub.rejected as columns; every value that JSON can hold is taken in, fit or not.

A record of ub.vehicles is a frame (an object of columns), an array of readings, or one reading. What is none
of these, and a frame whose columns differ in length, is a bad frame: it is counted, not read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

_CHUNK = 500_000
TIMES = range(1_000_000_000_000, 4_102_444_800_000)
"""Times that a clock may show, ms: 2001-09-09 up to 2100."""
_INT64 = range(-(2**63), 2**63)
_NONE_GIVEN = {"operator": "unknown", "vehicle_state": "available", "vehicle_type": "bicycle"}


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One Kafka record; `timestamp` is Kafka's, milliseconds since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    value: bytes


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


class _Refusal(msgspec.Struct):
    source: str
    sequence: int
    reason: str
    topic: str
    count: int = 1


_frame = msgspec.json.Decoder(_Frame)
_reading = msgspec.json.Decoder(_Reading)
_readings = msgspec.json.Decoder(list[_Reading])
_refusal = msgspec.json.Decoder(_Refusal)

READINGS: Mapping[str, pl.DataType] = {
    "partition": pl.Int32(),
    "offset": pl.Int64(),
    "index": pl.Int32(),
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
"""Columns of the readings, in the order of the log; `index` is the place in the record."""

BAD_FRAMES: Mapping[str, pl.DataType] = {
    "partition": pl.Int32(),
    "offset": pl.Int64(),
    "count": pl.Int64(),
}
"""Records that hold no readings; `count` is how many they claim to hold."""

REFUSALS: Mapping[str, pl.DataType] = {
    "partition": pl.Int32(),
    "offset": pl.Int64(),
    "source": pl.String(),
    "sequence": pl.Int64(),
    "topic": pl.String(),
    "reason": pl.String(),
    "count": pl.Int64(),
}
"""Records of ub.rejected."""


class Columns:
    """Rows collected as Python lists, turned into a frame chunk by chunk."""

    def __init__(self, schema: Mapping[str, pl.DataType]) -> None:
        self._schema = dict(schema)
        self._lists: list[list[Any]] = [[] for _ in schema]
        self._chunks: list[pl.DataFrame] = []

    def extend(self, n: int, values: Sequence[Any]) -> None:
        """Append n rows: for each column a sequence of n values, or one value that all of them share."""
        for column, value in zip(self._lists, values, strict=True):
            if isinstance(value, list | range):
                column.extend(value)
            else:
                column.extend([value] * n)
        if len(self._lists[0]) >= _CHUNK:
            self._pack()

    def frame(self) -> pl.DataFrame:
        """Return all rows."""
        self._pack()
        return pl.concat(self._chunks)

    def _pack(self) -> None:
        # Not strict: a battery of 10^30 percent is one that is not known.
        columns = [
            pl.Series(name, values, dtype, strict=False)
            for (name, dtype), values in zip(self._schema.items(), self._lists, strict=True)
        ]
        self._chunks.append(pl.DataFrame(columns))
        self._lists = [[] for _ in self._schema]


class Vehicles:
    """The records of ub.vehicles taken in so far; those of one partition come in the order of its log."""

    def __init__(self) -> None:
        self._readings = Columns(READINGS)
        self._bad = Columns(BAD_FRAMES)
        self.count = 0

    def add(self, record: LogRecord) -> None:
        """Take one record in."""
        try:
            columns = _columns(record)
        except _Unfit as error:
            self._bad.extend(1, (record.partition, record.offset, error.claimed))
            return
        except (msgspec.DecodeError, RecursionError, ValueError, OverflowError):
            self._bad.extend(1, (record.partition, record.offset, 1))
            return
        n = len(columns[0])
        self.count += n
        self._readings.extend(n, (record.partition, record.offset, range(n), *columns))

    def readings(self) -> pl.DataFrame:
        """Return the readings; those of one partition are in the order of its log."""
        return self._readings.frame()

    def bad_frames(self) -> pl.DataFrame:
        """Return the records that hold none."""
        return self._bad.frame()


class _Unfit(ValueError):
    """A frame of so many readings that cannot be read as a whole."""

    def __init__(self, claimed: int) -> None:
        super().__init__()
        self.claimed = claimed


def _columns(record: LogRecord) -> tuple[Any, ...]:
    """Return the columns of READINGS from vehicle_id on."""
    value = record.value
    if value[:1] == b"[":
        return _from_readings(_readings.decode(value), record.timestamp)
    try:
        frame = _frame.decode(value)
    except msgspec.ValidationError:
        if b'"received_at"' in value:  # it means to be a frame
            raise
        return _from_readings([_reading.decode(value)], record.timestamp)
    columns = (
        frame.vehicle_id,
        frame.operator,
        frame.ts,
        frame.lat,
        frame.lon,
        frame.vehicle_state,
        frame.vehicle_type,
        frame.battery_percent,
        frame.received_at,
    )
    n = len(frame.vehicle_id)
    if frame.received_at not in TIMES or any(isinstance(c, list) and len(c) != n for c in columns):
        raise _Unfit(n)
    _check_int64(frame.ts)
    return columns


def _from_readings(readings: Sequence[_Reading], timestamp: int) -> tuple[Any, ...]:
    names = (
        "vehicle_id",
        "operator",
        "ts",
        "lat",
        "lon",
        "vehicle_state",
        "vehicle_type",
        "battery_percent",
    )
    columns = tuple([getattr(reading, name) for reading in readings] for name in names)
    _check_int64([reading.ts for reading in readings])
    return (*columns, timestamp)


def _check_int64(values: Sequence[int]) -> None:
    if values and not (min(values) in _INT64 and max(values) in _INT64):
        raise OverflowError


class Refusals:
    """The records of ub.rejected taken in so far. One that is no refusal is a refusal itself, by the rejects stage."""

    def __init__(self) -> None:
        self._columns = Columns(REFUSALS)

    def add(self, record: LogRecord) -> None:
        """Take one record in."""
        try:
            item = _refusal.decode(record.value)
            row: tuple[Any, ...] = (item.source, item.sequence, item.topic, item.reason, item.count)
        except (msgspec.DecodeError, RecursionError):
            source = f"rejects/{record.topic}/{record.partition}@0"
            row = (source, record.offset << 20, record.topic, "bad_frame", 1)
        self._columns.extend(1, (record.partition, record.offset, *row))

    def frame(self) -> pl.DataFrame:
        """Return the refusals; those of one partition are in the order of its log."""
        return self._columns.frame()
