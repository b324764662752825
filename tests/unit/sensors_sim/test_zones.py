from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from sensors_sim.tables import Refused
from sensors_sim.zones import is_skipped, named_offset, span, zone_of

OSLO = ZoneInfo("Europe/Oslo")


def test_a_zone_is_found_by_its_name() -> None:
    assert zone_of("time_zone", "Europe/Oslo") is OSLO


@pytest.mark.parametrize(
    ("name", "near"),
    [("Europe/Olso", "Europe/Oslo"), ("Oslo", "Europe/Oslo"), ("../etc/passwd", "such as Europe/Oslo")],
)
def test_an_unknown_zone_is_refused_with_the_nearest_one(name: str, near: str) -> None:
    with pytest.raises(Refused) as caught:
        zone_of("time_zone", name)
    assert caught.value.value == name
    assert near in caught.value.rule


@pytest.mark.parametrize(
    ("hours", "name"), [(8, "UTC+8"), (-3.5, "UTC-3:30"), (5.75, "UTC+5:45"), (0, "UTC"), (-10, "UTC-10")]
)
def test_an_offset_has_a_name(hours: float, name: str) -> None:
    assert named_offset(datetime(2026, 3, 2, tzinfo=timezone(timedelta(hours=hours)))) == name


def test_times_between_which_clocks_are_changed_have_an_offset_each() -> None:
    """02:30 comes twice in Oslo on 25 October 2026."""
    times = [datetime(2026, 10, 24, hour, 30, tzinfo=UTC).astimezone(OSLO) for hour in (22, 23)]
    times += [datetime(2026, 10, 25, hour, 30, tzinfo=UTC).astimezone(OSLO) for hour in (0, 1, 4)]
    assert span(times[0], times[1]) == "00:30 to 01:30 UTC+2"
    assert span(times[0], times[1], usual="UTC+2") == "00:30 to 01:30"
    assert span(times[2], times[3], usual="UTC+2") == "02:30 UTC+2 to 02:30 UTC+1"
    assert span(times[3], times[4], "%d %H:%M", usual="UTC+2") == "25 02:30 to 25 05:30 UTC+1"


def test_a_time_is_skipped_where_clocks_are_put_forward_and_nowhere_else() -> None:
    skipped = [is_skipped(datetime(2026, 3, 29, hour, 30), OSLO) for hour in range(5)]
    assert skipped == [False, False, True, False, False]
    assert not is_skipped(datetime(2025, 10, 26, 2, 30), OSLO)
    assert not is_skipped(datetime(2026, 3, 29, 2, 30), UTC)
