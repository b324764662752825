"""The feed of citizens' requests: an outage is told, and no night, weekend or nightly delivery is."""

import msgspec
import numpy as np
import pytest

from schemas.cells import CellsHealth
from streams.fold.contract import Record
from streams.incidents.health.book import HealthBook
from streams.incidents.health.config import HealthConfig
from streams.incidents.messages import RequestRows, Requests
from tests.pipeline import T0
from tests.unit.incidents.health.citizens import (
    CONFIG,
    DAY,
    MINUTE,
    OTHER,
    REGION,
    Hotline,
    said,
)

A_DAY = 24 * 60
KNOWN = 30 * 60
"""Minutes from which on silence means something."""


def calls(seed: int, begin: int, end: int, by_day: float, by_night: float) -> list[int]:
    """Return minutes with requests, so many an hour by day (7 to 23 o'clock) and by night."""
    rng = np.random.default_rng(seed)
    minutes = np.arange(begin, end)
    hour = minutes % A_DAY / 60
    rate = np.where((hour >= 7) & (hour < 23), by_day, by_night) / 60
    return minutes[rng.random(len(minutes)) < 1 - np.exp(-rate)].tolist()


@pytest.mark.parametrize("told_before", [False, True])
def test_nothing_was_waited_for_before_the_first_delivery(told_before: bool) -> None:
    """Nor since 1970, where the clock is told before the first windows close, as those of several partitions."""
    hotline = Hotline()
    if told_before:
        hotline.clock(10)
    hotline.hear(1, 7)
    assert hotline.live(10, 33 * 60) == []
    assert said(hotline.live(33 * 60, 36 * 60, heard=())) == [("raised", "feed_silent", "requests")]


def test_a_hotline_that_dies_is_one_alert_where_it_was_heard_last() -> None:
    hotline = Hotline()
    assert hotline.live(0, KNOWN + 60) == []
    hotline.hear(KNOWN + 60, cell=OTHER, count=3)
    told = hotline.live(KNOWN + 60, KNOWN + 300)
    assert told == []  # heard all the time
    hotline.hear(KNOWN + 300, cell=OTHER, count=3)
    (raised,) = hotline.live(KNOWN + 301, KNOWN + 600, heard=[])
    assert said([raised]) == [("raised", "feed_silent", "requests")]
    assert (raised.cell, raised.severity, raised.starts_at) == (OTHER, "major", T0 + (KNOWN + 301) * MINUTE)
    health = raised.evidence.health
    assert health is not None
    assert (health.feed, health.last_ts) == ("requests", raised.starts_at)
    assert 0 < raised.updated_at - raised.starts_at - health.patience_ms <= MINUTE
    assert health.patience_ms <= 35 * MINUTE
    assert (
        raised.summary == f"nothing heard of any citizens' request for {health.patience_ms // MINUTE + 1} min"
    )
    (cleared,) = hotline.live(KNOWN + 600, KNOWN + 660)
    assert (cleared.action, cleared.alert_id) == ("cleared", raised.alert_id)
    assert cleared.summary.startswith("requests are heard again")


@pytest.mark.parametrize("column", ["opened", "closed", "reopened", "rated"])
def test_whatever_happens_to_a_request_is_heard(column: str) -> None:
    hotline = Hotline()
    hotline.live(0, KNOWN + 60)
    for minute in range(KNOWN + 60, KNOWN + 180):
        assert hotline.hear(minute, column=column) == []
        assert hotline.clock(minute + 1) == []


@pytest.mark.parametrize("column", ["open_now", "overdue", "revision"])
def test_a_window_in_which_nothing_happened_is_not_heard(column: str) -> None:
    hotline = Hotline()
    hotline.live(0, KNOWN + 60)
    for minute in range(KNOWN + 60, KNOWN + 180):
        hotline.hear(minute, column=column)
        hotline.clock(minute + 1)
    assert said(hotline.told) == [("raised", "feed_silent", "requests")]


def test_what_amends_older_windows_is_no_sign_of_life() -> None:
    hotline = Hotline()
    hotline.live(0, KNOWN + 60)
    for minute in range(KNOWN + 60, KNOWN + 180):
        hotline.hear(minute - 121)
        hotline.clock(minute + 1)
    assert said(hotline.told) == [("raised", "feed_silent", "requests")]


def test_silence_means_nothing_before_a_night_is_known() -> None:
    hotline = Hotline()
    assert hotline.live(0, 600) == []
    assert hotline.live(600, 3 * A_DAY, heard=[]) == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("begins", [0, 13, 22])
@pytest.mark.parametrize("rates", [(200, 10), (40, 2), (6, 0.1)])
def test_nights_are_not_told_not_even_the_first(seed: int, begins: int, rates: tuple[float, float]) -> None:
    first = begins * 60
    hotline = Hotline()
    end = first + 4 * A_DAY
    assert hotline.live(first, end, calls(seed, first, end, *rates)) == []


