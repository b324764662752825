"""Feeds of which most sensors are silent. East has five sensors with a patience of 10 minutes, south three.

North has ten: six with 10 minutes, n-3 and n-8 with 30, n-4 and n-9 with 120.
"""

from collections.abc import Iterable

import pytest

from schemas.alerts import Alert
from streams.incidents.health.config import HealthConfig
from streams.incidents.health.feeds import Feed, enough, fallen
from streams.incidents.health.sensors import Sensor, Series
from tests.pipeline import T0
from tests.unit.incidents.health.owners import MINUTE, SENSORS, Region

NORTH, EAST, SOUTH = ({name for name in SENSORS if name.startswith(letter)} for letter in "nes")
MOST = EAST - {"e-4"}
DAY = 1_440


def sensor(*patience_min: int) -> Sensor:
    """Return a sensor with a metric for each patience, all heard at 0."""
    series = {
        f"m{number}": Series((0, 0), 0, MINUTE, minutes * MINUTE, 1.0, 0, 0, 0, 0, 0, 0, 0.0)
        for number, minutes in enumerate(patience_min)
    }
    return Sensor("east", "cell", series)


def live(region: Region, minutes: Iterable[int], away: Iterable[str] = ()) -> list[Alert]:
    """Let all be heard each minute but for some; returns the events of alerts."""
    return [event for minute in minutes for event in region.hear(minute, SENSORS.keys() - set(away))]


def said(events: Iterable[Alert]) -> list[tuple[str, str, str | None]]:
    return [(event.action, event.kind, event.subject) for event in events]


@pytest.mark.parametrize(
    ("sensors", "share", "needed"),
    [(2, 0.8, 3), (3, 0.8, 3), (5, 0.8, 4), (10, 0.8, 8), (10, 0.7, 7), (11, 0.7, 8)],
)
def test_how_many_are_most_is_what_a_person_would_compute(sensors: int, share: float, needed: int) -> None:
    assert enough(sensors, HealthConfig(feed_share=share)) == needed


def test_a_sensor_of_several_metrics_hurries_as_the_quickest_and_is_silent_as_the_slowest() -> None:
    some = sensor(20, 0, 8)
    assert some.patience_ms == 8 * MINUTE
    assert (some.doubtful_after(0), some.silent_after(0)) == (10 * MINUTE, 25 * MINUTE)
    assert some.slowest().patience_ms == 20 * MINUTE


def test_of_a_feed_from_which_half_are_gone_most_of_the_others_are_enough() -> None:
    names = [f"s-{number}" for number in range(10)]
    feed = Feed(set(names), set(names), silent=set(names[:4]), gone=set(names[5:]))
    found = fallen(feed, dict.fromkeys(names, sensor(8, 20)), 60 * MINUTE, HealthConfig())
    assert found == dict.fromkeys(names[:4], 40 * MINUTE), "up to when they were judged by"


def test_most_sensors_of_an_owner_are_its_feed_whoever_goes_on() -> None:
    region = Region()
    live(region, range(3))
    (raised,) = live(region, range(3, 300), MOST)
    assert (raised.kind, raised.subject, raised.starts_at) == ("feed_silent", "east", T0 + 2 * MINUTE)
    health = raised.evidence.health
    assert health is not None
    assert (health.sensors, health.of, health.heard) == (4, 5, ["e-4"])
    assert raised.summary == "nothing heard of 4 of the 5 sensors of east for 13 min"


