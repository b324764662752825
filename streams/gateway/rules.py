"""What a well-typed reading must satisfy, and what is said about one that does not.

`broken_rule` is the authority; `decode.py` has a quick test in front of it that lets sound readings pass.
"""

import functools
import re

import msgspec

from schemas.rejected import Reason
from schemas.vehicles import ID_PATTERN, MAX_ID_LENGTH, VehiclePosition

EARLIEST_MS = 1_000_000_000_000
"""2001-09-09T01:46:40Z, the first time with 13 digits: anything below is in another unit, or not a time."""
END_MS = 4_133_980_800_000
"""2101-01-01T00:00:00Z. Microseconds of our century lie above it."""
NULL_ISLAND_DEG = 0.001
"""Some 111 m around 0,0. Devices without a fix report it exactly, or smeared by a filter or by rounding; it
is open sea, 500 km from the next street, so nothing real is lost."""
INT64_MAX = 2**63 - 1

_ID = re.compile(ID_PATTERN.removesuffix("$") + r"\Z")  # `$` would let a trailing line feed pass
_KNOWN_IDS = 1 << 18


class Target(msgspec.Struct, frozen=True):
    """What the MQTT topic says about the readings in the message. A struct: one is made for each message."""

    operator: str
    vehicle_id: str | None


@functools.lru_cache(maxsize=_KNOWN_IDS)
def _matches(text: str) -> bool:
    return _ID.match(text) is not None


def is_id(text: str) -> bool:
    """Whether `text` is an id by ID_PATTERN. Remembers answers; for short texts only, to bound memory."""
    return len(text) <= MAX_ID_LENGTH and _matches(text)


def broken_rule(reading: VehiclePosition, target: Target, latest_ms: int) -> tuple[Reason, str] | None:
    """Return the reason and the detail of the first rule that `reading` breaks, or None when it is sound.

    `latest_ms` is the gateway's clock plus the margin that publishers' clocks are granted.
    """
    return (
        _identity(reading, target)
        or _time(reading.ts, latest_ms)
        or _place(reading.lat, reading.lon)
        or _battery(reading.battery_percent)
    )


def _identity(reading: VehiclePosition, target: Target) -> tuple[Reason, str] | None:
    for field, value in (("vehicle_id", reading.vehicle_id), ("operator", reading.operator)):
        if value is not None and not is_id(value):
            shown = f"{value[:40]!r}{'…' if len(value) > 40 else ''} ({len(value)} characters)"
            return "bad_id", f"{field} {shown} does not match {ID_PATTERN}"
    if reading.operator is not None and reading.operator != target.operator:
        return "topic_mismatch", f"operator {reading.operator!r}, but the topic names {target.operator!r}"
    if target.vehicle_id is not None and reading.vehicle_id != target.vehicle_id:
        named = target.vehicle_id[:MAX_ID_LENGTH]
        return "topic_mismatch", f"vehicle_id {reading.vehicle_id!r}, but the topic names {named!r}"
    return None


def _time(ts: int, latest_ms: int) -> tuple[Reason, str] | None:
    if EARLIEST_MS <= ts <= latest_ms and ts < END_MS:
        return None
    if not -INT64_MAX - 1 <= ts <= INT64_MAX:
        return "number_out_of_range", f"ts has {len(str(abs(ts)))} digits and does not fit 64 bits"
    if EARLIEST_MS // 1000 <= ts < END_MS // 1000:
        return "time_in_seconds", f"ts {ts} looks like seconds; milliseconds since 1970 belong here"
    if ts < EARLIEST_MS or ts >= END_MS:
        return "time_out_of_range", f"ts {ts} ms lies outside 2001-09-09 .. 2100-12-31"
    return "time_in_future", f"ts {ts} ms is {ts - latest_ms} ms beyond the gateway's clock and its margin"


def _place(lat: float, lon: float) -> tuple[Reason, str] | None:
    if -90 <= lat <= 90 and -180 <= lon <= 180:
        if abs(lat) < NULL_ISLAND_DEG and abs(lon) < NULL_ISLAND_DEG:
            return "null_island", f"lat {lat}, lon {lon} is within {NULL_ISLAND_DEG} degrees of 0,0: no fix"
        # A swapped pair whose members are both latitudes (Paris, Singapore) cannot be told from a real place.
        return None
    if abs(lat) <= 180 and abs(lon) <= 90:
        return "coordinates_swapped", f"lat {lat}, lon {lon} is a place only when exchanged"
    return "coordinate_out_of_range", f"lat {lat}, lon {lon} lies outside -90..90, -180..180"


def _battery(percent: int | None) -> tuple[Reason, str] | None:
    if percent is None or 0 <= percent <= 100:
        return None
    shown = percent if abs(percent) <= INT64_MAX else "of more than 64 bits"
    return "number_out_of_range", f"battery_percent {shown} lies outside 0..100"