def test_weekends_of_an_office_are_not_told_not_even_the_first() -> None:
    """Open from 8 to 17 o'clock; 40 requests an hour. It is Monday."""
    hotline, end = Hotline(), 5 * 7 * A_DAY
    open_at = [
        minute
        for minute in calls(1, 0, end, 40, 0)
        if minute // A_DAY % 7 < 5 and 8 * 60 <= minute % A_DAY < 17 * 60
    ]
    assert hotline.live(0, end, open_at) == []
    told = hotline.live(end, end + 14 * A_DAY, [])
    assert said(told) == [("raised", "feed_silent", "requests")]


@pytest.mark.parametrize(
    ("begin", "end", "days"), [(7, 23, 6), (0, 24, 6), (0, 24, 5)], ids=["by day", "all but Sundays", "24/5"]
)
def test_a_busy_hotline_that_rests_once_a_week_is_told_at_its_first_rest_if_at_all(
    begin: int, end: int, days: int
) -> None:
    """There are requests every five minutes while it is open; it is Monday."""
    hotline = Hotline()
    for minute in range(0, 13 * 7 * A_DAY, 5):
        if minute // A_DAY % 7 < days and begin * 60 <= minute % A_DAY < end * 60:
            hotline.hear(minute)
        hotline.clock(minute + 5)
    raised = [event for event in hotline.told if event.action == "raised"]
    assert [event.starts_at for event in raised if event.starts_at > T0 + 7 * DAY] == []


def test_a_town_with_five_requests_a_day_is_given_days() -> None:
    hotline, end = Hotline(), 40 * A_DAY
    assert hotline.live(0, end, calls(5, 0, end, 0.3, 0.01)) == []
    told = hotline.live(end, end + 10 * A_DAY, [])
    assert said(told) == [("raised", "feed_silent", "requests")]
    assert told[0].updated_at - told[0].starts_at > DAY


