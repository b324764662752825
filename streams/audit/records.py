"""Kafka records as columns; every value that JSON can hold is taken in, fit or not.

How the records of a topic are read stands with its stage (fleet/records.py, ...). What holds no readings is a bad
frame: it is counted, not read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from streams.audit.shelf import Shelf

_CHUNK = 100_000
TIMES = range(1_000_000_000_000, 4_133_980_800_000)
"""Times that a clock may show, ms: 2001-09-09 up to 2101."""
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One Kafka record; `timestamp` is Kafka's, milliseconds since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    value: bytes


_PLACE: Mapping[str, pl.DataType] = {"partition": pl.Int32(), "offset": pl.Int64(), "index": pl.Int32()}
"""Where a reading stands in the log; `index` is the place in the record."""

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


class Unfit(ValueError):
    """A frame of so many readings that cannot be read as a whole."""

    def __init__(self, claimed: int) -> None:
        super().__init__()
        self.claimed = claimed


class Columns:
    """Rows collected as Python lists, put down as frames by partition, chunk by chunk."""

    def __init__(self, schema: Mapping[str, pl.DataType]) -> None:
        self._schema = dict(schema)
        self._lists: list[list[Any]] = [[] for _ in schema]
        self._shelf = Shelf(schema)

    def extend(self, n: int, values: Sequence[Any]) -> None:
        """Append n rows: for each column a sequence of n values, or one value that all of them share."""
        for column, value in zip(self._lists, values, strict=True):
            if isinstance(value, list | range):
                column.extend(value)
            else:
                column.extend([value] * n)
        if len(self._lists[0]) >= _CHUNK:
            self._pack()

    def shelf(self) -> Shelf:
        """Return all rows by partition."""
        self._pack()
        return self._shelf

    def frame(self) -> pl.DataFrame:
        """Return all rows."""
        return self.shelf().all()

    def _pack(self) -> None:
        # Not strict: a battery of 10^30 percent is one that is not known.
        columns = [
            pl.Series(name, values, dtype, strict=False)
            for (name, dtype), values in zip(self._schema.items(), self._lists, strict=True)
        ]
        self._shelf.put(pl.DataFrame(columns), pl.col("partition"))
        self._lists = [[] for _ in self._schema]


@dataclass(frozen=True, slots=True)
class Taken:
    """One topic: its readings, those of one partition in the order of its log, and the records that hold none."""

    readings: pl.DataFrame
    bad_frames: pl.DataFrame

    def up_to(self, offsets: Mapping[int, int]) -> "Taken":
        """Return it up to the given offset of each partition; partitions not given are left out."""
        return Taken(up_to(self.readings, offsets), up_to(self.bad_frames, offsets))

    @property
    def count(self) -> int:
        """How many readings it holds."""
        return len(self.readings)

    def partitions(self) -> Iterator[tuple[int, "Taken"]]:
        """Yield what each partition holds, by its number."""
        readings, bad = self.readings, self.bad_frames
        own = pl.col("partition")
        for number in sorted({*readings["partition"].unique(), *bad["partition"].unique()}):
            yield number, Taken(readings.filter(own == number), bad.filter(own == number))


@dataclass(frozen=True, slots=True)
class Shelved:
    """The same, of which one partition at a time is in memory."""

    readings: Shelf
    bad_frames: pl.DataFrame

    @property
    def count(self) -> int:
        """How many readings it holds."""
        return self.readings.count

    def partitions(self) -> Iterator[tuple[int, Taken]]:
        """Yield what each partition holds, by its number."""
        for number in sorted({*self.readings.numbers(), *self.bad_frames["partition"].unique()}):
            bad = self.bad_frames.filter(pl.col("partition") == number)
            yield number, Taken(self.readings.take(number), bad)


def up_to(frame: pl.DataFrame, offsets: Mapping[int, int]) -> pl.DataFrame:
    """Return the rows up to the given offset of each partition; partitions not given are left out."""
    limits = pl.DataFrame(
        {"partition": list(offsets), "limit": list(offsets.values())},
        schema={"partition": pl.Int32, "limit": pl.Int64},
    )
    return (
        frame.join(limits, on="partition", how="inner", maintain_order="left")
        .filter(pl.col("offset") <= pl.col("limit"))
        .drop("limit")
    )


class Intake:
    """The records of one topic taken in so far; those of one partition come in the order of its log.

    `read` returns the columns of `schema` for one record, the first of them a list; it raises Unfit, or what
    msgspec and Python raise, where the record holds no readings.
    """

    def __init__(self, schema: Mapping[str, pl.DataType], read: Callable[[LogRecord], Sequence[Any]]) -> None:
        self._readings = Columns({**_PLACE, **schema})
        self._bad = Columns(BAD_FRAMES)
        self._read = read
        self.count = 0

    def add(self, record: LogRecord) -> None:
        """Take one record in."""
        try:
            columns = self._read(record)
        except Unfit as error:
            self._bad.extend(1, (record.partition, record.offset, error.claimed))
            return
        except (msgspec.DecodeError, RecursionError, ValueError, OverflowError):
            self._bad.extend(1, (record.partition, record.offset, 1))
            return
        n = len(columns[0])
        self.count += n
        self._readings.extend(n, (record.partition, record.offset, range(n), *columns))

    def taken(self) -> Taken:
        """Return what was taken in, all of it in memory."""
        return Taken(self._readings.frame(), self._bad.frame())

    def shelved(self) -> Shelved:
        """Return what was taken in."""
        return Shelved(self._readings.shelf(), self._bad.frame())


def check_int64(values: Sequence[int]) -> None:
    """Raise OverflowError where a value does not fit 64 bits."""
    if values and not (min(values) in _INT64 and max(values) in _INT64):
        raise OverflowError


class _Refusal(msgspec.Struct):
    source: str
    sequence: int
    reason: str
    detail: str
    topic: str
    payload: str
    received_at: int
    count: int = 1

    def __post_init__(self) -> None:
        if not (
            0 < self.count < 10**9
            and 0 <= self.sequence < 2**63
            and 0 <= self.received_at < TIMES.stop
            and len(self.source.encode()) <= 512
        ):
            raise ValueError("it fits no table")


_refusal = msgspec.json.Decoder(_Refusal)


class Refusals:
    """The records of ub.rejected taken in so far. One that is no refusal is a refusal itself, by the rejects stage."""

    def __init__(self) -> None:
        self._columns = Columns(REFUSALS)

    def add(self, record: LogRecord) -> None:
        """Take one record in."""
        try:
            item = _refusal.decode(record.value)
            row: tuple[Any, ...] = (item.source, item.sequence, item.topic, item.reason, item.count)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            source = f"rejects/{record.topic}/{record.partition}@0"
            row = (source, record.offset << 20, record.topic, "bad_frame", 1)
        self._columns.extend(1, (record.partition, record.offset, *row))

    def frame(self) -> pl.DataFrame:
        """Return the refusals; those of one partition are in the order of its log."""
        return self._columns.frame()
