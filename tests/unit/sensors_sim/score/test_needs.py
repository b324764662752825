"""What a system raises only if it was told to, or has the time to: a score without it says why."""

import math

import pytest

from sensors_sim.score.matching import judge
from sensors_sim.score.needs import too_fast, unmet
from tests.unit.sensors_sim.score.truths import STATION, entry, life, truth


def test_a_kind_that_is_off_by_default_is_named_where_it_was_due_and_none_came() -> None:
    due = [
        entry(10, 20, STATION, kind="anomaly"),
        entry(30, 40, STATION, kind="anomaly"),
        entry(10, 20, STATION),
    ]
    (note,) = unmet(judge(truth(due), []))
    assert note.startswith("no alert of kind anomaly came, but 2 were due: ")
    assert "UB_ANOMALY_DETECTOR" in note


def test_nothing_is_said_where_one_came_be_it_a_false_one_or_where_none_was_due() -> None:
    due = [entry(10, 20, STATION, kind="speeding")]
    assert not list(unmet(judge(truth(due), [life(15, STATION, kind="speeding")])))
    assert not list(unmet(judge(truth(due), [life(50, STATION, kind="speeding")])))
    assert not list(unmet(judge(truth([]), [])))


@pytest.mark.parametrize(("speed", "said"), [(480.0, True), (math.inf, True), (100.0, True), (75.0, False)])
def test_a_silence_of_requests_that_is_missed_at_too_high_a_speed_is_put_down_to_it(
    speed: float, said: bool
) -> None:
    silence = entry(0, 300, kind="feed_silent", subject="requests")
    notes = list(too_fast(judge(truth([silence]), []), speed))
    assert len(notes) == said
    if speed == 480.0:
        (note,) = notes
        assert "at 480 times real time" in note
        assert "240 min" in note
        assert "--speed 75" in note
    if speed == math.inf:
        assert "which is all of it; run it at --speed 75 or less" in notes[0]


def test_a_silence_that_was_found_or_is_not_that_of_requests_is_not_put_down_to_the_speed() -> None:
    requests = entry(0, 300, kind="feed_silent", subject="requests")
    found = judge(truth([requests]), [life(100, STATION, kind="feed_silent", subject="requests")])
    assert not list(too_fast(found, 480.0))
    operator = entry(0, 300, kind="feed_silent", subject="hello")
    assert not list(too_fast(judge(truth([operator]), []), 480.0))


@pytest.mark.parametrize(
    ("kind", "speed", "said"),
    [
        ("sensor_silent", 300.0, True),
        ("feed_silent", 300.0, True),
        ("sensor_silent", math.inf, True),
        ("sensor_silent", 120.0, False),
        ("sensor_stuck", 300.0, False),
    ],
)
def test_silences_of_sensors_that_are_over_within_half_a_minute_are_put_down_to_the_speed(
    kind: str, speed: float, said: bool
) -> None:
    due = [entry(0, 90, kind=kind, subject="crowd-00001"), entry(0, 60, kind=kind, subject="crowd-00000")]
    notes = list(too_fast(judge(truth(due), []), speed))
    assert len(notes) == (1 if said else 0)
    if said and speed == 300.0:
        assert "silence of crowd-00000 (and 1 more) was missed: it lasts 60 min" in notes[0]
        assert "150 min at 300 times real time; run it at --speed 15 or less" in notes[0]