def test_a_feed_whose_sensors_are_all_taken_as_removed_is_not_said_to_be_heard_again() -> None:
    region = Region()
    live(region, range(3))
    told = live(region, [*range(3, 60), *range(60, 101 * DAY, DAY // 2)], EAST)
    assert said(told) == [("raised", "feed_silent", "east"), ("cleared", "feed_silent", "east")]
    assert told[1].summary.startswith("none of its sensors is left; nothing heard of any of the 5 sensors")


def test_two_of_three_sensors_are_no_feed() -> None:
    region = Region()
    live(region, range(3))
    told = live(region, range(3, 40), ("s-0", "s-1"))
    assert said(told) == [("raised", "sensor_silent", "s-0"), ("raised", "sensor_silent", "s-1")]
    assert told[0].updated_at == T0 + (2 + 13) * MINUTE


def test_a_feed_is_back_when_half_of_its_sensors_are_and_the_others_have_time_to_be_too() -> None:
    region = Region()
    live(region, range(3))
    live(region, range(3, 60), MOST)
    assert live(region, range(60, 100), MOST - {"e-0"}) == []
    told = live(region, range(100, 140), MOST - {"e-0", "e-1"})
    assert said(told) == [
        ("cleared", "feed_silent", "east"),
        ("raised", "sensor_silent", "e-2"),
        ("raised", "sensor_silent", "e-3"),
    ]
    assert [event.updated_at for event in told] == [T0 + minute * MINUTE for minute in (100, 113, 113)]


def test_alerts_that_came_first_are_taken_over_by_the_feed() -> None:
    region = Region()
    live(region, range(3))
    assert said(live(region, range(3, 60), {"e-0"})) == [("raised", "sensor_silent", "e-0")]
    told = live(region, range(60, 300), MOST)
    assert said(told) == [("cleared", "sensor_silent", "e-0"), ("raised", "feed_silent", "east")]
    assert told[0].summary.startswith("so is the feed of east; nothing heard of e-0")


def test_whose_time_is_over_waits_while_most_others_are_overdue() -> None:
    region = Region()
    live(region, range(3))
    live(region, range(3, 9), {"e-0"})
    (raised,) = live(region, range(9, 60), MOST)
    assert (raised.kind, raised.starts_at) == ("feed_silent", T0 + 8 * MINUTE)


def test_whose_time_is_over_does_not_wait_when_the_others_were_only_late() -> None:
    region = Region()
    live(region, range(3))
    live(region, range(3, 9), {"e-0"})
    live(region, range(9, 17), MOST)
    (raised,) = live(region, range(17, 60), {"e-0"})
    assert (raised.subject, raised.updated_at) == ("e-0", T0 + 17 * MINUTE)


def test_whose_time_is_over_waits_for_no_longer_than_half_an_hour_or_its_patience_once_more() -> None:
    """From minute 74 on eight of ten are overdue, but the slowest are known to be silent at minute 152 only."""
    region, away = Region(), {"n-4", "n-9"}
    live(region, range(3))
    live(region, range(3, 60), away)
    away |= {"n-3", "n-8"}
    live(region, range(60, 70), away)
    away |= {"n-2", "n-5", "n-6", "n-7"}
    told = live(region, range(70, 130), away)
    assert {event.subject: event.updated_at for event in told} == {
        "n-3": T0 + 127 * MINUTE,
        "n-8": T0 + 127 * MINUTE,
        **dict.fromkeys(("n-2", "n-5", "n-6", "n-7"), T0 + 112 * MINUTE),
    }
    assert said(live(region, range(130, 200), away))[-1] == ("raised", "feed_silent", "north")


@pytest.mark.parametrize("crashing", [False, True])
def test_who_is_silent_alone_does_not_say_how_soon_the_others_should_speak(crashing: bool) -> None:
    """Six with a patience of 10 minutes are away; the other four speak every 20 minutes, as they may."""
    region, quick = Region(crashing), NORTH - {"n-3", "n-4", "n-8", "n-9"}
    live(region, range(3))
    told = []
    for minute in range(3, 300):
        told += live(region, (minute,), quick if minute % 20 == 9 else NORTH)
    assert said(told) == [("raised", "sensor_silent", name) for name in sorted(quick)]
    # When the others are silent too, they are the feed: after their own shortest patience, of 30 minutes.
    told = live(region, range(300, 400), NORTH)
    assert said(told)[-1] == ("raised", "feed_silent", "north")
    assert told[-1].updated_at == T0 + (289 + 38) * MINUTE


def test_who_has_been_silent_for_a_day_is_no_part_of_a_feed_that_falls_silent() -> None:
    region, old = Region(), {f"n-{number}" for number in range(6)}
    live(region, range(3))
    live(region, range(3, 200), old)
    live(region, range(200, 200 + DAY + 100, 5), old)
    start = 200 + DAY + 100
    told = live(region, range(start, start + 60, 1), old | {"n-6", "n-7"})
    assert said(told) == [("raised", "sensor_silent", "n-6"), ("raised", "sensor_silent", "n-7")]


def test_owners_whose_feeds_are_silent_at_once_are_an_alert_each() -> None:
    region = Region()
    live(region, range(3))
    told = live(region, range(3, 300), NORTH | SOUTH)
    assert said(told) == [("raised", "feed_silent", "north"), ("raised", "feed_silent", "south")]


@pytest.mark.parametrize("crashing", [False, True])
def test_who_was_gone_before_its_feed_fell_silent_is_given_no_time_when_the_feed_is_back(
    crashing: bool,
) -> None:
    region = Region(crashing)
    live(region, range(3))
    live(region, (60, 61, 62 + 2 * DAY), {"e-0"})
    start = 63 + 2 * DAY
    told = live(region, range(start, start + 30), EAST)
    assert said(told) == [("cleared", "sensor_silent", "e-0"), ("raised", "feed_silent", "east")]
    told = live(region, range(start + 30, start + 34), {"e-0"})
    assert said(told) == [("cleared", "feed_silent", "east"), ("raised", "sensor_silent", "e-0")]


@pytest.mark.parametrize("crashing", [False, True])
def test_who_is_missing_is_known_after_a_crash(crashing: bool) -> None:
    """Two of four are back, told one by one: whoever is not told of again is not missing for that."""
    region = Region(crashing)
    live(region, range(3))
    live(region, range(3, 60), MOST)
    for minute, name in ((60, "e-0"), (61, "n-0")):
        assert region.hear(minute, {name}) == []
    assert said(region.hear(62, {"e-1"})) == [("cleared", "feed_silent", "east")]
