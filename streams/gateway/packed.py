"""The quick way of arrays of positions: from the JSON of messages to that of frames, without an object for a reading.

Ids and numbers are found in a message and judged there, and stand in the frame as they stood in the message. What is
out of the ordinary (an escape, an exponent, an unknown field) or breaks a rule is left to the general decoder. What
passes here passes there, and a frame of it says the same.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas import codec
from schemas.limits import EARLIEST_MS, END_MS, NULL_ISLAND_DEG
from schemas.vehicles import MAX_ID_LENGTH, VEHICLE_STATES, VEHICLE_TYPES, VehicleFrame, VehiclePosition
from streams.bounds import WHOLE_EARTH, Bounds
from streams.columnar.compiled import compiled, int64
from streams.columnar.json_text import (
    NOT_READ,
    OPEN,
    OPEN_LIST,
    Patterns,
    Text,
    Words,
    decimal,
    goes_on,
    has_more,
    integer,
    is_id,
    is_null,
    known_string,
    letter,
    member,
    overlapping,
    patterns_of,
    skip,
    string,
    text_of,
)
from streams.gateway.columns import collapse
from streams.gateway.kind import Allowed

_FIELDS = patterns_of(VehiclePosition.__struct_fields__)
_ID, _TS, _LAT, _LON, _OPERATOR, _STATE, _TYPE, _BATTERY = range(len(VehiclePosition.__struct_fields__))
_REQUIRED = 0b1111  # the first four
_STATES = patterns_of(VEHICLE_STATES)
_TYPES = patterns_of(VEHICLE_TYPES)
_NO_BATTERY = -1
_LEAST_BYTES = 40
"""Fewest bytes of JSON a reading: the names of four fields, and their values."""
_MOST_BYTES = MAX_ID_LENGTH + 3
"""Bytes of the longest value of a column in JSON: an id with its quotes and a comma; numbers are shorter."""
_WORDS = MAX_ID_LENGTH // 8
_ANYWHERE = Allowed(END_MS, WHOLE_EARTH)

_32 = np.uint64(32)
_MASK = np.uint64(0xFFFF_FFFF)
_SEED, _FACTOR = np.uint64(0x9747_B28C), np.uint64(0x5BD1_E995)
_COMMA = np.uint64(ord(","))

_holds = compiled(Bounds.holds)

PLACE = np.dtype(
    [
        ("hash", np.uint32),
        ("id", np.int32),
        ("ts", np.int32),
        ("lat", np.int32),
        ("lon", np.int32),
        ("id_size", np.int8),
        ("ts_size", np.int8),
        ("lat_size", np.int8),
        ("lon_size", np.int8),
        ("state", np.int8),
        ("type_", np.int8),
        ("battery", np.int8),
    ],
    align=True,
)
"""A reading: murmur2 of its id without the sign, where its values begin in the text and how long they are, and codes.

The id has its quotes with it; `battery` is -1 where there is none.
"""
_COLUMNS = ("id", "ts", "lat", "lon")


class PackedPositions:
    """Positions of one operator that break no rule, as places in the text that they came in."""

    __slots__ = ("places", "text")

    def __init__(self, text: Text, places: NDArray[np.void]) -> None:
        self.text = text
        self.places = places

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, part: slice) -> "PackedPositions":
        return PackedPositions(self.text, self.places[part])

    def __iter__(self) -> Iterator[VehiclePosition]:
        """Yield the readings; `operator` is left out, as the topic names it."""
        if not len(self):
            return
        frame = codec.vehicle_frame.decode(codec.encode(PackingOfPositions().frame([self], "", 0)))
        columns = (frame.vehicle_state, frame.vehicle_type, frame.battery_percent)
        states, types, batteries = (
            column if isinstance(column, list) else [column] * len(self) for column in columns
        )
        numbers = (frame.ts, frame.lat, frame.lon)
        for id_, ts, lat, lon, state, type_, battery in zip(
            frame.vehicle_id, *numbers, states, types, batteries, strict=True
        ):
            yield VehiclePosition(id_, ts, lat, lon, None, cast(Any, state), cast(Any, type_), battery)

    def split(self, partitions: int) -> list["PackedPositions"]:
        """Return the readings of each partition, where Kafka's own producer would put their ids as keys."""
        number = (self.places["hash"] % partitions).astype(np.uint16)
        order = np.argsort(number, kind="stable")
        places = self.places[order]
        ends = np.searchsorted(number[order], np.arange(partitions), side="right").tolist()
        return [
            PackedPositions(self.text, places[start:end])
            for start, end in zip([0, *ends], ends, strict=False)
        ]


