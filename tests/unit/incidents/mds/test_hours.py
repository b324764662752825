"""Days and times of the day by the city's clocks."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from streams.incidents.mds.hours import DAYS, Hours, LocalTime, local_time

BERLIN, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai")


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def at(day: str, clock: str) -> LocalTime:
    hour, minute, second = map(int, clock.split(":"))
    return LocalTime(DAYS.index(day), hour * 3600 + minute * 60 + second)


def hours(days: str, start: str, end: str) -> Hours:
    return Hours(frozenset(map(DAYS.index, days.split())), at("mon", start).second, at("mon", end).second)


@pytest.mark.parametrize(
    ("day", "clock", "holds"),
    [
        ("mon", "06:59:59", False),
        ("mon", "07:00:00", True),
        ("mon", "09:59:59", True),
        ("mon", "10:00:00", False),
        ("tue", "08:00:00", False),
    ],
)
def test_both_ends_count_on_the_days_named(day: str, clock: str, holds: bool) -> None:
    assert hours("mon wed", "07:00:00", "09:59:59").hold(at(day, clock)) is holds


@pytest.mark.parametrize(
    ("day", "clock", "holds"),
    [
        ("sat", "21:59:59", False),
        ("sat", "22:00:00", True),
        ("sun", "00:00:00", True),
        ("sun", "05:59:59", True),
        ("sun", "06:00:00", False),
        ("sun", "23:00:00", False),
        ("sat", "01:00:00", False),
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_begins(day: str, clock: str, holds: bool) -> None:
    assert hours("sat", "22:00:00", "05:59:59").hold(at(day, clock)) is holds


def test_the_night_of_a_sunday_ends_on_monday() -> None:
    assert hours("sun", "22:00:00", "05:00:00").hold(at("mon", "04:00:00"))


def test_without_days_and_times_a_rule_always_holds() -> None:
    assert all(Hours().hold(LocalTime(day, second)) for day in range(7) for second in (0, 43_200, 86_399))


def test_the_clocks_of_the_city_decide() -> None:
    assert local_time(ms("2026-01-04T16:30:00"), SHANGHAI) == at("mon", "00:30:00")
    assert local_time(ms("2026-01-04T16:30:00"), UTC) == at("sun", "16:30:00")


def test_an_hour_that_is_shown_twice_is_in_effect_twice_and_one_that_is_skipped_never() -> None:
    """Berlin, 25 October 2026: at 01:00 UTC the clocks go from 03:00 back to 02:00; 29 March: from 02:00 to 03:00."""
    early = hours("sun", "02:00:00", "02:59:59")
    autumn = [local_time(ms(f"2026-10-25T{hour:02}:30:00"), BERLIN) for hour in range(4)]
    assert [early.hold(moment) for moment in autumn] == [True, True, False, False]
    spring = [local_time(ms(f"2026-03-29T{hour:02}:30:00"), BERLIN) for hour in range(4)]
    assert [early.hold(moment) for moment in spring] == [False, False, False, False]


@pytest.mark.parametrize("moment", [-1, 10**18, -(10**18)])
def test_what_is_no_time_at_all_stops_nothing(moment: int) -> None:
    assert 0 <= local_time(moment, SHANGHAI).weekday < 7


@pytest.mark.parametrize(
    ("start", "end", "since"),
    [
        ("06:00:00", "17:59:59", ms("2026-01-05T06:00:00")),
        ("18:00:00", "05:59:59", None),
        ("00:00:00", "23:59:59", 0),
        ("06:00:00", "05:59:59", 0),
    ],
)
def test_hours_of_each_day_began_anew_today_unless_they_are_all_of_it(
    start: str, end: str, since: int | None
) -> None:
    assert hours(" ".join(DAYS), start, end).since(ms("2026-01-05T12:00:00"), UTC) == since
