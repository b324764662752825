"""Times of the log and the tables as people read them: in UTC, to the second or to the minute."""

from datetime import UTC, datetime


def to_second(at: int | datetime) -> str:
    """Return a time, or milliseconds since the epoch, as 2026-03-01 12:30:05."""
    return f"{_utc(at):%Y-%m-%d %H:%M:%S}"


def to_minute(at: int | datetime) -> str:
    """Return a time, or milliseconds since the epoch, as 2026-03-01 12:30."""
    return f"{_utc(at):%Y-%m-%d %H:%M}"


def to_ms(moment: datetime) -> int:
    """Return a time as milliseconds since the epoch."""
    return round(moment.timestamp() * 1000)


def _utc(at: int | datetime) -> datetime:
    return at.astimezone(UTC) if isinstance(at, datetime) else datetime.fromtimestamp(at / 1000, UTC)
