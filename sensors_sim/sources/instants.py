"""Times as feeds write them: seconds or milliseconds since the epoch, or RFC 3339 (GBFS 3.0, Open311)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

from schemas.limits import EARLIEST_MS, END_MS
from sensors_sim.numbers import number

_LEAP = re.compile(r"(?<=[Tt ]\d\d:\d\d):60(?!\d)", re.ASCII)
_LEAP_OF_ANY = re.compile(r"(?<!\d)(\d\d:\d\d):60(?!\d)", re.ASCII)
"""A leap second is :60 in RFC 3339; clocks that do not count it, as those of the epoch, show the next one then."""
_DAY_ENDS = re.compile(r"(?<![\d:.+-])24:00(?=(?::00(?:[.,]0+)?)?(?![\d:.,]))", re.ASCII)
"""24:00 is the end of a day in ISO 8601; tables of means over an hour write the last one so. Behind a sign it is an
offset from UTC that there is not."""


Doubt = Callable[[str], None]
"""Hears what is the matter with a local time at which clocks were changed; it is taken all the same."""


def undoubted(_what: str) -> None:
    """Hear nothing."""


def instant(value: object, zone: tzinfo = UTC, doubt: Doubt = undoubted) -> int | None:
    """Return milliseconds since the epoch, or None where `value` is no time of EARLIEST_MS .. END_MS.

    A text without an offset is local time of `zone`. Feeds write numbers as text, too.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            return from_number(number(value))
        except ValueError:
            return _written(value, zone, doubt)
    return from_number(value) if isinstance(value, int | float) else None


def from_number(value: float) -> int | None:
    """Return milliseconds of a number of seconds or milliseconds."""
    return from_milliseconds(value * 1000 if abs(value) < EARLIEST_MS // 10 else value)


def from_milliseconds(value: float) -> int | None:
    """Return milliseconds as whole ones."""
    if not abs(value) < END_MS:  # which no number is, nor a whole one of more digits than a float holds
        return None
    return within(round(value))


def within(ms: int) -> int | None:
    """Return `ms` if it is a time that can be published."""
    return ms if EARLIEST_MS <= ms < END_MS else None


def from_datetime(moment: datetime, zone: tzinfo, doubt: Doubt = undoubted) -> int | None:
    """Return milliseconds of a moment; one without an offset is local time of `zone`.

    A local time that comes twice is the first of the two, one that clocks skip is read as if they stood as before.
    """
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
        before, after = moment.utcoffset(), moment.replace(fold=1).utcoffset()
        if before is not None and after is not None and before != after:
            doubt("time_comes_twice" if before > after else "time_skipped")
    try:
        return within(round(moment.timestamp() * 1000))
    except (OverflowError, ValueError):
        return None


def _written(text: str, zone: tzinfo, doubt: Doubt) -> int | None:
    even, leaps = _LEAP.subn(":59", text.strip().upper())  # RFC 3339 allows "t" and "z"
    even, days = _DAY_ENDS.subn("00:00", even)
    try:
        return from_datetime(datetime.fromisoformat(even) + timedelta(days, leaps), zone, doubt)
    except (ValueError, OverflowError):
        return None


def by_format(text: str, format_: str, zone: tzinfo, doubt: Doubt = undoubted) -> int | None:
    """Return milliseconds of a text in a format of strptime, None where it is not of that format, or no time.

    strptime reads 60 seconds, and then finds that no moment has so many.
    """
    even, leaps = _LEAP_OF_ANY.subn(r"\1:59", text) if "%S" in format_ else (text, 0)
    even, days = _DAY_ENDS.subn("00:00", even) if "%H:%M" in format_ else (even, 0)
    try:
        return from_datetime(datetime.strptime(even, format_) + timedelta(days, leaps), zone, doubt)
    except (ValueError, OverflowError):
        return None
