"""Durations as people write them, and moments given as either a duration from now or a time."""

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_FORM = re.compile(r"(?:[0-9]+[smhdw])+")
_LONGEST = timedelta(days=3660)
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


def duration(text: str) -> timedelta:
    """Return the duration of `90s`, `15m`, `2h30m`, `1d`; ValueError says what is expected."""
    if not _FORM.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration; give one such as 90s, 15m, 2h30m, 1d or 2w")
    parts = re.findall(r"([0-9]+)([smhdw])", text)
    try:
        total = sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())
    except (ValueError, OverflowError):  # more digits than Python reads, or more time than it counts
        total = timedelta.max
    if total > _LONGEST:
        raise ValueError(f"{text!r} is more than ten years; give less")
    return total


def ahead(text: str, now: datetime) -> timedelta | datetime:
    """Return a duration as it is, or the time that `moment` makes of anything else."""
    return duration(text) if _FORM.fullmatch(text) else moment(text, now)


def moment(text: str, now: datetime, *, back: bool = False) -> datetime:
    """Return `now` plus a duration, or the time of ISO 8601 (UTC where no zone is given), ten years ahead at the most.

    `back`: a duration is before now. Of times that lie beyond the year 9999 by somebody's clock the tables can be
    written and not be read.
    """
    if _FORM.fullmatch(text):
        return now - duration(text) if back else now + duration(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither a duration (15m, 2h, 1d) nor a time (2026-03-01T12:00:00Z)"
        ) from None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    if not _FIRST <= found <= now + _LONGEST:
        raise ValueError(f"{text!r} is more than ten years ahead, or before 1970; give a time in between")
    return found
