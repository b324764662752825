"""The state of sensing between checkpoints, as named parts of bytes.

`clock`                                          how far event time has come
`seen/<start>-<end>/<generation>.<offset>`       distinct readings of one block that a checkpoint brought; immutable
`regions`                                        see streams/fold/regions.py
Rows and slots have no meaning outside one process, so parts name sensors, metrics and cells.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.fold.stored import reading
from streams.fold.zstd import zstd
from streams.sensing.columns import METRIC_CODE
from streams.sensing.series import Series
from streams.sensing.slots import Slots


class Clock(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """How far event time has come in the partition; before `forgotten` no readings are remembered."""

    newest_ts: int
    newest_basis: int
    forgotten: int


class _Seen(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`series` indexes sensor_ids and metrics, `cell` indexes cells; times count from `start`."""

    start: int
    sensor_ids: list[str]
    metrics: list[str]
    cells: bytes
    series: bytes
    since: bytes
    value: bytes
    cell: bytes


_encode = msgspec.msgpack.Encoder().encode
_clock = msgspec.msgpack.Decoder(Clock)
_seen = msgspec.msgpack.Decoder(_Seen)
_LEVEL = 1


def dump_clock(clock: Clock) -> bytes:
    """Encode the clock."""
    return _encode(clock)


def load_clock(data: bytes) -> Clock:
    """Decode what `dump_clock` wrote."""
    with reading("sensing", "clock"):
        return _clock.decode(data)


def dump_seen(
    seen: tuple[NDArray[np.integer], NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]],
    start: int,
    series: Series,
    slots: Slots,
) -> bytes:
    """Encode (series, ts, value, slot) of readings from `start` on, of less than 2^32 ms."""
    rows, row = np.unique(seen[0], return_inverse=True)
    cells, cell = np.unique(slots.cell[seen[3]], return_inverse=True)
    sensor_ids, metrics = series.keys(rows)
    value = _Seen(
        start=start,
        sensor_ids=sensor_ids,
        metrics=metrics,
        cells=cells.astype("<i8").tobytes(),
        series=row.astype("<u4").tobytes(),
        since=(seen[1] - start).astype("<u4").tobytes(),
        value=seen[2].astype("<i8").tobytes(),
        cell=cell.astype("<u4").tobytes(),
    )
    return zstd.compress(_encode(value), _LEVEL)


def load_seen(
    data: bytes, series: Series, slots: Slots
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    """Decode what `dump_seen` wrote; the series must be on file."""
    with reading("sensing", "seen"):
        part = _seen.decode(zstd.decompress(data))
    codes = np.array([METRIC_CODE[name] for name in part.metrics], np.int64)
    rows = series.rows_on_file(part.sensor_ids, codes.astype(np.int8))
    row = np.frombuffer(part.series, "<u4")
    cells = np.frombuffer(part.cells, "<i8")
    # Readings share few pairs of cell and metric: a dict is asked once for each.
    pair = np.frombuffer(part.cell, "<u4").astype(np.int64) * len(METRIC_CODE) + codes[row]
    pairs, which = np.unique(pair, return_inverse=True)
    of_cell = cells[pairs // len(METRIC_CODE)].tolist()
    numbers = np.array(list(map(slots.slot, of_cell, (pairs % len(METRIC_CODE)).tolist())), np.int32)
    ts = np.frombuffer(part.since, "<u4").astype(np.int64) + part.start
    return rows[row], ts, np.frombuffer(part.value, "<i8").astype(np.int64), numbers[which]
