"""The state between checkpoints, as named parts of bytes; the requests themselves are rows of ub.request.

`clock`                       watermark, regions heard of, and the newest ts of each `held/` part
`window/<start>`              counts of one window
`held/<generation>/<offset>`  events without a place, held since the checkpoint before; immutable
"""

import msgspec

from streams.fold.stored import reading
from streams.requests.held import Waiting
from streams.requests.windows import Pair, Tally


class Clock(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """How far event time has come in the partition, and what else is small."""

    newest_ts: int
    newest_basis: int
    regions: list[str]
    held: dict[str, int]
    forgotten: int = 0
    """All windows that end by then are forgotten, and no event of them is taken any more."""
    watermark: int = 0
    """How far time had come: what was overdue by then was told. 0: as `newest_basis` has it."""


class _Row(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    cell: int
    service_code: str
    counts: list[int]
    took: dict[int, int]


_encode = msgspec.msgpack.Encoder().encode
_clock = msgspec.msgpack.Decoder(Clock)
_rows = msgspec.msgpack.Decoder(list[_Row])
_waiting = msgspec.msgpack.Decoder(list[Waiting])


def dump_clock(clock: Clock) -> bytes:
    """Encode the clock."""
    return _encode(clock)


def load_clock(data: bytes) -> Clock:
    """Decode what `dump_clock` wrote."""
    with reading("requests", "clock"):
        return _clock.decode(data)


def dump_window(tallies: dict[Pair, Tally]) -> bytes:
    """Encode the counts of one window."""
    return _encode([_Row(*pair, tally.counts, tally.took) for pair, tally in tallies.items()])


def load_window(data: bytes) -> dict[Pair, Tally]:
    """Decode what `dump_window` wrote."""
    with reading("requests", "window"):
        rows = _rows.decode(data)
    return {(row.cell, row.service_code): Tally(row.counts, row.took) for row in rows}


def dump_held(held: list[Waiting]) -> bytes:
    """Encode events that wait."""
    return _encode(held)


def load_held(data: bytes) -> list[Waiting]:
    """Decode what `dump_held` wrote."""
    with reading("requests", "held"):
        return _waiting.decode(data)
