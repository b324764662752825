"""When a rule is in effect: days and times of the day by the city's wall clock.

    start_time <= end_time          start_time > end_time: past midnight, the days are those on which it begins
    |    [=====]    |    [===       |===]     [===|===]
    mon  09    17   tue             mon  06   22   tue  06

Both ends are exact to the second. What the clock shows decides: hours that it shows twice (at the end of summer time)
are in effect twice, and hours that it skips are not in effect that day.
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

    @property
    def length_s(self) -> int | None:
        """For how long they hold without a break, on days of 24 hours; None: for ever."""
        seconds = (self.end - self.start) % DAY_S + 1
        if seconds < DAY_S:
            return seconds
        week = "".join("x" if day in self.days else " " for day in range(len(DAYS)))
        days = max(map(len, (2 * week).split()), default=0)
        return None if days > len(DAYS) else days * DAY_S

    def hold(self, at: LocalTime) -> bool:
        """Return whether the rule is in effect then."""
        if self.start <= self.end:
            return at.weekday in self.days and self.start <= at.second <= self.end
        if at.second >= self.start:
            return at.weekday in self.days
        return at.second <= self.end and (at.weekday - 1) % 7 in self.days

    def meet(self, other: "Hours") -> bool:
        """Return whether there is a time at which both hold: then one of them begins, or the day."""
        begins = (0, self.start, other.start)
        times = (LocalTime(day, second) for day in range(len(DAYS)) for second in begins)
        return any(self.hold(at) and other.hold(at) for at in times)

    def since(self, at_ms: int, zone: tzinfo) -> int | None:
        """Return from when on they have held without a break, 0: ever since; None: they do not hold at this instant.

        Told by the calendar, whenever anybody looked: in milliseconds, at a whole second.
        """
        if len(self.days) == len(DAYS) and (self.end - self.start) % DAY_S == DAY_S - 1:
            return 0
        begin, at = None, min(max(at_ms, 0), _LAST_MS)
        while self.hold(local_time(at, zone)):
            begin = self._begin_of_part(at, zone)
            if begin <= 0:
                return 0
            at = begin - 1
        return begin

    def _begin_of_part(self, at_ms: int, zone: tzinfo) -> int:
        """Return since when the clocks, unchanged, have gone through these hours of one day, up to an instant."""
        second = local_time(at_ms, zone).second
        gone_s = second - (self.start if second >= self.start else 0)
        offset, low, high = _offset(at_ms, zone), at_ms // 1000 - gone_s, at_ms // 1000
        if _offset(low * 1000, zone) == offset:
            return low * 1000
        while high - low > 1:  # the clocks were changed in between
            middle = (low + high) // 2
            low, high = (low, middle) if _offset(middle * 1000, zone) == offset else (middle, high)
        return high * 1000


def clock(second: int) -> str:
    """Return what clocks show at a second of the day."""
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


def local_time(at_ms: int, zone: tzinfo) -> LocalTime:
    """Return what the clocks of a time zone show at an instant, milliseconds since the epoch."""
    shown = _shown(at_ms, zone)
    return LocalTime(shown.weekday(), shown.hour * 3600 + shown.minute * 60 + shown.second)


def shown_ms(at_ms: int, zone: tzinfo) -> int:
    """Return what the clocks of a time zone show at an instant, in milliseconds since they showed the epoch."""
    return at_ms + (_offset(at_ms, zone) or timedelta()) // timedelta(milliseconds=1)


def _shown(at_ms: int, zone: tzinfo) -> datetime:
    within = min(max(at_ms, 0), _LAST_MS)  # what a record of the log says may be no time at all
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=within)).astimezone(zone)


def _offset(at_ms: int, zone: tzinfo) -> timedelta | None:
    return _shown(at_ms, zone).utcoffset()
