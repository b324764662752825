"""What a well-typed reading of any kind must satisfy, and what is said about one that does not.

`broken_rule` is the authority; `quick_test` makes a test in front of it that lets sound readings pass.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from schemas.limits import EARLIEST_MS, END_MS, NULL_ISLAND_DEG
from schemas.vehicles import ID_PATTERN, MAX_ID_LENGTH
from streams.bounds import WHOLE_EARTH, Bounds
from streams.gateway.kind import Allowed, Broken, Target

INT64_MAX = 2**63 - 1

_matches = re.compile(ID_PATTERN).fullmatch
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_KNOWN_IDS = 1 << 18
_MAX_SHOWN = 40


_known_ids: set[str] = set()


def is_id(text: str) -> bool:
    """Whether `text` is an id by ID_PATTERN. Remembers those that are, up to _KNOWN_IDS of them."""
    if text in _known_ids:
        return True
    if len(text) > MAX_ID_LENGTH or _matches(text) is None:
        return False
    if len(_known_ids) >= _KNOWN_IDS:
        _known_ids.clear()
    _known_ids.add(text)
    return True


def broken_rule(reading: Any, target: Target, allowed: Allowed) -> Broken | None:
    """Return the reason and the detail of the first rule that `reading` breaks, or None when it is sound."""
    if (broken := _broken_identity(reading, target)) is not None:
        return broken
    for rule in target.kind.rules:
        if (broken := rule(reading, allowed)) is not None:
            return broken
    return None


def follow_rules(readings: Sequence[Any], target: Target, allowed: Allowed) -> bool:
    """Whether no reading breaks a rule: the quick test of a kind that need not be quick."""
    return all(broken_rule(reading, target, allowed) is None for reading in readings)


def quick_test[R](
    columns: Callable[[Sequence[R]], Sequence[list[Any]]], own: Callable[..., bool]
) -> Callable[[Sequence[R], Target, Allowed], bool]:
    """Return a test whether no reading breaks a rule: `broken_rule` by columns, each looked at as a whole.

    `columns` gives those of id, owner, ts, lat and lon, and more; `own` says of these whether all is in order there.
    """

    def all_sound(readings: Sequence[R], target: Target, allowed: Allowed) -> bool:
        if len(readings) == 1:
            return broken_rule(readings[0], target, allowed) is None
        ids, owners, ts, lat, lon, *more = columns(readings)
        entity = target.entity
        return (
            min(ts) >= EARLIEST_MS
            and max(ts) <= min(allowed.latest_ms, END_MS - 1)
            and _all_real(lat, lon, allowed.bounds)
            and owners.count(None) + owners.count(target.owner) == len(owners)
            and (entity is None or ids.count(entity) == len(ids))
            and (_known_ids.issuperset(ids) or all(map(is_id, ids)))
            and own(*more)
        )

    return all_sound


def _all_real(lat: Sequence[float], lon: Sequence[float], bounds: Bounds) -> bool:
    """Whether n >= 1 places are in bounds, and none at 0,0."""
    south, north, west, east = min(lat), max(lat), min(lon), max(lon)
    if not (bounds.holds(south, west) and bounds.holds(north, east)):
        return False
    if bounds.west > bounds.east and not all(map(bounds.holds, lat, lon)):
        return False
    near = NULL_ISLAND_DEG
    if south >= near or north <= -near or west >= near or east <= -near:
        return True
    return all(abs(y) >= near or abs(x) >= near for y, x in zip(lat, lon, strict=True))


def _broken_identity(reading: Any, target: Target) -> Broken | None:
    kind = target.kind
    id_, owner = getattr(reading, kind.id_field), getattr(reading, kind.owner_field)
    if not is_id(id_):
        return _no_id(kind.id_field, id_)
    if owner is not None and not is_id(owner):
        return _no_id(kind.owner_field, owner)
    if owner is not None and owner != target.owner:
        return "topic_mismatch", f"{kind.owner_field} {owner!r}, but the topic names {target.owner!r}"
    if target.entity is not None and id_ != target.entity:
        named = target.entity[:MAX_ID_LENGTH]
        return "topic_mismatch", f"{kind.id_field} {id_!r}, but the topic names {named!r}"
    return None


def _no_id(field: str, value: str) -> Broken:
    return "bad_id", f"{field} {_shown(value)} does not match {ID_PATTERN}"


def broken_time(field: str, ts: int, latest_ms: int) -> Broken | None:
    """Judge a time in milliseconds since the epoch."""
    if EARLIEST_MS <= ts <= latest_ms and ts < END_MS:
        return None
    if not -INT64_MAX - 1 <= ts <= INT64_MAX:
        return "number_out_of_range", f"{field} has {len(str(abs(ts)))} digits and does not fit 64 bits"
    if EARLIEST_MS // 1000 <= ts < END_MS // 1000:
        return "time_in_seconds", f"{field} {ts} looks like seconds; milliseconds since 1970 belong here"
    for unit, factor in (("microseconds", 1_000), ("nanoseconds", 1_000_000)):
        if EARLIEST_MS * factor <= ts < END_MS * factor:
            return "time_out_of_range", f"{field} {ts} looks like {unit}; milliseconds since 1970 belong here"
    if ts < EARLIEST_MS or ts >= END_MS:
        return "time_out_of_range", f"{field} {ts} ms lies outside 2001-09-09 .. 2100-12-31"
    return (
        "time_in_future",
        f"{field} {ts} ms is {ts - latest_ms} ms beyond the gateway's clock and its margin",
    )


def broken_place(lat: float, lon: float, bounds: Bounds) -> Broken | None:
    """Judge a place, WGS-84 degrees."""
    if -90 <= lat <= 90 and -180 <= lon <= 180:
        if abs(lat) < NULL_ISLAND_DEG and abs(lon) < NULL_ISLAND_DEG:
            return "null_island", f"lat {lat}, lon {lon} is within {NULL_ISLAND_DEG} degrees of 0,0: no fix"
        if bounds is WHOLE_EARTH or bounds.holds(lat, lon):
            return None
        # Nothing else tells a swapped pair whose members are both latitudes (Paris, Singapore) from a real place.
        way_out = "exchange them" if bounds.holds(lon, lat) else "correct the place, or widen the bounds"
        return "out_of_bounds", f"lat {lat}, lon {lon} lies outside UB_BOUNDS={bounds}; {way_out}"
    if abs(lat) <= 180 and abs(lon) <= 90:
        return "coordinates_swapped", f"lat {lat}, lon {lon} is a place only when exchanged"
    return "coordinate_out_of_range", f"lat {lat}, lon {lon} lies outside -90..90, -180..180"


def measured_then(reading: Any, allowed: Allowed) -> Broken | None:
    """Rule of readings: judge `ts`."""
    return broken_time("ts", reading.ts, allowed.latest_ms)


def measured_there(reading: Any, allowed: Allowed) -> Broken | None:
    """Rule of readings: judge `lat` and `lon`."""
    return broken_place(reading.lat, reading.lon, allowed.bounds)


def broken_number(field: str, value: int | None, least: int, most: int) -> Broken | None:
    """Judge a whole number that may be left out."""
    if value is None or least <= value <= most:
        return None
    shown = value if abs(value) <= INT64_MAX else "of more than 64 bits"
    return "number_out_of_range", f"{field} {shown} lies outside {least}..{most}"


def broken_text(field: str, value: str | None, most: int) -> Broken | None:
    """Judge a text that may be left out."""
    if value is None:
        return None
    if len(value) > most:
        return "too_large", f"{field} has {len(value)} characters, {most} are allowed"
    if "\0" in value:  # PostgreSQL's text holds every character but this one
        return "wrong_type", f"{field} holds the character U+0000 at {value.index(chr(0))}"
    return None


def broken_name(field: str, value: str | None, most: int) -> Broken | None:
    """Judge a name that things are grouped by and that may be left out."""
    if value is None or (0 < len(value) <= most and _CONTROL.search(value) is None):
        return None
    return "bad_id", f"{field} {_shown(value)} is not 1 to {most} characters without control characters"


def _shown(value: str) -> str:
    return f"{value[:_MAX_SHOWN]!r}{'…' if len(value) > _MAX_SHOWN else ''} ({len(value)} characters)"
