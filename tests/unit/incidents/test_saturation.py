"""Hysteresis, minimum duration and severity of one cell. Capacity 60: raised at 60, cleared below 48."""

from dataclasses import replace

import pytest

from schemas.alerts import Severity
from streams.incidents.policy import Rule
from streams.incidents.saturation import Watch, severity, step

RULE = Rule("default", 60, 1.0, 0.8, 120_000)
AT_ONCE = replace(RULE, min_duration_ms=0)


def seen(*looks: tuple[int, int], rule: Rule = RULE) -> list[Severity | None]:
    """Return the severity after each look (second, occupancy); None while no alert is open."""
    watch, severities = Watch(), []
    for second, occupancy in looks:
        watch = step(watch, occupancy, second * 1000, rule)
        severities.append(watch.severity)
    return severities


def test_it_is_raised_when_the_threshold_was_held_for_the_minimum_duration() -> None:
    """
    second      0    60   119  120
    occupancy   60   75   60   60
                ^since         ^raised
    """
    assert seen((0, 60), (60, 75), (119, 60), (120, 60)) == [None, None, None, "minor"]


def test_one_look_below_the_threshold_starts_the_duration_anew() -> None:
    """
    second      0    100  110  120  230
    occupancy   60   59   60   60   60
                          ^since    ^raised
    """
    assert seen((0, 60), (100, 59), (110, 60), (120, 60), (230, 60)) == [None, None, None, None, "minor"]


def test_between_the_thresholds_an_open_alert_stays_and_a_closed_one_does_not_open() -> None:
    """
    raise_at 60  - - - - - - -
    occupancy       60  59 48   47   48 59
    clear below 48 - - - - - - -
    open            |========|
    """
    looks = [(0, 60), (1, 59), (2, 48), (3, 47), (4, 48), (5, 59)]
    assert seen(*looks, rule=AT_ONCE) == ["minor", "minor", "minor", None, None, None]


@pytest.mark.parametrize(
    ("occupancy", "expected"),
    [(60, "minor"), (89, "minor"), (90, "major"), (119, "major"), (120, "critical")],
)
def test_severity_grows_at_one_and_a_half_times_and_at_twice_the_threshold(
    occupancy: int, expected: str
) -> None:
    assert severity(occupancy, RULE) == expected


def test_severity_rises_at_once_and_falls_a_tenth_below_where_it_rose() -> None:
    """
    critical 120 - - - -+-----+- - - - - - - - - -
             108 - - - -|- - -|- -+ - - - - - - -
    major     90 - -+===        ..|===+ - - - - -
              81 - -|- - - - - - - - -|- + - - -
    minor     60 -+=                     |===+
    """
    looks = [(0, 60), (1, 95), (2, 120), (3, 119), (4, 108), (5, 107), (6, 81), (7, 80), (8, 89), (9, 90)]
    assert seen(*looks, rule=AT_ONCE) == [
        *("minor", "major", "critical", "critical", "critical"),
        *("major", "major", "minor", "minor", "major"),
    ]


def test_severity_falls_by_two_at_once_and_anew_after_clearing() -> None:
    looks = [(0, 130), (1, 50), (2, 47), (3, 60)]
    assert seen(*looks, rule=AT_ONCE) == ["critical", "minor", None, "minor"]


def test_a_severity_does_not_flap_around_its_bound() -> None:
    looks = [(second, 90 - second % 2) for second in range(20)]
    assert set(seen(*looks, rule=AT_ONCE)) == {"major"}


def test_the_moment_it_began_is_kept_while_it_waits_and_while_it_is_open() -> None:
    watch = step(Watch(), 60, 1_000, RULE)
    assert watch == Watch(since=1_000)
    watch = step(step(watch, 61, 60_000, RULE), 62, 121_000, RULE)
    assert watch == Watch(since=1_000, severity="minor")
    assert step(watch, 200, 130_000, RULE).since == 1_000


def test_a_cell_with_nothing_the_matter_is_quiet() -> None:
    assert step(Watch(), 59, 0, RULE).quiet
    assert not step(Watch(), 60, 0, RULE).quiet
    assert step(Watch(since=0, severity="minor"), 0, 1, RULE).quiet


@pytest.mark.parametrize("capacity", [1, 2, 3, 10, 61, 1_000])
@pytest.mark.parametrize(("raise_ratio", "clear_ratio"), [(1.0, 0.8), (1.2, 1.1), (0.5, 0.01), (3.0, 2.9)])
def test_an_alert_can_be_raised_and_can_be_cleared(
    capacity: int, raise_ratio: float, clear_ratio: float
) -> None:
    """Also where a cell holds one bike: an empty cell is not oversaturated."""
    rule = Rule("z", capacity, raise_ratio, clear_ratio, 0)
    assert seen((0, 10 * capacity), (1, 0), rule=rule) == ["critical", None]
    assert rule.clear_below <= rule.raise_at


@pytest.mark.parametrize(
    ("capacity", "ratio", "threshold"),
    [(100, 1.1, 110), (100, 1.15, 115), (50, 1.02, 51), (10, 1.05, 11), (3, 1.0, 3)],
)
def test_the_threshold_is_what_a_person_would_compute(capacity: int, ratio: float, threshold: int) -> None:
    """100 x 1.1 is 110.00000000000001 to a computer."""
    assert Rule("z", capacity, ratio, 0.1, 0).raise_at == threshold


@pytest.mark.parametrize(
    ("capacity", "ratio", "threshold"), [(100, 0.29, 29), (100, 0.57, 57), (60, 0.8, 48)]
)
def test_the_lower_threshold_is_what_a_person_would_compute(
    capacity: int, ratio: float, threshold: int
) -> None:
    assert Rule("z", capacity, 1.0, ratio, 0).clear_below == threshold
