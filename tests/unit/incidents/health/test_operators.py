"""Operators whose vehicles say nothing, and rules on too few of them meanwhile."""

from random import Random
from typing import Any

import pytest

from schemas import codec
from schemas.alerts import Alert
from schemas.cells import CellsHealth, CellsWindow, ClosedWindows
from streams.fold.contract import Restored
from streams.incidents.health.book import HealthBook
from streams.incidents.health.cases import Cases
from streams.incidents.health.config import HealthConfig
from streams.incidents.health.operators import Operators
from streams.incidents.lifecycle import Place
from streams.incidents.messages import FlowRows, Windows
from streams.incidents.state import IncidentsState
from tests.unit.incidents.counts import mds
from tests.unit.incidents.counts.folding import REGION, Counted
from tests.unit.incidents.counts.mds import cell_at
from tests.unit.incidents.counts.test_count_alerts import MINUTE, MONDAY, A, B, bikes, policy, policy_of, rule
from tests.work import lines_run


class Watched(Counted):
    """A fold that watches the health of feeds besides the rules."""

    health = HealthConfig()

    def open(self, start: Restored) -> IncidentsState:
        centre = lambda cell: mds.centre(f"{cell:012x}")  # noqa: E731
        return IncidentsState(self.policy, centre, start, health=self.health)

    def close(self, minute: int, *operators: str, now: int = 0) -> list[Alert]:
        """Close a window in which these operators' vehicles reported, and let time go on to its end.

        Or to that of minute `now`, if their partition is behind.
        """
        n = len(operators)
        at = MONDAY + minute * MINUTE
        rows = ClosedWindows([at] * n, [A] * n, list(operators), [5] * n, [0] * n, [0] * n, [9] * n, [0] * n)
        told = self.fold_bytes(codec.encode(CellsWindow(REGION, at + MINUTE, MINUTE, rows)))
        now = max(now, minute) * MINUTE + MONDAY + MINUTE
        time = CellsHealth(REGION, now, now, -1, 0, -1, None)
        return told + self.fold_bytes(codec.encode(time)) + self.look(now)


def fleet(*rules: Any, **fields: Any) -> Watched:
    return Watched(policy_of(policy(1, *rules, **fields)))


def said(events: list[Alert]) -> list[tuple[str, str, str | None]]:
    return [(event.action, event.kind, event.subject) for event in events]


def test_an_operator_without_positions_is_one_alert_where_its_vehicles_were() -> None:
    fold = fleet(rule(7, 1, maximum=1_000))
    for minute in range(40):
        assert fold.close(minute, "hello", "mobike") == []
    told = [event for minute in range(40, 60) for event in fold.close(minute, "mobike")]
    (raised,) = told
    assert said(told) == [("raised", "feed_silent", "hello")]
    assert (raised.cell, raised.starts_at) == (A, MONDAY + 40 * MINUTE)
    assert 10 * MINUTE < raised.updated_at - raised.starts_at <= 12 * MINUTE
    assert raised.evidence.health is not None
    assert raised.evidence.health.feed == "vehicles"
    assert raised.evidence.by_operator == {"hello": 0}, "whoever follows alerts of an operator hears of it"
    assert raised.summary == "no positions of any vehicle of hello for 11 min"
    (cleared,) = fold.close(60, "hello", "mobike")
    assert (cleared.action, cleared.alert_id) == ("cleared", raised.alert_id)


@pytest.mark.parametrize("crashes", [False, True])
def test_an_operator_whose_partition_catches_up_is_silent_once_until_it_is_up_to_date(crashes: bool) -> None:
    """
    mobike  0 ........ 40 ........ 100 .. 120
    hello   0 ........ 40                        its partition stands still, and comes back at 100:
                       40 .. 53 .. 66 ..... 120  13 minutes of it for each of mobike's
    """
    fold = fleet(rule(7, 1, maximum=1_000))
    for minute in range(40):
        fold.close(minute, "hello", "mobike")
    told = [event for minute in range(40, 100) for event in fold.close(minute, "mobike")]
    behind = 40
    for minute in range(100, 120):
        told += fold.close(minute, "mobike")
        while behind <= min(minute, 40 + 13 * (minute - 100)):
            told += fold.close(behind, "hello", now=minute)
            behind += 1
        if crashes:
            fold.checkpoint()
            told += fold.crash()
    assert said(told) == [("raised", "feed_silent", "hello"), ("cleared", "feed_silent", "hello")]


