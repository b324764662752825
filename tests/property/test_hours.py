"""Since when a rule's hours have held: against who looks at the clock every quarter of an hour, back in time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from streams.incidents.mds.hours import DAY_S, Hours, LocalTime

QUARTER_S = 900
WEEKS_MS = 3 * 7 * DAY_S * 1000
CHANGES = {
    "Europe/Berlin": ["2026-03-29", "2026-10-25"],
    "America/Santiago": ["2026-04-05", "2026-09-06"],  # at midnight
    "Australia/Lord_Howe": ["2026-04-05", "2026-10-04"],  # by half an hour
    "Africa/Casablanca": ["2026-02-15", "2026-03-22"],  # for a month
    "Pacific/Apia": ["2011-12-30", "2012-04-01"],  # a day that never was
    "Asia/Shanghai": ["2028-02-29", "2027-01-01"],
}
"""Days around which something happens."""

quarters = st.integers(0, DAY_S // QUARTER_S - 1)


@st.composite
def moments(draw: st.DrawFn) -> tuple[ZoneInfo, int]:
    """Return a zone, and a quarter of an hour within four days of one of its changes."""
    name = draw(st.sampled_from(sorted(CHANGES)))
    day = datetime.fromisoformat(draw(st.sampled_from(CHANGES[name]))).replace(tzinfo=UTC)
    at = day + timedelta(seconds=QUARTER_S * draw(st.integers(-4 * 96, 4 * 96)))
    return ZoneInfo(name), round(at.timestamp() * 1000)


@st.composite
def hours(draw: st.DrawFn) -> Hours:
    """Return days, and times from one quarter of an hour to the last second of another."""
    days = draw(st.frozensets(st.integers(0, 6), min_size=1) | st.just(frozenset(range(7))))
    return Hours(days, draw(quarters) * QUARTER_S, (draw(quarters) + 1) * QUARTER_S - 1)


def shown(at_ms: int, zone: ZoneInfo, rule: Hours) -> bool:
    """By the text of the clock."""
    there = datetime.fromtimestamp(at_ms / 1000, zone)
    clock, today, yesterday = f"{there:%H:%M:%S}", there.weekday(), (there.weekday() - 1) % 7
    start, end = (f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" for s in (rule.start, rule.end))
    if start <= end:
        return today in rule.days and start <= clock <= end
    return (today in rule.days and clock >= start) or (yesterday in rule.days and clock <= end)


@given(moments(), hours(), st.integers(0, QUARTER_S * 1000 - 1))
def test_hours_hold_since_the_first_of_all_looks_in_a_row_that_saw_them_hold(
    moment: tuple[ZoneInfo, int], rule: Hours, past_ms: int
) -> None:
    zone, at = moment
    begin = None
    for look in range(at, at - WEEKS_MS, -QUARTER_S * 1000):
        if not shown(look, zone, rule):
            break
        begin = look
    else:
        begin = 0
    assert rule.since(at + past_ms, zone) == begin


@given(moments(), hours())
def test_hours_hold_when_they_have_held_since_some_time(moment: tuple[ZoneInfo, int], rule: Hours) -> None:
    zone, at = moment
    assert (rule.since(at, zone) is not None) == shown(at, zone, rule)


@given(hours(), hours())
def test_two_rules_are_in_effect_at_once_if_some_quarter_of_an_hour_of_a_week_sees_both(
    one: Hours, other: Hours
) -> None:
    week = [LocalTime(day, second) for day in range(7) for second in range(0, DAY_S, QUARTER_S)]
    assert one.meet(other) == any(one.hold(at) and other.hold(at) for at in week)
