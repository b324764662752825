"""One Kafka record of ub.sensors as numbers: read quickly where it is ordinary, by the general decoder where not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.metrics import METRICS
from schemas.sensors import MAX_CODE
from schemas.units import BadUnit, conversion
from streams.columnar.arrays import grown
from streams.columnar.ids import names_of, words_of
from streams.columnar.json_text import Buffer, Words, literals_of
from streams.fold.contract import Record
from streams.fold.frames import BadFrame
from streams.sensing import json_frame
from streams.sensing.columns import METRIC_NAMES, Columns, decode
from streams.sensing.owners import Owners

_LEAST_BYTES = 8  # of JSON a reading in a frame: `"a",`, and `0,` of its value and of its ts
_SPARE_WORDS = 2
_UNITS_READ_QUICKLY = 64
"""Units that frames are searched for, one after the other; frames of later ones are read in the general way."""

_COLUMNS: Mapping[str, type[np.generic]] = {
    "metric": np.int8,
    "value": np.float64,
    "ts": np.int64,
    "lat": np.float64,
    "lon": np.float64,
    "kind": np.int8,
    "owner": np.int32,
    "unit": np.int8,
    "status": np.int8,
    "capacity": np.float64,
}
"""In the order of `json_frame.read_frame`."""


@dataclass(slots=True)
class Frame:
    """n readings in the order of the log, which hold until the next record is read.

    `words` are ids, all zero for what cannot be one. `metric`, `kind`, `status`, `value` and `capacity` are those of
    `Columns`; `unit` indexes `units`, None: all values are in canonical units. `owner` are numbers of `Owners`, or
    names where they are yet to be numbered.
    """

    record: Record
    received_at: int
    words: Words
    metric: NDArray[np.int8]
    value: NDArray[np.float64]
    ts: NDArray[np.int64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    kind: NDArray[np.int8]
    owner: NDArray[np.int32] | str | list[str]
    unit: NDArray[np.integer] | None
    units: Sequence[str | None]
    status: NDArray[np.int8]
    capacity: NDArray[np.float64]
    _columns: Columns | None = None

    def __len__(self) -> int:
        return len(self.ts)

    @property
    def columns(self) -> Columns:
        """The readings with all their names; the record is decoded again where they are wanted."""
        if self._columns is None:
            columns = decode(self.record.value, self.record.timestamp)
            if isinstance(columns, BadFrame):
                raise TypeError(
                    f"offset {self.record.offset} was read and cannot be decoded: {columns.detail}"
                )
            self._columns = columns
        return self._columns


class Reader:
    """Reads record after record into the same arrays."""

    def __init__(self, owners: Owners) -> None:
        self._owners = owners
        self._buffer = Buffer()
        self._words: Words = np.zeros((0, _SPARE_WORDS), np.uint64)
        self._columns: dict[str, NDArray[Any]] = {
            name: np.zeros(0, type_) for name, type_ in _COLUMNS.items()
        }
        self._units: list[str | None] = [None]
        self._unit_patterns = literals_of([b"null"])
        for metric in METRICS.values():
            self._learn(metric.unit)

    def read(self, record: Record) -> Frame | BadFrame:
        """Return the readings of a record, or what is wrong where it holds none that can be told apart."""
        frame = self.read_quickly(record)
        if frame is not None:
            return frame
        columns = decode(record.value, record.timestamp)
        return columns if isinstance(columns, BadFrame) else self._numbered(record, columns)

    def read_quickly(self, record: Record) -> Frame | None:
        """Return the readings of an ordinary frame; None for what is left to the general decoder."""
        room = len(record.value) // _LEAST_BYTES + 1
        if room > len(self._words):
            self._words = grown(self._words, room)
            self._columns = {name: grown(column, room) for name, column in self._columns.items()}
        into: tuple[Any, ...] = (
            self._words,
            *self._columns.values(),
            json_frame.FIELDS,
            json_frame.METRICS,
            json_frame.KINDS,
            self._owners.patterns,
            self._unit_patterns,
            json_frame.STATUSES,
        )
        text, end = self._buffer.take(record.value), len(record.value)
        n, received_at, has_units = json_frame.read_frame(text, end, *into)
        if n < 0:
            return None
        some: dict[str, Any] = {name: column[:n] for name, column in self._columns.items()}
        if not has_units:
            some["unit"] = None
        return Frame(record, received_at, self._words[:n], units=self._units, **some)

    def _numbered(self, record: Record, c: Columns) -> Frame:
        words = words_of(names_of(c.sensor_id))
        lacking = words.shape[1] - self._words.shape[1]
        if lacking > 0:
            self._words = np.pad(self._words, ((0, 0), (0, lacking)))
        units = list(dict.fromkeys(c.unit)) if isinstance(c.unit, list) else [c.unit]
        unit = None
        if isinstance(c.unit, list):
            number = {unit: number for number, unit in enumerate(units)}
            unit = np.fromiter(map(number.__getitem__, c.unit), np.int64, len(c))
        elif c.unit is not None:
            unit = np.zeros(len(c), np.int64)
        self._learn_sound(c.metric, unit, units)
        some: dict[str, Any] = {name: getattr(c, name) for name in _COLUMNS if name != "unit"}
        return Frame(record, c.received_at, words, unit=unit, units=units, _columns=c, **some)

    def _learn_sound(
        self, metric: NDArray[np.int8], unit: NDArray[np.int64] | None, units: Sequence[str | None]
    ) -> None:
        """Have units read quickly from now on in which something can be measured; what is none takes no place."""
        for number, name in enumerate(units):
            if unit is None or name is None or name in self._units or len(self._units) >= _UNITS_READ_QUICKLY:
                continue
            if len(msgspec.json.encode(name)) > MAX_CODE + 2:  # no more may be looked at behind a text
                continue
            measured = np.flatnonzero(np.bincount(metric[(unit == number) & (metric >= 0)]))
            if any(not isinstance(conversion(METRIC_NAMES[at], name), BadUnit) for at in measured.tolist()):
                self._learn(name)

    def _learn(self, unit: str) -> None:
        if unit not in self._units:
            self._units.append(unit)
            self._unit_patterns = literals_of([msgspec.json.encode(name) for name in self._units])
