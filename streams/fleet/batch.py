"""Readings of several records in a row, to be folded at once.

A fold may wait with its records until someone looks at it: what comes of them is a function of the log alone.
"""

from bisect import bisect_right

import numpy as np

from streams.columnar.arrays import grown
from streams.columnar.ids import names_of, words_of
from streams.columnar.json_text import Buffer, Words
from streams.fleet import json_frame, json_rows
from streams.fleet.columns import Columns, decode
from streams.fleet.slots import Slots
from streams.fold.contract import Record
from streams.fold.frames import BadFrame

ENOUGH = 8_192
"""Readings: a batch that waits no longer."""
_LEAST_BYTES = 10  # of JSON a reading in a frame: `"",` and four of `0,`
_SPARE_WORDS = 2

READING = np.dtype(
    [
        ("ts", np.int64),
        ("received_at", np.int64),
        ("lat", np.float64),
        ("lon", np.float64),
        ("detail", np.int64),
        ("operator", np.int32),
        ("row", np.int32),
        ("cell", np.int32),
        ("free", np.float32),
        ("state", np.int8),
        ("type_", np.int8),
        ("battery", np.int8),
        ("verdict", np.int8),
    ],
    align=True,
)
"""A reading, and what becomes known of it on the way: see `streams/fleet/kernel.py`.

`operator` is its number, -1 for one that is no id; `state` and `type_` are codes, -1 for none of them.
"""


class Batch:
    """Readings in the order of the log: `readings[:n]`, with their ids in `words[:n]`."""

    def __init__(self) -> None:
        self.readings = np.zeros(ENOUGH, READING)
        self.words: Words = np.zeros((ENOUGH, _SPARE_WORDS), np.uint64)
        self.n = 0
        # The records that the readings came in, and the index of the first reading of each.
        self.records: list[Record] = []
        self.starts: list[int] = []
        self._buffer = Buffer()
        self._decoded: tuple[int, Columns] | None = None

    def __len__(self) -> int:
        return self.n

    def clear(self) -> None:
        """Forget all readings."""
        self.n = 0
        self.records.clear()
        self.starts.clear()
        self._decoded = None

    def add(self, record: Record, slots: Slots) -> BadFrame | None:
        """Take the readings of a record; returns what is wrong where it holds none that can be told apart."""
        self._reserve(len(record.value) // _LEAST_BYTES + 1)
        n = self.read_quickly(record, slots)
        if n < 0:
            columns = decode(record.value, record.timestamp)
            if isinstance(columns, BadFrame):
                return columns
            n = len(columns)
            self._reserve(n)
            self._copy(columns, slots)
        if n:
            self.records.append(record)
            self.starts.append(self.n)
            self.n += n
        return None

    def at(self, index: int) -> tuple[Record, int]:
        """Return the record that a reading came in, and its place there."""
        number = bisect_right(self.starts, index) - 1
        return self.records[number], index - self.starts[number]

    def text(self, index: int) -> str:
        """Return a reading as JSON, for a refusal."""
        number = bisect_right(self.starts, index) - 1
        record = self.records[number]
        if self._decoded is None or self._decoded[0] != number:
            columns = decode(record.value, record.timestamp)
            if isinstance(columns, BadFrame):
                raise TypeError(f"offset {record.offset} was read and cannot be decoded: {columns.detail}")
            self._decoded = number, columns
        return self._decoded[1].text(index - self.starts[number])

    def read_quickly(self, record: Record, slots: Slots) -> int:
        """Read an ordinary record behind what there is; returns how many readings it has, -1 where it is left alone."""
        free = self.readings[self.n :]
        text, end = self._buffer.take(record.value), len(record.value)
        into = (
            self.words[self.n :],
            free["ts"],
            free["lat"],
            free["lon"],
            free["operator"],
            free["received_at"],
            free["state"],
            free["type_"],
            free["battery"],
            json_frame.FIELDS,
            json_frame.STATES,
            json_frame.TYPES,
            slots.operator_patterns,
        )
        n = json_frame.read_frame(text, end, *into)
        return n if n >= 0 else json_rows.read_rows(text, end, record.timestamp, *into)

    def _copy(self, columns: Columns, slots: Slots) -> None:
        words = words_of(names_of(columns.vehicle_id))
        lacking = words.shape[1] - self.words.shape[1]
        if lacking > 0:
            self.words = np.pad(self.words, ((0, 0), (0, lacking)))
        part = slice(self.n, self.n + len(columns))
        self.words[part] = 0
        self.words[part, : words.shape[1]] = words
        some = self.readings[part]
        for name in ("ts", "lat", "lon", "state", "type_", "battery", "received_at"):
            some[name] = getattr(columns, name)
        some["operator"] = (
            slots.operator_numbers([columns.operator])
            if isinstance(columns.operator, str)
            else slots.operator_numbers(columns.operator)
        )

    def _reserve(self, more: int) -> None:
        self.readings = grown(self.readings, self.n + more)
        self.words = grown(self.words, self.n + more)
