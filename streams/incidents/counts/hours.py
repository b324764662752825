"""When a rule is in effect: days and times of the day by the city's wall clock.

    start_time <= end_time          start_time > end_time: past midnight, the days are those on which it begins
    |    [=====]    |    [===       |===]     [===|===]
    mon  09    17   tue             mon  06   22   tue  06

Both ends count to the second. What the clock shows decides: an hour that it shows twice (the end of summer time) is in
effect twice, one that it skips never is.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_S = 86_400
_LAST_MS = 200_000_000_000_000  # in the year 8307


@dataclass(frozen=True, slots=True)
class LocalTime:
    """What the city's clocks show: the day of the week (0: Monday) and the second of the day."""

    weekday: int
    second: int


@dataclass(frozen=True, slots=True)
class Hours:
    """Days of the week (0: Monday) and seconds of the day, both ends included."""

    days: frozenset[int] = frozenset(range(7))
    start: int = 0
    end: int = DAY_S - 1

    def hold(self, at: LocalTime) -> bool:
        """Return whether the rule is in effect then."""
        if self.start <= self.end:
            return at.weekday in self.days and self.start <= at.second <= self.end
        if at.second >= self.start:
            return at.weekday in self.days
        return at.second <= self.end and (at.weekday - 1) % 7 in self.days


def local_time(at_ms: int, zone: tzinfo) -> LocalTime:
    """Return what the clocks of a time zone show at an instant, milliseconds since the epoch."""
    within = min(max(at_ms, 0), _LAST_MS)  # what a record of the log says may be no time at all
    shown = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=within)).astimezone(zone)
    return LocalTime(shown.weekday(), shown.hour * 3600 + shown.minute * 60 + shown.second)