@pytest.mark.parametrize("parts", [1, 20])
def test_what_is_delivered_once_a_night_is_not_silent_every_day(parts: int) -> None:
    """A day's requests come from 3 o'clock of the next day on, or up to an hour later, in parts of 5 minutes."""
    hotline = Hotline()
    for number in range(30):
        heard = calls(number, number * A_DAY, (number + 1) * A_DAY, 40, 2)
        begins = 180 + number % 3 * 25
        for minute in range(0, A_DAY, 5):
            part = (minute - begins) // 5
            if number < 22 and 0 <= part < parts:
                hotline.hear(*heard[len(heard) * part // parts : len(heard) * (part + 1) // parts])
            hotline.clock((number + 1) * A_DAY + minute)
    (raised,) = hotline.told  # the eight days in the end
    assert raised.starts_at > T0 + 21 * DAY
    assert raised.updated_at > T0 + 24 * DAY


@pytest.mark.parametrize("first", [1, 20])
def test_what_is_imported_at_first_was_not_lived_through(first: int) -> None:
    """Weeks of requests in some messages within minutes, and from then on what is delivered once a night."""
    hotline, heard = Hotline(), calls(2, 0, 21 * A_DAY, 40, 2)
    for part in range(first):
        hotline.hear(*heard[len(heard) * part // first : len(heard) * (part + 1) // first])
        hotline.clock(21 * A_DAY + 180 + part)
    for number in range(21, 30):
        for minute in range(0, A_DAY, 5):
            hotline.clock(number * A_DAY + 240 + minute)
        hotline.hear(*calls(number, number * A_DAY, (number + 1) * A_DAY, 40, 2))
    assert hotline.told == []


def test_what_was_missed_and_comes_later_clears_once_and_raises_nothing() -> None:
    hotline, away, back = Hotline(), 16 * A_DAY, 16 * A_DAY + 300
    hotline.live(0, away)
    hotline.live(away, back, heard=[])
    for minute in range(away, back, 10):  # in order, ten minutes of it in a minute
        hotline.hear(*range(minute, minute + 10))
        for moment in (0.3, 0.6):
            hotline.clock(back + (minute - away) // 10 + moment)
    assert [action for action, *_ in said(hotline.told)] == ["raised", "cleared"]


def test_time_in_which_all_were_away_was_not_lived_through() -> None:
    hotline = Hotline()
    hotline.live(0, 600)
    later = 7 * A_DAY
    assert hotline.clock(later) == []
    assert hotline.live(later, later + 60) == []
    assert hotline.live(later + 60, later + 400, heard=[]) == []


def test_while_all_are_silent_nothing_is_told_nor_when_time_goes_on_again() -> None:
    hotline = Hotline()
    hotline.live(0, KNOWN + 60)
    assert hotline.clock(KNOWN + 60 + 7 * A_DAY) == []
    assert hotline.clock(KNOWN + 61 + 7 * A_DAY) == []
    later = KNOWN + 61 + 7 * A_DAY
    assert hotline.live(later, later + 10, heard=[]) == []
    assert hotline.live(later + 10, later + 60) == []
    told = hotline.live(later + 60, later + 120, heard=[])
    assert said(told) == [("raised", "feed_silent", "requests")]


def test_one_outage_teaches_nothing() -> None:
    hotline = Hotline()
    hotline.live(0, 20 * A_DAY)
    hotline.live(20 * A_DAY, 20 * A_DAY + 300, heard=[])
    hotline.live(20 * A_DAY + 300, 21 * A_DAY)
    hotline.live(21 * A_DAY, 21 * A_DAY + 300, heard=[])
    raised = [event for event in hotline.told if event.action == "raised"]
    assert [event.starts_at for event in raised] == [T0 + 20 * DAY, T0 + 21 * DAY]


def test_a_feed_that_is_gone_for_good_is_forgotten() -> None:
    hotline = Hotline()
    hotline.live(0, KNOWN + 60)
    told = []
    for step in range(6 * 24 * 31):
        told += hotline.clock(KNOWN + 60 + 10 * step)
    assert [(event.action, event.summary.partition(";")[0]) for event in told][1:] == [
        ("cleared", "taken as gone for good")
    ]
    assert hotline.live(KNOWN + 32 * A_DAY, KNOWN + 33 * A_DAY, heard=[KNOWN + 32 * A_DAY]) == []


@pytest.mark.parametrize("minute", [KNOWN + 100, KNOWN + 131, KNOWN + 139, KNOWN + 300, KNOWN + 301])
def test_a_crash_changes_nothing(minute: int) -> None:
    stories = []
    for crashing in (False, True):
        hotline = Hotline()
        for first, end, heard in (
            (0, KNOWN + 100, None),
            (KNOWN + 100, KNOWN + 300, ()),
            (KNOWN + 300, KNOWN + 400, None),
        ):
            for at in range(first, end):
                hotline.live(at, at + 1, heard)
                if crashing and at == minute:
                    hotline.crash()
        stories.append(hotline.told)
    assert stories[0] == stories[1]
    assert [event.action for event in stories[0]] == ["raised", "cleared"]


def test_a_crash_after_each_record_changes_nothing() -> None:
    told = []
    for crashing in (False, True):
        hotline = Hotline(crashing=crashing)
        hotline.live(0, KNOWN + 200, heard=range(KNOWN + 100))
        hotline.live(KNOWN + 200, KNOWN + 210)
        told.append(hotline.told)
    assert [event.action for event in told[0]] == ["raised", "cleared"]
    assert told[1] == told[0]


def test_a_message_of_an_earlier_version_says_nothing_of_requests() -> None:
    hotline = Hotline()
    hotline.live(0, KNOWN + 60)
    at = T0 + (KNOWN + 600) * MINUTE
    message = CellsHealth(REGION, at, at, -1, 0, -1, None)
    assert list(hotline.book.apply(message, Record("t", 0, hotline.offset, b"", 0))) == []


def test_a_window_that_names_no_cell_is_refused() -> None:
    def nowhere(_: str) -> object:
        raise ValueError

    book = HealthBook(CONFIG, nowhere)  # type: ignore[arg-type]
    rows = RequestRows([0], ["nowhere"], ["noise"], [1], [0], [0], [0])
    assert "no H3 cell" in book.problem(Requests(REGION, 1, MINUTE, rows))
    uneven = msgspec.structs.replace(rows, closed=[])
    assert book.problem(Requests(REGION, 1, MINUTE, uneven))


def test_people_who_ask_are_told_when_silence_is_too_long() -> None:
    hotline = Hotline()
    hotline.live(0, KNOWN + 60)
    (raised,) = hotline.live(KNOWN + 60, KNOWN + 120, heard=[])
    seen = hotline.book.seen(raised)
    assert seen is not None
    assert seen.value.startswith("last heard ")
    assert seen.threshold.startswith("silent from ")
    assert seen.state == "active major"
    assert hotline.book.version(raised) == raised.policy_version


@pytest.mark.parametrize("crash", [None, 19 * 60])
def test_since_when_a_feed_is_known_is_not_forgotten_in_a_crash(crash: int | None) -> None:
    """It is heard once and then, after most of a day, every twenty minutes; the crash is in between."""
    hotline, told = Hotline(), []
    for minute in range(0, 140 * 60, 5):
        if minute == 0 or (20 * 60 <= minute < 33 * 60 and minute % 20 == 0):
            told += hotline.hear(minute)
        hotline.checkpoint()
        told += hotline.clock(minute + 1)
        hotline.checkpoint()
        if minute == crash:
            hotline.crash()
    assert [(event.action, event.kind) for event in told] == [("raised", "feed_silent")]


def test_a_feed_with_long_pauses_is_told_before_it_is_forgotten() -> None:
    """What comes once a day is waited for more than five days, and would be forgotten after three."""
    hotline = Hotline(config=HealthConfig(forget_ms=3 * DAY))
    nightly = [day * A_DAY for day in range(40)]
    assert hotline.live(0, nightly[-1] + 1, heard=nightly) == []
    raised, cleared = hotline.live(nightly[-1] + 1, nightly[-1] + 8 * A_DAY, heard=())
    assert said([raised, cleared]) == [
        ("raised", "feed_silent", "requests"),
        ("cleared", "feed_silent", "requests"),
    ]
    assert cleared.summary.startswith("taken as gone for good")
    assert cleared.updated_at - raised.updated_at == 3 * DAY // 4