class _Bare(msgspec.Struct, frozen=True, gc=False):
    """A position without its operator."""

    vehicle_id: str
    ts: int
    lat: float
    lon: float
    vehicle_state: str
    vehicle_type: str
    battery_percent: int | None


class PackingOfPositions:
    """Positions as `kind.Packing` has it."""

    def pack(self, array: bytes, owner: str, allowed: Allowed) -> PackedPositions | None:
        """Return the readings of an array; None where some may break a rule, or are out of the ordinary."""
        text = text_of(array)
        places = np.empty(len(array) // _LEAST_BYTES + 1, PLACE)
        words = np.empty((1, _WORDS), np.uint64)
        latest_ms, bounds = min(allowed.latest_ms, END_MS - 1), allowed.bounds
        owners = _pattern(owner)
        n = _read(text, len(array), latest_ms, bounds, words, places, _FIELDS, _STATES, _TYPES, owners)
        return PackedPositions(text, places[:n]) if n > 0 else None

    def pack_sound(self, readings: Sequence[VehiclePosition]) -> PackedPositions | None:
        """Return readings that break no rule; None where some are out of the ordinary."""
        bare = [
            _Bare(
                one.vehicle_id,
                one.ts,
                one.lat,
                one.lon,
                one.vehicle_state,
                one.vehicle_type,
                one.battery_percent,
            )
            for one in readings
        ]
        return self.pack(codec.encode(bare), "", _ANYWHERE)

    def frame(
        self, parts: Sequence[PackedPositions], owner: str | list[str], received_at: int
    ) -> VehicleFrame:
        """Return a frame of readings, at least one; its columns of ids and numbers are JSON already."""
        out = np.empty(sum(map(len, parts)) * _MOST_BYTES + 16, np.uint8)
        ids, ts, lat, lon = (_column(parts, name, out) for name in _COLUMNS)
        battery = np.concatenate([part.places["battery"] for part in parts]).tolist()
        return VehicleFrame(
            vehicle_id=ids,
            ts=ts,
            lat=lat,
            lon=lon,
            operator=owner,
            received_at=received_at,
            vehicle_state=_named(parts, "state", VEHICLE_STATES),
            vehicle_type=_named(parts, "type_", VEHICLE_TYPES),
            battery_percent=collapse(
                [None if percent == _NO_BATTERY else percent for percent in battery]
                if _NO_BATTERY in battery
                else battery
            ),
        )


def prepare() -> None:
    """Have the machine code ready before messages come: that of one reading by itself, and that of several."""
    packing, reading = (
        PackingOfPositions(),
        b'{"vehicle_id":"a","ts":%d,"lat":31.2,"lon":121.5}' % EARLIEST_MS,
    )
    for array in (b"[%b]" % reading, b"[%b,%b]" % (reading, reading)):
        packed = packing.pack(array, "a", _ANYWHERE)
        assert packed is not None
        packing.frame(packed.split(1), "a", EARLIEST_MS)


def _column(parts: Sequence[PackedPositions], name: str, out: NDArray[np.uint8]) -> Any:
    """Return a column as it stands in JSON, a `msgspec.Raw`; `out` is to write it in."""
    words, end = overlapping(out), 1
    for part in parts:
        places = part.places
        end = _copy(part.text, places[name], places[f"{name}_size"], words, end)
    out[0], out[end - 1] = ord("["), ord("]")
    return msgspec.Raw(out[:end].tobytes())


def _named(parts: Sequence[PackedPositions], name: str, names: Sequence[str]) -> str | list[str]:
    codes = np.concatenate([part.places[name] for part in parts])
    first = names[codes[0]]
    return first if (codes == codes[0]).all() else [names[code] for code in codes.tolist()]


@lru_cache(maxsize=1024)
def _pattern(owner: str) -> Patterns:
    return patterns_of([owner])


@compiled
def _read(
    text: Text,
    end: int,
    latest_ms: int,
    bounds: Bounds,
    words: Words,
    places: NDArray[np.void],
    fields: Patterns,
    states: Patterns,
    types: Patterns,
    owners: Patterns,
) -> int:
    """Find the readings of the array `text[:end]`, which a zero follows; returns their number, or NOT_READ.

    `words` is to write an id in.
    """
    p, n, more = skip(text, 0), 0, True
    if letter(text, p) != OPEN_LIST:
        return NOT_READ
    p = skip(text, p + 1)
    while more:
        if n == len(places) or letter(text, p) != OPEN:
            return NOT_READ
        p = skip(text, p + 1)
        place: Any = places[n]
        place.state, place.type_, place.battery = 0, 0, _NO_BATTERY
        ts, lat, lon = 0, 0.0, 0.0
        seen, field, inside = 0, -1, True
        while inside:
            field, p = member(text, p, fields, field + 1)
            if p < 0 or seen >> field & 1:
                return NOT_READ
            seen |= 1 << field
            begin = p
            if field == _ID:
                p = string(text, p, words[0])
                if p < 0 or not is_id(words, 0):
                    return NOT_READ
                place.id, place.id_size = begin, p - begin
                place.hash = _murmur2(words[0], p - begin - 2)
            elif field == _TS:
                ts, p = integer(text, p)
                place.ts, place.ts_size = begin, p - begin
            elif field == _LAT:
                lat, p = decimal(text, p)
                place.lat, place.lat_size = begin, p - begin
            elif field == _LON:
                lon, p = decimal(text, p)
                place.lon, place.lon_size = begin, p - begin
            elif field == _OPERATOR:
                if is_null(text, p):
                    p += 4
                else:
                    _, p = known_string(text, p, owners, 0)
            elif field == _STATE:
                place.state, p = known_string(text, p, states, 0)
            elif field == _TYPE:
                place.type_, p = known_string(text, p, types, 0)
            elif is_null(text, p):
                p += 4
            else:
                percent, p = integer(text, p)
                if percent > 100:
                    return NOT_READ
                place.battery = percent
            if p < 0:
                return NOT_READ
            inside, p = has_more(text, p)
        if p < 0 or seen & _REQUIRED != _REQUIRED or not _is_sound(ts, lat, lon, latest_ms, bounds):
            return NOT_READ
        n += 1
        more, p = goes_on(text, p)
    return n if p >= 0 and skip(text, p) == end else NOT_READ


@compiled
def _is_sound(ts: int, lat: float, lon: float, latest_ms: int, bounds: Bounds) -> bool:
    """Return whether time and place break none of the rules of rules.py."""
    if not (EARLIEST_MS <= ts <= latest_ms and _holds(bounds, lat, lon)):
        return False
    return abs(lat) >= NULL_ISLAND_DEG or abs(lon) >= NULL_ISLAND_DEG


@compiled
def _murmur2(words: Words, size: int) -> int:
    """Return Kafka's hash of a string of `size` characters in words, without the sign; zeros follow it.

    It is A. Appleby's MurmurHash2, four characters at a time (org.apache.kafka.common.utils.Utils).
    """
    found = _SEED ^ np.uint64(size)
    for begin in range(0, size, 4):
        four = words[begin >> 3] >> (_32 if begin & 4 else np.uint64(0)) & _MASK
        if size - begin < 4:
            found = (found ^ four) * _FACTOR & _MASK
        else:
            four = four * _FACTOR & _MASK
            four = (four ^ four >> np.uint64(24)) * _FACTOR & _MASK
            found = found * _FACTOR & _MASK ^ four
    found = (found ^ found >> np.uint64(13)) * _FACTOR & _MASK
    found ^= found >> np.uint64(15)
    return int64(found & np.uint64(0x7FFF_FFFF))


@compiled
def _copy(text: Text, at: NDArray[np.int32], size: NDArray[np.int8], out: Text, p: int) -> int:
    """Write values from p on, a comma after each, eight characters at a time; returns the place after them."""
    for number in range(len(at)):
        begin, length = int64(at[number]), int64(size[number])
        for step in range(0, length, 8):
            out[np.uint64(p + step)] = text[np.uint64(begin + step)]
        p += length
        out[np.uint64(p)] = _COMMA
        p += 1
    return p
