"""Alerts of a rule over nights: midnight, both changes of the clocks, the leap day, and the turn of the year.

The cell always holds too many, so an alert lasts exactly as long as the rule is in effect. The oracle asks the clocks
of the city minute by minute what they show, as a person with a watch would.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schemas.alerts import Alert
from tests.unit.incidents.counts.folding import Counted
from tests.unit.incidents.counts.mds import DEFAULT, city, document, policy, read_all, rule
from tests.unit.incidents.counts.test_count_alerts import AREAS, A, bikes

BERLIN = ZoneInfo("Europe/Berlin")
SANTIAGO = ZoneInfo("America/Santiago")
"""Its clocks go forward at midnight: a day that begins at one o'clock."""
NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Life = tuple[str, str]
"""When an alert was raised and cleared: what the clocks of UTC show."""


def told(zone: ZoneInfo, begin: datetime, minutes: int, **hours: Any) -> list[Life]:
    """Look every minute at a cell with too many; returns the lives of alerts, those that ended."""
    read, findings = read_all(document([policy(1, rule(7, 1, maximum=1, **hours))], AREAS), city(zone))
    assert not findings.errors
    fold = Counted(replace(read, default=replace(DEFAULT, min_duration_ms=0), counts=in_force(read.counts)))
    events: list[Alert] = []
    for minute in range(minutes):
        at = round((begin + timedelta(minutes=minute)).timestamp() * 1000)
        events += fold.look(at, *([(A, "hello", bikes(5))] if minute == 0 else []))
    lives: dict[str, list[Alert]] = {}
    for event in events:
        lives.setdefault(event.alert_id, []).append(event)
    return [
        (shown(life[0].starts_at), shown(life[-1].ends_at)) for life in lives.values() if life[-1].ends_at
    ]


def in_force(counts: Any) -> Any:
    return tuple(replace(one, begin=0) for one in counts)


def shown(at_ms: int | None) -> str:
    assert at_ms is not None
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%m-%d %H:%M}"


def by_the_clock(
    zone: ZoneInfo, begin: datetime, minutes: int, days: list[str], start: str, end: str
) -> list[Life]:
    """The oracle: the minutes in which the city's clock shows a time within the rule's hours, as islands."""
    found: list[list[str]] = []
    was = False
    for minute in range(minutes):
        moment = begin + timedelta(minutes=minute)
        there = moment.astimezone(zone)
        clock, today = f"{there:%H:%M:%S}", NAMES[there.weekday()]
        yesterday = NAMES[there.weekday() - 1]
        if start <= end:
            now = today in days and start <= clock <= end
        else:
            now = (today in days and clock >= start) or (yesterday in days and clock <= end)
        if now and not was:
            found.append([f"{moment:%m-%d %H:%M}"])
        if was and not now:
            found[-1].append(f"{moment:%m-%d %H:%M}")
        was = now
    return [(life[0], life[1]) for life in found if len(life) == 2]


def utc(*numbers: int) -> datetime:
    return datetime(*numbers, tzinfo=UTC)  # type: ignore[misc, arg-type]


EVERY = list(NAMES)
CASES = [
    # an hour that the clocks show twice: 25 October 2026, 02:30 to 02:59 in Berlin
    (BERLIN, utc(2026, 10, 24, 20), EVERY, "02:30:00", "02:59:59",
     [("10-25 00:30", "10-25 01:00"), ("10-25 01:30", "10-25 02:00")]),
    # an hour that they skip: 29 March 2026
    (BERLIN, utc(2026, 3, 28, 20), EVERY, "02:00:00", "02:59:59", []),
    # a night over the end of summer time is an hour longer, one over its beginning an hour shorter
    (BERLIN, utc(2026, 10, 24, 18), ["sat"], "22:00:00", "05:59:59", [("10-24 20:00", "10-25 05:00")]),
    (BERLIN, utc(2026, 3, 28, 18), ["sat"], "22:00:00", "05:59:59", [("03-28 21:00", "03-29 04:00")]),
    # the night of a Saturday is over on Sunday, and Sunday's does not begin
    (BERLIN, utc(2026, 1, 3, 12), ["sat"], "23:00:00", "00:59:59", [("01-03 22:00", "01-04 00:00")]),
    # a day that begins at one o'clock: 6 September 2026 in Santiago
    (SANTIAGO, utc(2026, 9, 6, 1), ["sun"], "00:00:00", "01:59:59", [("09-06 04:00", "09-06 05:00")]),
    # the leap day is a Tuesday of its own, in 2028
    (BERLIN, utc(2028, 2, 28, 20), ["tue"], "00:00:00", "23:59:59", [("02-28 23:00", "02-29 23:00")]),
    # the night of the leap day
    (BERLIN, utc(2028, 2, 29, 12), ["tue"], "22:00:00", "01:59:59", [("02-29 21:00", "03-01 01:00")]),
    # the turn of the year
    (BERLIN, utc(2026, 12, 31, 12), ["thu"], "22:00:00", "01:59:59", [("12-31 21:00", "01-01 01:00")]),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "begin", "days", "start", "end", "expected"), CASES)
def test_an_alert_lasts_as_long_as_the_clocks_of_the_city_say(
    zone: ZoneInfo, begin: datetime, days: list[str], start: str, end: str, expected: list[Life]
) -> None:
    minutes = 30 * 60
    assert by_the_clock(zone, begin, minutes, days, start, end)[: len(expected)] == expected
    hours = {"days": days, "start_time": start, "end_time": end}
    assert told(zone, begin, minutes, **hours) == by_the_clock(zone, begin, minutes, days, start, end)
