"""What a system raises only if it was told to: a score without it says why."""

from sensors_sim.score.matching import judge
from sensors_sim.score.needs import unmet
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
