"""Profiles of the day or the week by the clocks of the city: by UTC every rush hour moves when clocks are changed."""

from datetime import tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from streams.incidents.mds.hours import shown_ms


@lru_cache(maxsize=256)
def slot_of(at_ms: int, zone: tzinfo, slot_ms: int) -> int:
    """Return which slot the clocks of a zone show, counted since they showed the epoch.

    It is remembered: thousands of cells have values of the same few instants.
    """
    return shown_ms(at_ms, zone) // slot_ms


def clocks(name: str, ours: tzinfo) -> tzinfo:
    """Return the zone of this name; ours where it is none here, or nothing was learnt by it yet (no name)."""
    if name in ("", str(ours)):
        return ours
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:  # of another machine
        return ours


def slots_apart(at_ms: int, before: tzinfo, now: tzinfo, slot_ms: int) -> int:
    """Return how many slots further the clocks of `now` are than those of `before`, rounded."""
    return round((shown_ms(at_ms, now) - shown_ms(at_ms, before)) / slot_ms)