@pytest.mark.parametrize("crashes", [False, True])
@pytest.mark.parametrize(("pause", "minutes"), [(1, 2), (2, 3), (4, 6), (5, 6)])
def test_an_operator_whose_partition_catches_up_with_pauses_is_silent_once(
    pause: int, minutes: int, crashes: bool
) -> None:
    """So many `minutes` come at once, and then there is a pause: what is heard crosses the patience again and again."""
    fold = fleet(rule(7, 1, maximum=1_000))
    for minute in range(40):
        fold.close(minute, "hello", "mobike")
    told = [event for minute in range(40, 100) for event in fold.close(minute, "mobike")]
    behind = 40
    for minute in range(100, 500):
        told += fold.close(minute, "mobike")
        while behind <= min(minute, 40 + (minute - 100) // pause * minutes):
            told += fold.close(behind, "hello", now=minute)
            behind += 1
        if crashes and minute % 3 == 0:
            fold.checkpoint()
            told += fold.crash()
    assert behind == 500
    assert said(told) == [("raised", "feed_silent", "hello"), ("cleared", "feed_silent", "hello")]


def test_how_far_an_operator_was_behind_outlives_a_crash_in_a_pause() -> None:
    def told(heard: int, *, crash: bool) -> list[tuple[str, str, str | None]]:
        fold = fleet(rule(7, 1, maximum=1_000))
        for minute in range(40):
            fold.close(minute, "hello", "mobike")
        for minute in range(40, 100):
            fold.close(minute, "mobike")
        fold.close(60, "hello", now=100)
        fold.checkpoint()
        fold.close(105, "mobike")
        fold.checkpoint()
        if crash:
            fold.crash()
        return said(fold.close(heard, "hello", now=105))

    calm = [told(heard, crash=False) for heard in range(70, 106)]
    assert [] in calm
    assert [("cleared", "feed_silent", "hello")] in calm
    assert [told(heard, crash=True) for heard in range(70, 106)] == calm


def test_an_operator_that_is_behind_by_less_than_its_patience_for_good_is_not_silent_for_good() -> None:
    fold = fleet(rule(7, 1, maximum=1_000))
    for minute in range(40):
        fold.close(minute, "hello", "mobike")
    told = [event for minute in range(40, 100) for event in fold.close(minute, "mobike")]
    for minute in range(100, 130):
        told += fold.close(minute, "mobike")
        told += fold.close(minute - 8, "hello", now=minute)
    assert said(told) == [("raised", "feed_silent", "hello"), ("cleared", "feed_silent", "hello")]


def test_an_operator_whose_partition_catches_up_and_says_that_all_have_left_is_not_silent() -> None:
    fold = fleet(rule(7, 1, maximum=1_000))
    fold.look(MONDAY, (A, "hello", bikes(9)), (A, "mobike", bikes(9)))
    for minute in range(40):
        fold.close(minute, "hello", "mobike")
    told = [event for minute in range(40, 100) for event in fold.close(minute, "mobike")]
    assert said(told) == [("raised", "feed_silent", "hello")]
    fold.look(MONDAY + 100 * MINUTE, (A, "hello", bikes()))
    assert said(fold.close(45, "hello", now=100)) == [("cleared", "feed_silent", "hello")]
    assert [event for minute in range(101, 130) for event in fold.close(minute, "mobike")] == []


@pytest.mark.parametrize("crashes", [False, True])
@pytest.mark.parametrize(
    ("left", "silent"),
    [
        ((0, 0, 0, 0, 0), False),
        ((0, 0, 0, 0, 3), False),  # their operator does not hear of them either
        ((0, 1, 0, 0, 0), True),
        ((0, 0, 0, 1, 0), True),
    ],
)
def test_an_operator_whose_vehicles_have_all_left_the_region_is_not_silent(
    left: tuple[int, ...], silent: bool, crashes: bool
) -> None:
    """Lorries took them away, at night, from the corner of a city that lies in the next region."""
    fold = fleet(rule(7, 1, maximum=1_000))
    fold.look(MONDAY, (A, "hello", bikes(9)), (B, "hello", bikes(2)), (A, "mobike", bikes(9)))
    for minute in range(40):
        assert fold.close(minute, "hello", "mobike") == []
    fold.look(MONDAY + 40 * MINUTE, (A, "hello", left), (B, "hello", bikes()))
    if crashes:
        fold.checkpoint()
        fold.crash()
    told = [event for minute in range(40, 60) for event in fold.close(minute, "mobike")]
    assert said(told) == ([("raised", "feed_silent", "hello")] if silent else [])
    back = fold.look(MONDAY + 60 * MINUTE, (A, "hello", bikes(1))) + fold.close(60, "hello", "mobike")
    assert said(back) == ([("cleared", "feed_silent", "hello")] if silent else [])
    told = [event for minute in range(61, 90) for event in fold.close(minute, "mobike")]
    assert said(told) == [("raised", "feed_silent", "hello")], "it has one there again"


@pytest.mark.parametrize("crashes", [False, True])
@pytest.mark.parametrize("at_once", [False, True])
def test_an_operator_whose_vehicles_come_back_is_not_silent_and_has_learned_no_pause(
    at_once: bool, crashes: bool
) -> None:
    """They were away for an hour, twice, and are there before the window closes in which they report, or with it."""
    fold = fleet(rule(7, 1, maximum=1_000))
    fold.look(MONDAY, (A, "hello", bikes(9)), (A, "mobike", bikes(9)))
    told = [event for minute in range(40) for event in fold.close(minute, "hello", "mobike")]

    def may_crash() -> list[Alert]:
        if not crashes:
            return []
        fold.checkpoint()
        return fold.crash()

    for left in (40, 120):
        told += may_crash()
        told += fold.look(MONDAY + left * MINUTE, (A, "hello", bikes()))
        told += [event for minute in range(left, left + 60) for event in fold.close(minute, "mobike")]
        back = left + 60
        told += may_crash()
        told += fold.look(MONDAY + back * MINUTE + 20_000, (A, "hello", bikes(3)))
        told += may_crash()
        if not at_once:
            told += fold.close(back - 1, "mobike", now=back - 1)
            told += may_crash()
        told += [
            event for minute in range(back, left + 80) for event in fold.close(minute, "hello", "mobike")
        ]
    assert told == []
    silent = [event for minute in range(200, 212) for event in fold.close(minute, "mobike")]
    assert said(silent) == [("raised", "feed_silent", "hello")]


@pytest.mark.parametrize("crashes", [False, True])
@pytest.mark.parametrize("judged_until", [40, 41, 60, 79])
def test_an_operator_whose_vehicles_were_away_while_time_leapt_is_not_silent(
    judged_until: int, crashes: bool
) -> None:
    """A worker that was held up takes in that they left, and that they are back, with few judgements in between."""
    fold = fleet(rule(7, 1, maximum=1_000))
    fold.look(MONDAY, (A, "hello", bikes(3)), (A, "mobike", bikes(9)))
    for minute in range(40):
        assert fold.close(minute, "hello", "mobike") == []
    told = fold.look(MONDAY + 40 * MINUTE, (A, "hello", bikes()))
    told += [event for minute in range(40, judged_until) for event in fold.close(minute, "mobike")]
    if crashes:
        fold.checkpoint()
        fold.crash()
    told += fold.look(MONDAY + 80 * MINUTE, (A, "hello", bikes(1)))
    told += fold.close(80, "mobike")
    assert said(told) == []


@pytest.mark.parametrize("crashes", [False, True])
def test_an_operator_that_is_not_heard_after_its_vehicles_came_back_is_silent_since_then(
    crashes: bool,
) -> None:
    """A late position brought one back."""
    fold = fleet(rule(7, 1, maximum=1_000))
    fold.look(MONDAY, (A, "hello", bikes(9)), (A, "mobike", bikes(9)))
    for minute in range(40):
        fold.close(minute, "hello", "mobike")
    fold.look(MONDAY + 40 * MINUTE, (A, "hello", bikes()))
    told = [event for minute in range(40, 100) for event in fold.close(minute, "mobike")]
    fold.checkpoint()
    told += fold.look(MONDAY + 100 * MINUTE, (A, "hello", bikes(1)))
    told += fold.close(100, "mobike")
    if crashes:
        fold.checkpoint()
        told += fold.crash()
    told += [event for minute in range(101, 120) for event in fold.close(minute, "mobike")]
    assert said(told) == [("raised", "feed_silent", "hello")]
    assert told[0].starts_at == MONDAY + 101 * MINUTE
    assert 10 * MINUTE < told[0].updated_at - told[0].starts_at <= 12 * MINUTE


@pytest.mark.parametrize("crashes", [False, True])
def test_an_operator_whose_vehicles_were_taken_as_missing_and_who_catches_up_slowly_is_silent_once(
    crashes: bool,
) -> None:
    """
    mobike  0 ........ 40 ........ 70 ......... 100 .. 120
    hello   0 ........ 40   silent
                                   all missing  there again
                                                40 .. 44 .. 48 ...  four minutes of it for each of mobike's
    """
    fold = fleet(rule(7, 1, maximum=1_000))
    fold.look(MONDAY, (A, "hello", bikes(9)), (A, "mobike", bikes(9)))
    for minute in range(40):
        fold.close(minute, "hello", "mobike")
    told = [event for minute in range(40, 70) for event in fold.close(minute, "mobike")]
    told += fold.look(MONDAY + 70 * MINUTE, (A, "hello", bikes()))
    told += [event for minute in range(70, 100) for event in fold.close(minute, "mobike")]
    told += fold.look(MONDAY + 100 * MINUTE, (A, "hello", bikes(9)))
    behind = 40
    for minute in range(100, 125):
        told += fold.close(minute, "mobike")
        while behind <= min(minute, 40 + 4 * (minute - 100)):
            told += fold.close(behind, "hello", now=minute)
            behind += 1
        if crashes:
            fold.checkpoint()
            told += fold.crash()
    assert said(told) == [("raised", "feed_silent", "hello"), ("cleared", "feed_silent", "hello")]
    assert told[1].updated_at > MONDAY + 110 * MINUTE, "when it is up to date"


def test_an_operator_of_whom_one_late_position_is_heard_is_silent_once() -> None:
    """All of its vehicles were taken as missing meanwhile; the position brings one back."""
    fold = fleet(rule(7, 1, maximum=1_000))
    fold.look(MONDAY, (A, "hello", bikes(9)), (A, "mobike", bikes(9)))
    for minute in range(40):
        fold.close(minute, "hello", "mobike")
    told = [event for minute in range(40, 70) for event in fold.close(minute, "mobike")]
    told += fold.look(MONDAY + 70 * MINUTE, (A, "hello", bikes()))
    told += [event for minute in range(70, 100) for event in fold.close(minute, "mobike")]
    told += fold.look(MONDAY + 100 * MINUTE, (A, "hello", bikes(1)))
    told += fold.close(45, "hello", now=100)
    told += [event for minute in range(101, 130) for event in fold.close(minute, "mobike")]
    assert said(told) == [("raised", "feed_silent", "hello")]


def test_an_operator_that_reports_now_and_then_is_given_time() -> None:
    fold = fleet(rule(7, 1, maximum=1_000))
    for minute in range(400):
        assert fold.close(minute, *(("rare",) if minute % 10 == 0 else ()), "mobike") == []


def test_an_operator_that_says_nothing_for_a_month_is_gone_and_forgotten() -> None:
    fold = fleet(rule(7, 1, maximum=1_000))
    for minute in range(40):
        fold.close(minute, "hello", "mobike")
    [raised] = [event for minute in range(40, 55) for event in fold.close(minute, "mobike")]
    fold.checkpoint()
    assert [name for name in fold.database.parts["incidents"] if "hello" in name]
    month = HealthConfig().forget_ms // MINUTE
    assert fold.close(month + 39, "mobike") == []
    [cleared] = fold.close(month + 40, "mobike")
    assert (cleared.alert_id, cleared.action) == (raised.alert_id, "cleared")
    assert cleared.summary.startswith("taken as gone for good")
    fold.checkpoint()
    assert not [name for name in fold.database.parts["incidents"] if "hello" in name]


class Forgetful(Watched):
    """The same, for which an hour is what a month is for others."""

    health = HealthConfig(forget_ms=60 * MINUTE)


def test_an_operator_with_long_pauses_is_told_before_it_is_forgotten() -> None:
    fold, minute = Forgetful(policy_of(policy(1, rule(7, 1, maximum=1_000)))), 0
    for minute in range(40 * 30 + 1):
        assert fold.close(minute, *(("rare",) if minute % 30 == 0 else ()), "mobike") == []
    raised, cleared = [
        event for later in range(minute + 1, minute + 400) for event in fold.close(later, "mobike")
    ]
    assert said([raised, cleared]) == [("raised", "feed_silent", "rare"), ("cleared", "feed_silent", "rare")]
    assert raised.updated_at - raised.starts_at > 60 * MINUTE
    assert cleared.summary.startswith("taken as gone for good")
    assert cleared.updated_at - raised.updated_at == 15 * MINUTE


def test_a_silent_operator_is_known_as_such_after_a_crash() -> None:
    fold = fleet(rule(7, 1, minimum=5))
    fold.look(MONDAY, (A, "hello", bikes(6)))
    for minute in range(55):
        fold.close(minute, *(("hello",) if minute < 40 else ()), "mobike")
    fold.checkpoint()
    fold.crash()
    told = fold.look(MONDAY + 56 * MINUTE, (A, "hello", bikes(1))) + fold.look(MONDAY + 60 * MINUTE)
    assert told == []


def test_too_few_of_a_silent_operator_are_not_told_until_it_speaks_again() -> None:
    fold = fleet(rule(7, 1, minimum=5))
    fold.look(MONDAY, (A, "hello", bikes(6)))
    for minute in range(40):
        fold.close(minute, "hello", "mobike")
    silent = [event for minute in range(40, 55) for event in fold.close(minute, "mobike")]
    assert said(silent) == [("raised", "feed_silent", "hello")]
    assert fold.look(MONDAY + 56 * MINUTE, (A, "hello", bikes(1))) == []
    assert [event for minute in range(56, 75) for event in fold.close(minute, "mobike")] == []
    assert said(fold.close(75, "hello", "mobike")) == [("cleared", "feed_silent", "hello")]
    (few,) = fold.look(MONDAY + 78 * MINUTE)
    assert (few.kind, few.starts_at) == (
        "too_few",
        MONDAY + 76 * MINUTE,
    )  # counted from when it is known again


@pytest.mark.parametrize("speaks", [True, False])
def test_too_many_of_a_silent_operator_are_told_with_that_it_is_silent(speaks: bool) -> None:
    fold = fleet(rule(7, 1, maximum=10))
    fold.look(MONDAY, (A, "hello", bikes(6)), (A, "mobike", bikes(2)))
    for minute in range(40):
        fold.close(minute, "hello", "mobike")
    for minute in range(40, 55):
        fold.close(minute, *(("hello",) if speaks else ()), "mobike")
    fold.look(MONDAY + 56 * MINUTE, (A, "mobike", bikes(9)))
    [told] = fold.look(MONDAY + 59 * MINUTE)
    assert told.kind == "too_many"
    assert told.evidence.rule is not None
    assert told.evidence.rule.unheard == ([] if speaks else ["hello"])
    silent = ", nothing is heard of hello: counted where they were last"
    assert told.summary.endswith(silent) is not speaks


def test_an_open_alert_on_too_few_stays_while_the_operator_is_silent() -> None:
    fold = fleet(rule(7, 1, minimum=5))
    fold.look(MONDAY, (A, "hello", bikes(1)))
    told = [event for minute in range(40) for event in fold.close(minute, "hello", "mobike")]
    assert [event.kind for event in told] == ["too_few"]
    for minute in range(40, 55):
        fold.close(minute, "mobike")
    assert fold.look(MONDAY + 56 * MINUTE, (A, "hello", bikes(9))) == []
    events = said(fold.close(57, "hello", "mobike"))
    assert [event[:2] for event in events] == [("cleared", "feed_silent"), ("cleared", "too_few")]


def test_a_rule_on_too_few_that_is_over_is_so_whoever_is_silent() -> None:
    fold = fleet(rule(7, 1, minimum=5, start_time="00:00:00", end_time="00:53:59"))
    fold.look(MONDAY, (A, "hello", bikes(1)))
    told = [event for minute in range(40) for event in fold.close(minute, "hello", "mobike")]
    assert [event.kind for event in told] == ["too_few"]
    told = [event for minute in range(40, 55) for event in fold.close(minute, "mobike")]
    assert [event[:2] for event in said(told)] == [("raised", "feed_silent"), ("cleared", "too_few")]
    assert told[-1].summary.startswith("the rule is not in effect any more; ")


@pytest.mark.parametrize("silent", ["hello", "mobike"])
def test_a_rule_in_per_cent_is_held_back_for_the_silent_operator_alone(silent: str) -> None:
    """One of nine bikes of mobike is left in the area where half of them should be."""
    fold = fleet(rule(7, 1, minimum=50, rule_units="percent"))
    fold.look(MONDAY, (A, "hello", bikes(9)), (A, "mobike", bikes(9)))
    heard = "hello" if silent == "mobike" else "mobike"
    for minute in range(40):
        assert fold.close(minute, "hello", "mobike") == []
    told = [event for minute in range(40, 55) for event in fold.close(minute, heard)]
    assert said(told) == [("raised", "feed_silent", silent)]
    fold.look(MONDAY + 55 * MINUTE, (A, "mobike", bikes(1)), (cell_at(50, 50), "mobike", bikes(8)))
    told = [event for minute in range(56, 65) for event in fold.close(minute, heard)]
    assert [event.kind for event in told] == (["too_few"] if silent == "hello" else [])


@pytest.mark.parametrize("operators", [["other"], None])
def test_only_rules_that_count_the_silent_operator_are_held_back(operators: list[str] | None) -> None:
    fields = {} if operators is None else {"provider_ids": operators}
    fold = fleet(rule(7, 1, minimum=5), **fields)
    for minute in range(40):
        fold.close(minute, "hello", "mobike")
    fold.look(MONDAY + 40 * MINUTE, (A, "other", bikes(9)), (B, "other", bikes(0)))
    for minute in range(40, 55):
        fold.close(minute, "mobike")
    fold.look(MONDAY + 56 * MINUTE, (A, "other", bikes(1)))
    told = fold.look(MONDAY + 60 * MINUTE)
    assert [event.kind for event in told] == ([] if operators is None else ["too_few"])


def test_a_crash_at_any_window_tells_the_same() -> None:
    def story(crash_at: int) -> list[Alert]:
        fold, events = fleet(rule(7, 1, minimum=5)), []
        for minute in range(80):
            events += fold.close(minute, *(("hello",) if not 40 <= minute < 60 else ()), "mobike")
            if minute == crash_at:
                fold.checkpoint()
                events += fold.crash()
        return events

    calm = story(-1)
    assert [event.kind for event in calm].count("feed_silent") == 2
    for crash_at in (5, 39, 45, 51, 52, 59, 60, 61):
        assert story(crash_at) == calm


def test_a_message_that_names_no_cell_is_refused() -> None:
    fold = fleet(rule(7, 1, maximum=1_000))
    rows = ClosedWindows([0], ["nowhere"], ["hello"], [1], [0], [0], [0], [0])
    fold.fold_bytes(codec.encode(CellsWindow(REGION, 1, MINUTE, rows)))
    assert "no H3 cell" in codec.rejected.decode(fold.outputs[-1].value).detail


def test_time_that_goes_on_without_news_is_enough() -> None:
    fold = fleet(rule(7, 1, maximum=1_000))
    for minute in range(40):
        fold.close(minute, "hello")
    later = MONDAY + 60 * MINUTE
    told = fold.fold_bytes(codec.encode(CellsHealth(REGION, later, later, -1, 0, -1, None)))
    assert said(told) == [("raised", "feed_silent", "hello")]


def heard_of(minutes: list[int], each: int) -> Operators:
    """Return operators of which closed windows tell, `each` of them a message."""
    operators = Operators(REGION, HealthConfig(), Cases(lambda _: Place(0, 0, ""), ""))
    for first in range(0, len(minutes), each):
        starts = [MONDAY + minute * MINUTE for minute in minutes[first : first + each]]
        n = len(starts)
        rows = FlowRows(starts, [A] * n, ["hello"] * n, [5] * n, [0] * n, [0] * n, [9] * n, [0] * n)
        operators.hear(Windows(REGION, starts[-1] + MINUTE, MINUTE, rows))
    return operators


@pytest.mark.parametrize("each", [2, 7, 9_000])
def test_what_is_usual_is_the_same_however_many_windows_a_message_tells(each: int) -> None:
    # more gaps than are counted before they are halved
    minutes = sorted(Random(1).sample(range(20_000), 9_000))
    one_by_one, together = heard_of(minutes, 1), heard_of(minutes, each)
    assert [*together.take_parts()] == [*one_by_one.take_parts()]
    assert together.known["hello"].patience_ms == one_by_one.known["hello"].patience_ms > 0


def test_a_month_in_few_messages_does_not_find_out_after_each_minute_what_is_usual() -> None:
    minutes = list(range(1_000))
    assert lines_run(lambda: heard_of(minutes, 1_000)) < lines_run(lambda: heard_of(minutes, 1)) / 5


def test_to_meet_a_cell_takes_little_however_many_there_are() -> None:
    """A city of 8,600 comes with its first counts."""
    book = HealthBook(HealthConfig(), lambda _cell: Place(0.0, 0.0, "default"))

    def meet() -> None:
        for cell in range(100):
            book.meet(REGION, str(cell), {})

    meet()
    assert lines_run(meet) < 1_000
