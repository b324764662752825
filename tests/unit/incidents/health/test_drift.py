"""Sensors whose distance from their neighbours moves."""

import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from streams.incidents.health.drift import SETTLED, SPANS, Trail, residuals, step
from tests.pipeline import T0
from tests.sensor_road import Reading, SensorRoad

SPAN = 1_200_000
NAMES = tuple(f"s-{number:02}" for number in range(12))
PLACES = {name: (31.2 + number / 200, 121.5) for number, name in enumerate(NAMES)}
Field = Callable[[int, str], float]


def calm(seed: int = 1) -> Field:
    """Return what is measured by span and sensor: a day's wave that all share, a level of each, noise."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, (2_000, len(NAMES)))

    def at(span: int, name: str) -> float:
        number = NAMES.index(name)
        return 60 + 20 * math.sin(span / 72 * 2 * math.pi) + 3 * number % 7 + float(noise[span, number])

    return at


def follow(field: Field, spans: int) -> list[tuple[int, str, bool]]:
    """Return (span, sensor, whether it drifts) of each change."""
    trails: Mapping[str, Trail] = {name: Trail() for name in NAMES}
    found = []
    for span in range(spans):
        means = {name: field(span, name) for name in NAMES}
        for name in step(trails, span * SPAN, SPAN, means, residuals(means, PLACES)):
            found += [(span, name, trails[name].before is not None)]
    return found


@pytest.mark.parametrize("seed", range(5))
def test_a_city_whose_air_changes_as_a_whole_drifts_nowhere(seed: int) -> None:
    assert follow(calm(seed), 500) == []


@pytest.mark.parametrize("by", [6.0, -6.0])
def test_the_one_that_moves_away_is_found_and_no_other_and_cleared_when_it_is_mended(by: float) -> None:
    usual = calm()

    def field(span: int, name: str) -> float:
        return usual(span, name) + (by * (span - 50) if name == "s-05" and 50 <= span < 80 else 0)

    found = follow(field, 200)
    assert [(name, drifts) for _, name, drifts in found] == [("s-05", True), ("s-05", False)]
    assert 50 < found[0][0] <= 50 + SPANS
    assert found[1][0] == 80


@pytest.mark.parametrize("by", [6.0, -6.0])
@pytest.mark.parametrize("span_back", [80, 100])
def test_one_that_comes_back_as_slowly_as_it_went_is_told_once(by: float, span_back: int) -> None:
    usual = calm()

    def field(span: int, name: str) -> float:
        away = max(0, min(span - 50, 30, 30 + span_back - span))
        return usual(span, name) + (by * away if name == "s-05" else 0)

    found = follow(field, 300)
    assert [(name, drifts) for _, name, drifts in found] == [("s-05", True), ("s-05", False)]
    assert span_back < found[1][0] < span_back + 30


def test_one_that_came_home_and_goes_on_beyond_it_is_told_again() -> None:
    usual = calm()

    def field(span: int, name: str) -> float:
        away = min(span - 50, 110 - span) if span >= 50 else 0
        return usual(span, name) + (6 * max(away, -40) if name == "s-05" else 0)

    found = [(span, drifts) for span, name, drifts in follow(field, 150) if name == "s-05"]
    assert [drifts for _, drifts in found] == [True, False, True]
    assert 110 < found[2][0] <= 110 + SPANS


def test_a_level_that_has_changed_for_good_is_the_new_usual_after_a_day() -> None:
    usual = calm()

    def field(span: int, name: str) -> float:
        return usual(span, name) + (min(span - 50, 10) * 6 if name == "s-05" and span >= 50 else 0)

    found = follow(field, 400)
    assert [(name, drifts) for _, name, drifts in found] == [("s-05", True), ("s-05", False)]
    assert 60 + SETTLED - SPANS <= found[1][0] <= 70 + SETTLED


def test_a_single_leap_is_no_drift() -> None:
    usual = calm()
    assert follow(lambda span, name: usual(span, name) + 60 * (name == "s-05" and span >= 50), 70) == []


def test_a_residual_is_the_distance_from_the_median_of_the_nearest() -> None:
    means = dict.fromkeys(NAMES, 10.0) | {"s-00": 25.0, "s-11": -5.0}
    found = residuals(means, PLACES)
    assert (found["s-00"], found["s-11"], found["s-05"]) == (15.0, -15.0, 0.0)


def test_few_sensors_are_not_compared() -> None:
    assert residuals(dict.fromkeys(NAMES[:7], 1.0), PLACES) == {}


def test_the_whole_road_finds_it_and_a_crash_of_incidents_changes_nothing() -> None:
    usual = calm()

    def told(crash_at: frozenset[int]) -> list[tuple[str, str | None, int, str]]:
        road, events = SensorRoad(2), []
        for minute in range(0, 16 * 60, 5):
            span = minute // 20
            for name in NAMES:
                value = (
                    usual(span, name)
                    + minute % 20 / 10
                    + (0.3 * (minute - 480) if name == "s-05" and minute > 480 else 0)
                )
                lat, lon = PLACES[name]
                road.feed([Reading(name, "air", "pm25", round(value, 3), T0 + minute * 60_000, lat, lon)])
            events += road.checkpoint()
            if minute in crash_at:
                road.incidents.crash()
        return [(e.action, e.subject, e.updated_at, e.summary) for e in events if e.kind == "sensor_drifting"]

    expected = told(frozenset())
    assert [(action, subject) for action, subject, *_ in expected] == [("raised", "s-05")]
    assert expected[0][3].startswith("pm25 of s-05 of city has moved from ")
    assert told(frozenset(range(0, 960, 45))) == expected
