"""The grid's state between checkpoints: parts per region and kind, of which only those that changed are written.

`<region>/<kind>/slots/<block>`           cells and names of a block of slots; the parts below know slots by number
`<region>/<kind>/source/<n>`              how far one source has come
`<region>/<kind>/waits`                   for how long nothing was heard of sources
`<region>/<kind>/live/<n>/<block>`        fleet only: what one source said last of each slot of a block
`<region>/<kind>/window/<start>/<block>`  the rows of one window that belong to a block of slots
`<region>/<kind>/bygone/<n>/<start>`      what one source said last of a window that was forgotten while it was silent
`<region>/<kind>/stocks/<block>`          stocks of each slot of a block at the last closed window
`<region>/<kind>/edges`                   before which time windows are closed, and forgotten
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.vehicles import COUNTED_STATES
from streams.fold.stored import reading
from streams.fold.zstd import zstd
from streams.grid.kind import Row, Stocks
from streams.grid.merge import Live
from streams.grid.slots import BLOCK, BLOCK_BITS, Key, slots_of
from streams.grid.sources import Waits
from streams.grid.tally import FleetTally, Tally

_LEVEL = 1
_encode = msgspec.msgpack.Encoder().encode


class _Numbers(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """Numbers from 0 up, in the narrowest type that holds them: what is to be compressed is short."""

    dtype: str
    data: bytes


class _Source(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    newest_ts: int
    watermark: int
    expected: int


class _Live(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """Counts, and orders as distances from the one before the least; 0 where the source said nothing."""

    counts: _Numbers
    order_before: int
    order: _Numbers


class _Edges(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    closed_before: int
    forgotten_before: int


_slots = msgspec.msgpack.Decoder(list[Key | None])
_source = msgspec.msgpack.Decoder(_Source)
_live = msgspec.msgpack.Decoder(_Live)
_stocks = msgspec.msgpack.Decoder(dict[int, Stocks])
_edges = msgspec.msgpack.Decoder(_Edges)
_waits = msgspec.msgpack.Decoder(Waits)


def take(tally: Tally[Any]) -> dict[str, bytes | None]:
    """Return the parts that changed since the last call; None for those of forgotten windows."""
    prefix = f"{tally.region}/{tally.kind.name}"
    parts: dict[str, bytes | None] = {}
    for name, value in _changed(tally):
        parts[f"{prefix}/{name}"] = zstd.compress(_encode(value), _LEVEL)
    for start, block in tally.windows.forgotten:
        parts[f"{prefix}/window/{start}/{block}"] = None
    tally.windows.forgotten.clear()
    for number, start in tally.windows.bygone.forgotten:
        parts[f"{prefix}/bygone/{number}/{start}"] = None
    tally.windows.bygone.forgotten.clear()
    return parts


def _changed(tally: Tally[Any]) -> Iterator[tuple[str, Any]]:
    sources, windows = tally.sources, tally.windows
    for block, keys in tally.slots.take_unsaved().items():
        yield f"slots/{block}", keys
    for number in sources.unsaved:
        source = sources.by_number[number]
        yield f"source/{number}", _Source(source.newest_ts, source.watermark, sources.expected)
    sources.unsaved.clear()
    waits = sources.waits()
    if waits != sources.saved_waits:
        sources.saved_waits = waits
        yield "waits", waits
    if isinstance(tally, FleetTally):
        for number, block in tally.live.unsaved:
            yield f"live/{number}/{block}", _dump_live(*tally.live.said[number].block(block))
        tally.live.unsaved.clear()
    for start, block in windows.unsaved:
        yield f"window/{start}/{block}", _of_block(block, windows.rows[start])
    windows.unsaved.clear()
    for number, start in windows.bygone.unsaved:
        words = windows.bygone.words[number, start]
        yield f"bygone/{number}/{start}", {slot: Row({number: word}) for slot, word in words.items()}
    windows.bygone.unsaved.clear()
    for block in windows.chain.unsaved:
        yield f"stocks/{block}", _of_block(block, windows.chain.standing)
    windows.chain.unsaved.clear()
    if windows.edges_unsaved:
        windows.edges_unsaved = False
        yield "edges", _Edges(windows.closed_before, windows.forgotten_before)


def _of_block[V](block: int, by_slot: Mapping[int, V]) -> dict[int, V]:
    if len(by_slot) < BLOCK:
        return {slot: by_slot[slot] for slot in by_slot if slot >> BLOCK_BITS == block}
    return {slot: by_slot[slot] for slot in slots_of(block) if slot in by_slot}


def load(
    parts: Mapping[str, bytes], make: Callable[[str, str], Tally[Any]]
) -> dict[tuple[str, str], Tally[Any]]:
    """Return what the parts hold by region and kind; `make(region, kind)` returns an empty tally."""
    tallies: dict[tuple[str, str], Tally[Any]] = {}
    placed = []
    for name in parts:
        with reading("grid", name):
            placed.append((_place(name), name))
    for ((region, kind), what, numbers), name in sorted(placed):
        with reading("grid", name):
            tally = tallies.get((region, kind))
            if tally is None:
                tally = tallies[region, kind] = make(region, kind)
            _restore(tally, what, numbers, zstd.decompress(parts[name]))
    for tally in tallies.values():
        tally.windows.resume()
    return tallies


def _place(name: str) -> tuple[tuple[str, str], str, list[int]]:
    """Return (region, kind), what and numbers of a part: blocks of slots are put back in the order of their numbers."""
    region, kind, what, *numbers = name.split("/")
    return (region, kind), what, [int(number) for number in numbers]


def _restore(tally: Tally[Any], what: str, numbers: list[int], data: bytes) -> None:
    match what, numbers:
        case "slots", [_]:
            tally.slots.restore(_slots.decode(data))
        case "source", [number]:
            source = _source.decode(data)
            tally.sources.restore(number, source.expected, source.newest_ts, source.watermark)
        case "waits", []:
            tally.sources.restore_waits(_waits.decode(data))
        case "live", [number, block] if isinstance(tally, FleetTally):
            _restore_live(tally.live, number, block, _live.decode(data))
        case "window", [start, _]:
            tally.windows.restore(start, tally.kind.rows.decode(data))
        case "bygone", [number, start]:
            words = {slot: row.words[number] for slot, row in tally.kind.rows.decode(data).items()}
            tally.windows.bygone.restore(number, start, words)
        case "stocks", [_]:
            tally.windows.chain.restore(_stocks.decode(data))
        case "edges", []:
            edges = _edges.decode(data)
            tally.windows.closed_before = edges.closed_before
            tally.windows.forgotten_before = edges.forgotten_before
        case _:
            raise LookupError(f"nothing of {tally.kind.name} is stored by the name of {what}")


def _dump_live(counts: NDArray[np.int64], order: NDArray[np.int64]) -> _Live:
    before = int(order[order > 0].min()) - 1
    return _Live(_dump(counts), before, _dump(np.maximum(order - before, 0)))


def _restore_live(live: Live, source: int, block: int, told: _Live) -> None:
    counts, order = _load(told.counts).reshape(-1, len(COUNTED_STATES)), _load(told.order)
    spoken_of = np.flatnonzero(order)
    slots = (block << BLOCK_BITS) + spoken_of
    live.put(source, told.order_before + order[spoken_of], slots, counts[spoken_of])
    live.unsaved.discard((source, block))


def _dump(numbers: NDArray[np.int64]) -> _Numbers:
    narrow = np.min_scalar_type(int(numbers.max())).newbyteorder("<")
    return _Numbers(narrow.str, numbers.astype(narrow).tobytes())


def _load(numbers: _Numbers) -> NDArray[np.int64]:
    return np.frombuffer(numbers.data, numbers.dtype).astype(np.int64)
