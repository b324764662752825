"""The fleet's state between checkpoints, as named parts of bytes.

`clock`                  watermark and offsets of the fold
`battery`                the lines by which batteries were looked at last
`trips`                  from when on all trips are told, by area; none: written by a version that did not say
`ground`, `edges`        versions of the areas in which vehicles, and counts in cells on their edges, were told
`regions`                see streams/fold/regions.py
`window/<start>`         settled counts of one window
`waiting/<generation>/<offset>`  readings that waited at the checkpoint with that offset; immutable. Vehicles' newest
                         readings, which are in their rows, are not among them

Slots and rows have no meaning outside one process, so parts name cells, operators and vehicles.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.columnar.arrays import Records
from streams.fleet.kernel import ENTRY
from streams.fleet.slots import Slots
from streams.fleet.vehicles import Vehicles
from streams.fold.stored import reading
from streams.fold.zstd import zstd


class Clock(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """How far event time has come in the partition.

    All that is older than `settled` was counted; `waiting` has the newest ts of each `waiting/` part, in their order.
    """

    newest_ts: int
    newest_basis: int
    settled: int
    waiting: dict[str, int]


class _Window(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    layout: Literal["planes"]
    cells: bytes
    operators: list[str]
    operator: bytes
    counts: bytes


class _Entries(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    layout: Literal["planes"]
    ids: bytes
    id_width: int
    ts: bytes
    cells: bytes
    stands: bytes
    heard: bytes


_encode = msgspec.msgpack.Encoder().encode
_clock = msgspec.msgpack.Decoder(Clock)
_lines = msgspec.msgpack.Decoder(tuple[int, int])
_trips = msgspec.msgpack.Decoder(dict[str, int])
_window = msgspec.msgpack.Decoder(_Window)
_entries = msgspec.msgpack.Decoder(_Entries)
_LEVEL = 1


def dump_clock(clock: Clock) -> bytes:
    """Encode the clock."""
    return _encode(clock)


def load_clock(data: bytes) -> Clock:
    """Decode what `dump_clock` wrote."""
    with reading("fleet", "clock"):
        return _clock.decode(data)


def dump_lines(lines: tuple[int, int]) -> bytes:
    """Encode below which charge batteries are low, and from which on they are fine."""
    return _encode(lines)


def load_lines(data: bytes) -> tuple[int, int]:
    """Decode what `dump_lines` wrote."""
    with reading("fleet", "battery"):
        return _lines.decode(data)


def dump_trips(since: Mapping[str, int]) -> bytes:
    """Encode from when on all trips are told, by area."""
    return _encode(since)


def load_trips(data: bytes) -> dict[str, int]:
    """Decode what `dump_trips` wrote."""
    with reading("fleet", "trips"):
        return _trips.decode(data)


def dump_window(slots: NDArray[np.int32], counts: NDArray[np.int32], names: Slots) -> bytes:
    """Encode counts of shape (n, 3) with the cells and operators that they belong to."""
    value = _Window(
        "planes",
        _planes(names.h3_of(slots).astype("<i8")),
        names.operators,
        _planes(names.operator_of[slots].astype("<i4")),
        _planes(counts.astype("<i4")),
    )
    return zstd.compress(_encode(value), _LEVEL)


def load_window(data: bytes, names: Slots) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Decode what `dump_window` wrote: (slots, counts)."""
    with reading("fleet", "window"):
        value = _window.decode(zstd.decompress(data))
    operators = np.array([names.operator(name) for name in value.operators], np.int32)
    cells = _column(value.cells, "<i8").tolist()
    slots = names.slots_of(cells, operators[_column(value.operator, "<i4")])
    return slots, _column(value.counts, "<i4", 3).reshape(-1, 3)


def dump_entries(entries: Records, vehicles: Vehicles, slots: Slots) -> bytes:
    """Encode waiting readings."""
    names = vehicles.ids.names(entries["row"])
    value = _Entries(
        "planes",
        _planes(names),
        names.dtype.itemsize,
        _planes(entries["ts"].astype("<i8")),
        _planes(slots.h3_of(entries["slot"]).astype("<i8")),
        entries["stands"].tobytes(),
        entries["heard"].tobytes(),
    )
    return zstd.compress(_encode(value), _LEVEL)


def load_entries(data: bytes, vehicles: Vehicles, slots: Slots, settled: int) -> Records:
    """Decode what `dump_entries` wrote, without what is older than `settled`: that was counted since."""
    with reading("fleet", "waiting"):
        value = _entries.decode(zstd.decompress(data))
    ts = _column(value.ts, "<i8").astype(np.int64)
    keep = ts >= settled
    entries = np.zeros(int(np.count_nonzero(keep)), ENTRY)
    # A vehicle whose readings were counted may be archived since; the others are on file.
    names = _column(value.ids, f"S{value.id_width}")[keep]
    entries["ts"] = ts[keep]
    entries["row"] = rows = vehicles.ids.find(names)
    cells = _column(value.cells, "<i8")[keep].tolist()
    entries["slot"] = slots.slots_of(cells, slots.operator_of[vehicles["slot"][rows]])
    entries["stands"] = np.frombuffer(value.stands, np.bool_)[keep]
    entries["heard"] = np.frombuffer(value.heard, np.bool_)[keep]
    return entries


def _planes(column: NDArray[Any]) -> bytes:
    """Return the first bytes of all rows, then their second ones, and so on.

    Neighbours resemble each other there, so that zstd takes half of the time and leaves a quarter less (F. Alted, "Why
    modern CPUs are starving", 2010).
    """
    width = column.nbytes // max(1, len(column))
    return np.ascontiguousarray(column).view(np.uint8).reshape(len(column), width).T.tobytes()


def _column(planes: bytes, dtype: str, size: int = 1) -> NDArray[Any]:
    """Return what `_planes` was given, with `size` values a row, flat."""
    width = size * np.dtype(dtype).itemsize
    rows = np.frombuffer(planes, np.uint8).reshape(width, len(planes) // width).T
    return np.ascontiguousarray(rows).reshape(-1).view(dtype)
