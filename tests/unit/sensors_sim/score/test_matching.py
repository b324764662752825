import msgspec
import pytest

from sensors_sim.score.lives import AlertEvent, lives
from sensors_sim.score.matching import AFTER, BEFORE, EARLIER, GRACE_MS, judge
from sensors_sim.score.truth import Entry
from tests.unit.sensors_sim.score.truths import MINUTE, PARK, SQUARE, STATION, entry, events, life, truth


def test_an_alert_in_time_and_in_one_of_the_cells_finds_what_is_due() -> None:
    alert = life(12, SQUARE)
    found = judge(truth([entry(10, 20, STATION, SQUARE)]), [alert])
    assert found.true == (alert,)
    assert found.due[0].by == (alert,)
    assert found.due[0].delay_ms == 2 * MINUTE
    assert found.false == ()


@pytest.mark.parametrize("minute", [10, 20])
def test_both_ends_of_the_time_belong_to_it(minute: int) -> None:
    assert judge(truth([entry(10, 20, STATION)]), [life(minute, STATION)]).true


@pytest.mark.parametrize(
    "alert",
    [
        life(12, PARK),
        life(9, STATION),
        life(21, STATION),
        life(12, STATION, kind="anomaly"),
    ],
    ids=["elsewhere", "too early", "too late", "of another kind"],
)
def test_an_alert_that_is_not_due_is_false_and_finds_nothing(alert: object) -> None:
    found = judge(truth([entry(10, 20, STATION)]), [alert])  # type: ignore[list-item]
    assert found.due[0].by == ()
    assert found.due[0].delay_ms is None
    assert found.false == ((alert, None),)


def test_a_due_entry_with_a_subject_is_found_only_by_an_alert_about_it() -> None:
    asked = truth([entry(10, 20, STATION, kind="sensor_stuck", subject="air-1")])
    right = life(12, STATION, kind="sensor_stuck", subject="air-1")
    other = life(12, STATION, kind="sensor_stuck", subject="air-2")
    found = judge(asked, [right, other])
    assert found.true == (right,)
    assert [alert for alert, _ in found.false] == [other]


def test_without_cells_an_entry_speaks_of_everywhere() -> None:
    assert judge(truth([entry(10, 20, subject="bike-1")]), [life(12, PARK, subject="bike-1")]).true


def test_what_may_be_raised_is_neither_true_nor_false() -> None:
    near = entry(10, 20, SQUARE, why="near the threshold")
    alert = life(12, SQUARE)
    found = judge(truth([], may=[near]), [alert])
    assert found.tolerated == ((alert, near),)
    assert (found.true, found.false) == ((), ())


def test_what_is_due_goes_before_what_may_be() -> None:
    found = judge(truth([entry(10, 20, STATION)], may=[entry(0, 120, STATION)]), [life(12, STATION)])
    assert found.true
    assert not found.tolerated


def test_an_alert_that_was_tolerated_early_and_is_still_open_finds_what_comes_to_be_due_at_once() -> None:
    near, nearer = entry(5, 8, STATION), entry(7, 10, STATION, SQUARE)
    found = judge(truth([entry(10, 20, STATION)], may=[nearer, near]), [life(6, STATION, cleared=30)])
    assert found.due[0].delay_ms == 0
    assert found.true
    assert not found.tolerated


@pytest.mark.parametrize(
    "later", [entry(9, 10, STATION), entry(7, 10, SQUARE), entry(7, 10, STATION, kind="anomaly")]
)
def test_an_alert_that_is_still_open_after_it_was_tolerated_finds_nothing(later: Entry) -> None:
    asked = truth([entry(10, 20, STATION)], may=[entry(5, 8, STATION), later])
    found = judge(asked, [life(6, STATION)])
    assert not found.due[0].by
    assert len(found.tolerated) == 1


def test_an_alert_that_was_tolerated_early_and_cleared_too_soon_finds_nothing() -> None:
    asked = truth([entry(10, 20, STATION)], may=[entry(5, 10, STATION)])
    found = judge(asked, [life(6, STATION, cleared=9)])
    assert not found.due[0].by
    assert len(found.tolerated) == 1


def test_an_alert_that_was_wrong_when_it_was_raised_does_not_become_right_by_staying_open() -> None:
    found = judge(truth([entry(10, 20, STATION)]), [life(2, STATION)])
    assert not found.due[0].by
    assert len(found.false) == 1


def test_one_alert_may_find_two_entries_and_two_may_find_one() -> None:
    asked = truth([entry(10, 20, STATION), entry(11, 30, STATION, SQUARE)])
    first, second = life(12, STATION), life(14, SQUARE)
    found = judge(asked, [second, first])
    assert [due.by for due in found.due] == [(first,), (first, second)]
    assert found.true == (first, second)


def test_a_false_alarm_names_the_silence_that_it_broke() -> None:
    quiet = entry(0, 120, kind="*", why="a quiet day")
    alert = life(12, PARK)
    assert judge(truth([], silent=[quiet]), [alert]).false == ((alert, quiet),)


def test_alerts_outside_the_scenario_or_older_than_the_run_are_not_judged() -> None:
    before, after, old = life(-1, STATION), life(126, STATION), life(12, STATION)
    late = life(120 + GRACE_MS // MINUTE, SQUARE)
    found = judge(truth([entry(10, 20, STATION)]), [before, after, old, late], earlier={old.alert_id})
    assert dict(found.not_judged) == {before: BEFORE, after: AFTER, old: EARLIER}
    assert [alert for alert, _ in found.false] == [late]
    assert not found.due[0].by


def test_what_holds_at_the_end_of_the_scenario_holds_on_through_the_grace() -> None:
    asked = truth([entry(100, 120, STATION)], may=[entry(100, 120, SQUARE), entry(100, 119, PARK)])
    found = judge(asked, [life(122, STATION), life(122, SQUARE), life(122, PARK)])
    assert [due.entry.end for due in found.due] == [120 * MINUTE]
    assert [alert.cell for alert in found.true] == [STATION]
    assert [alert.cell for alert, _ in found.tolerated] == [SQUARE]
    assert [alert.cell for alert, _ in found.false] == [PARK]


def test_what_had_no_time_to_show_when_a_run_was_cut_short_is_only_tolerated() -> None:
    over, begun, to_come = entry(10, 20, STATION), entry(25, 40, SQUARE), entry(50, 60, PARK)
    cut = truth([over, begun, to_come]).until(30 * MINUTE)
    assert (cut.due, cut.may, cut.end) == ((over,), (begun,), 30 * MINUTE)
    assert truth([over]).until(200 * MINUTE) == truth([over])


def test_an_alert_is_put_together_from_its_events_in_any_order_and_with_repeats() -> None:
    told = events(12, STATION, 30)
    told[0] = msgspec.structs.replace(told[0], severity="minor", summary="66 bikes in a cell for 60")
    worse = AlertEvent(
        told[0].alert_id, 1, "updated", "oversaturation", 14 * MINUTE, STATION, severity="critical"
    )
    told[1] = AlertEvent(
        told[0].alert_id, 2, "cleared", "oversaturation", 30 * MINUTE, STATION, severity="critical"
    )
    (found,) = lives([told[1], worse, told[0], worse])
    assert (found.raised_at, found.cleared_at) == (12 * MINUTE, 30 * MINUTE)
    assert (found.severity, found.summary) == ("minor", "66 bikes in a cell for 60")  # as it was raised
    assert not found.open_at(30 * MINUTE)
    assert found.open_at(12 * MINUTE)
