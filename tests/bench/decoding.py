"""Frames as a capable engineer decodes them without our streams: typed, and only the fields that the job needs."""

from collections.abc import Callable, Sequence

import msgspec

Fields = tuple[Sequence[str], Sequence[float], Sequence[float], Sequence[int]]
"""Vehicle ids, latitudes and longitudes in degrees, times in milliseconds: one of each a reading."""


class _Columns(msgspec.Struct, gc=False):
    vehicle_id: list[str]
    lat: list[float]
    lon: list[float]
    ts: list[int]


class _Row(msgspec.Struct, gc=False):
    vehicle_id: str
    lat: float
    lon: float
    ts: int


def decoder(shape: str) -> Callable[[bytes], Fields]:
    """Return what decodes a frame of this shape: `columns`, or `rows` (an array of objects)."""
    if shape == "columns":
        columns = msgspec.json.Decoder(_Columns).decode

        def decode(value: bytes) -> Fields:
            frame = columns(value)
            return frame.vehicle_id, frame.lat, frame.lon, frame.ts

        return decode
    rows = msgspec.json.Decoder(list[_Row]).decode

    def decode_rows(value: bytes) -> Fields:
        found = rows(value)
        return (
            [row.vehicle_id for row in found],
            [row.lat for row in found],
            [row.lon for row in found],
            [row.ts for row in found],
        )

    return decode_rows
