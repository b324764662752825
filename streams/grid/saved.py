"""The grid's state between checkpoints: parts per region, rewritten only when they changed.

`<region>/source/<n>`      what one source said last of each slot
`<region>/window/<start>`  the rows of one window
`<region>/occupancy`       occupancy of each slot at the last closed window
"""

import zlib
from collections.abc import Mapping

import msgspec
import numpy as np

from streams.grid.region import Region
from streams.grid.window import Row

_LEVEL = 1
_encode = msgspec.msgpack.Encoder().encode


class _Source(msgspec.Struct, array_like=True, frozen=True):
    newest_ts: int
    watermark: int
    sources: int
    cells: list[str]
    operators: list[str]
    counts: bytes
    order: bytes


class _Window(msgspec.Struct, array_like=True, frozen=True):
    rows: list[tuple[str, str, Row]]


class _Occupancy(msgspec.Struct, array_like=True, frozen=True):
    closed_before: int
    forgotten_before: int
    slots: list[tuple[str, str, int]]


_source = msgspec.msgpack.Decoder(_Source)
_window = msgspec.msgpack.Decoder(_Window)
_occupancy = msgspec.msgpack.Decoder(_Occupancy)


def take(region: Region) -> dict[str, bytes | None]:
    """Return the parts of a region that changed since the last call."""
    parts: dict[str, bytes | None] = {}
    for number, source in region.live.sources.items():
        if source.unsaved:
            source.unsaved = False
            told = np.flatnonzero(source.order)
            keys = [region.slots[slot] for slot in told.tolist()]
            value = _Source(
                source.newest_ts,
                source.watermark,
                region.sources,
                [cell for cell, _ in keys],
                [operator for _, operator in keys],
                source.live[told].astype("<i4").tobytes(),
                source.order[told].astype("<i8").tobytes(),
            )
            parts[f"{region.name}/source/{number}"] = _pack(value)
    windows = region.windows
    for start in windows.unsaved:
        rows = [(*region.slots[slot], row) for slot, row in windows.rows[start].items()]
        parts[f"{region.name}/window/{start}"] = _pack(_Window(rows))
    windows.unsaved.clear()
    if windows.occupancy_unsaved:
        windows.occupancy_unsaved = False
        slots = [(*region.slots[slot], n) for slot, n in windows.occupancy.items()]
        value_ = _Occupancy(windows.closed_before, windows.forgotten_before, slots)
        parts[f"{region.name}/occupancy"] = _pack(value_)
    for start in region.forgotten_windows:
        parts[f"{region.name}/window/{start}"] = None
    region.forgotten_windows = []
    return parts


def load(parts: Mapping[str, bytes], window_ms: int) -> dict[str, Region]:
    """Return the regions that the parts hold."""
    regions: dict[str, Region] = {}
    for name in sorted(parts):  # occupancy comes before source and window
        region_name, kind, *rest = name.split("/")
        data = zlib.decompress(parts[name])
        region = regions.setdefault(region_name, Region(region_name, window_ms))
        if kind == "occupancy":
            told = _occupancy.decode(data)
            region.windows.closed_before = told.closed_before
            region.windows.forgotten_before = told.forgotten_before
            region.windows.occupancy = {region.slot(c, o): n for c, o, n in told.slots}
        if kind == "source":
            _load_source(region, int(rest[0]), _source.decode(data))
        elif kind == "window":
            rows = _window.decode(data).rows
            region.windows.restore(int(rest[0]), [(region.slot(c, o), row) for c, o, row in rows])
    return regions


def _load_source(region: Region, number: int, told: _Source) -> None:
    slots = np.array([region.slot(*key) for key in zip(told.cells, told.operators, strict=True)], np.int64)
    counts = np.frombuffer(told.counts, "<i4").reshape(-1, 5).astype(np.int64)
    order = np.frombuffer(told.order, "<i8").astype(np.int64)
    source = region.live.source(number)
    for value in np.unique(order).tolist():
        same = order == value
        region.live.put(number, value, slots[same], counts[same])
    source.newest_ts, source.watermark = told.newest_ts, told.watermark
    source.unsaved = False
    region.sources = told.sources


def _pack(value: msgspec.Struct) -> bytes:
    return zlib.compress(_encode(value), _LEVEL)
