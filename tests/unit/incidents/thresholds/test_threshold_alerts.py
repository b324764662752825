"""Thresholds of metrics: from a closed window to an alert, over exchanges of the file, silence, crashes and replays."""

import json
import random
from dataclasses import replace

import h3
import msgspec
import pytest

from schemas.alerts import Alert
from streams import topics
from streams.grid.locate import centre
from streams.incidents.damping import FlapConfig
from streams.incidents.policy import Policy
from streams.incidents.state import IncidentsState
from streams.incidents.thresholds.rules import Threshold
from tests.pipeline import T0, restored
from tests.unit.incidents.test_replay_families import again, refused, shown
from tests.unit.incidents.thresholds.measured import CELL, DAY, FULL, MINUTE, OTHER, REGION, Measured, policy

AT_ONCE = replace(FULL, min_duration_ms=0)
COLD = Threshold("cold pipes", "pipe_temperature", (("minor", 50.0), ("critical", 20.0)), at_most=True)
GONE = "the policy has no such rule any more; "


def said(alerts: list[Alert]) -> list[tuple[str, str, int, str]]:
    """Return what happened, how bad it is, at which minute, and in which words."""
    return [(one.action, one.severity, (one.updated_at - T0) // MINUTE, one.summary) for one in alerts]


# ------------------------------------------------------------------ life


def test_an_alert_lives_from_the_first_window_at_its_bound_to_the_first_that_is_back() -> None:
    """
    minute      0    1    2    3    4    5    6    7    8    9
    fill level  79   80   90   96   99   91   89   75   74   80
    warning          |    raised                        cleared
    major                      |    from 5    to 7
    """
    made = Measured(policy(FULL))
    told = made.live(0, 79, 80, 90, 96, 99, 91, 89, 75, 74, 80)
    assert said(told) == [
        ("raised", "warning", 3, "containers: fill_level 90 %, at least 80 is warning"),
        ("updated", "major", 5, "containers: fill_level 99 %, at least 95 is major"),
        ("updated", "warning", 7, "containers: fill_level 89 %, at least 80 is warning"),
        (
            "cleared", "warning", 8,
            "fill_level 74 % again; containers: fill_level 89 %, at least 80 is warning",
        ),
    ]  # fmt: skip
    assert {one.alert_id for one in told} == {told[0].alert_id}
    assert [one.sequence for one in told] == [0, 1, 2, 3]
    assert {one.starts_at for one in told} == {T0 + MINUTE}
    assert [one.ends_at for one in told] == [None, None, None, T0 + 8 * MINUTE]
    assert {one.status for one in told[:3]} == {"active"}
    assert {(one.kind, one.subject, one.policy, one.policy_version) for one in told} == {
        ("threshold", "containers", "containers", FULL.version)
    }
    assert {(one.lat, one.lon) for one in told} == {centre(int(CELL, 16))}


def test_an_alert_says_what_it_rests_on_and_where_that_can_be_read_again() -> None:
    made = Measured(policy(FULL))
    [alert] = made.live(0, 79, 80, 90)
    found, limits = alert.evidence, alert.evidence.threshold
    assert limits is not None
    assert (limits.name, limits.metric, limits.unit, limits.figure) == (
        "containers",
        "fill_level",
        "%",
        "mean",
    )
    assert (limits.window_start, limits.window_ms, limits.value) == (T0 + 2 * MINUTE, MINUTE, 90.0)
    assert (limits.at_least, limits.at_most, limits.hysteresis) == (80.0, None, 5.0)
    assert limits.min_duration_ms == 2 * MINUTE
    assert (found.topic, found.partition, found.offset, found.first_offset) == (topics.CELLS, 2, 5, 2)
    [cleared] = made.live(3, 0)
    assert cleared.evidence == msgspec.structs.replace(found, offset=7), (
        "of what was the matter, said by another"
    )


def test_values_may_be_too_small_too() -> None:
    made = Measured(policy(COLD))
    told = made.live(0, 51, 50, 20, 20.5, 51, metric="pipe_temperature")
    assert said(told) == [
        ("raised", "minor", 2, "cold pipes: pipe_temperature 50 Cel, at most 50 is minor"),
        ("updated", "critical", 3, "cold pipes: pipe_temperature 20 Cel, at most 20 is critical"),
        ("updated", "minor", 4, "cold pipes: pipe_temperature 20.5 Cel, at most 50 is minor"),
        (
            "cleared", "minor", 4,
            "pipe_temperature 51 Cel again; cold pipes: pipe_temperature 20.5 Cel, at most 50 is minor",
        ),
    ]  # fmt: skip
    assert told[0].evidence.threshold is not None
    assert (told[0].evidence.threshold.at_least, told[0].evidence.threshold.at_most) == (None, 50.0)


def test_an_alert_that_only_the_hysteresis_keeps_open_says_until_when() -> None:
    """78 % beside `at least 80 is warning` looks like a mistake."""
    made = Measured(policy(AT_ONCE))
    assert said(made.live(0, 96, 78))[1:] == [
        ("updated", "warning", 2, "containers: fill_level 78 %, at least 80 is warning until it is below 75")
    ]
    made = Measured(policy(replace(COLD, hysteresis=2)))
    assert said(made.live(0, 20, 51, metric="pipe_temperature"))[1:] == [
        (
            "updated", "minor", 2,
            "cold pipes: pipe_temperature 51 Cel, at most 50 is minor until it is above 52",
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("figure", "text"), [("least", "least fill_level 79 %"), ("most", "most fill_level 82 %")]
)
def test_the_least_or_the_greatest_reading_of_a_window_may_count(figure: str, text: str) -> None:
    bound = 79.0 if figure == "least" else 82.0
    one = replace(AT_ONCE, figure=figure, bounds=(("minor", bound),))  # type: ignore[arg-type]
    made = Measured(policy(one))
    assert made.live(0, 79.9) == []
    [alert] = made.live(1, 80)
    assert alert.summary == f"containers: {text}, at least {bound:g} is minor"


def test_a_window_without_a_reading_neither_ends_a_run_nor_holds_it_up() -> None:
    made = Measured(policy(FULL))
    assert made.live(0, 85) == []
    [alert] = made.live(30, 85)
    assert (alert.starts_at, alert.updated_at) == (T0, T0 + 31 * MINUTE)


def test_where_several_bounds_hold_at_once_the_alert_begins_with_the_first_that_was_reached() -> None:
    made = Measured(policy(replace(FULL, min_duration_ms=5 * MINUTE)))
    assert made.live(0, 85, 96) == []
    [alert] = made.live(30, 96)
    assert (alert.severity, alert.starts_at, alert.evidence.first_offset) == ("major", T0, 0)


@pytest.mark.parametrize(
    ("at_most", "bound", "hysteresis", "still", "over"),
    [
        (False, 0.8, 0.1, 0.7, 0.699999),  # in floats 0.8 - 0.1 is a little over 0.7
        (True, 0.1, 0.7, 0.8, 0.800001),
        (False, 0.1, 0.3, -0.2, -0.200001),
    ],
)
def test_a_value_exactly_as_far_from_the_bound_as_the_hysteresis_does_not_end_the_alert(
    at_most: bool, bound: float, hysteresis: float, still: float, over: float
) -> None:
    rule = Threshold("level", "water_level", (("minor", bound),), at_most=at_most, hysteresis=hysteresis)
    assert not rule.is_back(still, bound)
    assert rule.is_back(over, bound)


def test_a_window_within_the_hysteresis_ends_a_run_that_no_alert_told_of_yet() -> None:
    made = Measured(policy(FULL))
    assert made.live(0, 85, 79) == []
    assert [one.starts_at for one in made.live(2, 85, 85)] == [T0 + 2 * MINUTE]


@pytest.mark.parametrize(("minute", "revision"), [(3, 0), (4, 0), (9, 1)])
def test_a_window_of_the_past_or_amended_decides_nothing(minute: int, revision: int) -> None:
    made = Measured(policy(FULL))
    made.live(3, 85, 85)
    assert made.close((minute, CELL, "fill_level", 0.0, revision)) == []
    assert made.close((minute, CELL, "fill_level", 99.0, revision)) == []
    assert [one.action for one in made.live(10, 0)] == ["cleared"]


@pytest.mark.parametrize("value", [0.0, 99.0])
def test_a_window_that_is_told_again_decides_nothing_though_it_says_something_else(value: float) -> None:
    """As by the next owner of its region, who may know more by then."""
    made = Measured(policy(AT_ONCE))
    made.live(3, 85, 85)
    assert made.put((4, CELL, "fill_level", value, 0), watermark=5) + made.health(6) == []


def test_windows_that_close_together_are_judged_by_their_time() -> None:
    made = Measured(policy(FULL))
    rows = [(minute, CELL, "fill_level", 85.0 if minute < 4 else 10.0, 0) for minute in range(6)]
    random.Random(1).shuffle(rows)
    assert [(one.action, one.updated_at) for one in made.close(*rows)] == [
        ("raised", T0 + 2 * MINUTE),
        ("cleared", T0 + 4 * MINUTE),
    ]


def test_cells_and_thresholds_are_alerts_of_their_own() -> None:
    made = Measured(policy(AT_ONCE, replace(AT_ONCE, name="waste/full/er", bounds=(("minor", 90.0),))))
    told = made.close((0, OTHER, "fill_level", 91.0, 0), (0, CELL, "fill_level", 91.0, 0))
    assert [(one.cell, one.subject) for one in told] == [
        (CELL, "containers"), (CELL, "waste/full/er"), (OTHER, "containers"), (OTHER, "waste/full/er"),
    ]  # fmt: skip
    assert len({one.alert_id for one in told}) == 4
    assert made.parts() == {
        f"threshold/{cell}/{name}" for cell in (CELL, OTHER) for name in ("containers", "waste/full/er")
    }
    assert made.crash() == []
    assert [(one.subject, one.action) for one in made.live(1, 0)] == [
        ("containers", "cleared"),
        ("waste/full/er", "cleared"),
    ]


def test_other_metrics_decide_nothing() -> None:
    made = Measured(policy(FULL))
    assert made.live(0, 99, 99, 99, metric="humidity") == []
    assert made.parts() == set()


def test_what_a_former_owner_of_the_region_tells_late_is_ignored() -> None:
    made = Measured(policy(AT_ONCE))
    made.put((0, CELL, "fill_level", 85.0, 0), watermark=1, owner=2)
    made.put((0, CELL, "fill_level", 0.0, 1), watermark=1, owner=1)
    [raised] = made.health(1, owner=2)
    made.put((1, CELL, "fill_level", 0.0, 0), watermark=2, owner=1)
    assert made.health(2, owner=1) == []
    made.put((0, CELL, "fill_level", 85.0, 0), watermark=1, owner=3)
    assert made.health(2, owner=3) == [], "told anew by the next one"
    made.put((2, CELL, "fill_level", 0.0, 0), watermark=3, owner=3)
    [cleared] = made.health(3, owner=3)
    assert cleared.alert_id == raised.alert_id


def test_a_window_is_judged_once_it_is_whole_as_it_is_by_then() -> None:
    made = Measured(policy(AT_ONCE))
    assert made.put((0, CELL, "fill_level", 10.0, 0), watermark=1) == []
    assert made.health(1, whole=0) == []
    made.checkpoint()
    made.crash()
    assert made.put((0, CELL, "fill_level", 85.0, 1), watermark=1) == []
    [alert] = made.health(1)
    assert alert.evidence.threshold is not None
    assert (alert.evidence.threshold.value, alert.evidence.first_offset) == (85.0, 0)


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"cell": ["nowhere"]}, "'nowhere' is no H3 cell"),
        ({"most": []}, "equal lengths expected"),
        ({"least": [None]}, "Expected `float`"),
        ({"mean": ["99"]}, "Expected `float`"),
    ],
)
def test_a_message_that_cannot_be_is_refused(changes: dict[str, object], detail: str) -> None:
    made = Measured(policy(AT_ONCE))
    made.live(0, 10)
    message = json.loads(made.log[0])
    message["rows"].update(changes)
    assert made.fold_bytes(json.dumps(message).encode()) == []
    [refusal] = made.outputs
    assert detail in json.loads(refusal.value)["detail"]


# ------------------------------------------------------------------ the file is exchanged


def test_a_threshold_that_is_gone_ends_its_alerts_with_the_next_message_of_the_region() -> None:
    made = Measured(policy(AT_ONCE, COLD))
    [raised] = made.live(0, 85)
    made.take(policy(COLD))
    assert made.fold.version(raised) is None
    assert made.health(1, region="82309afffffffff") == []
    [cleared] = made.health(2)
    assert said([cleared]) == [("cleared", "warning", 2, GONE + raised.summary)]
    assert cleared.policy_version == raised.policy_version
    assert made.parts() == set()
    assert made.live(3, 99) == []


def test_a_threshold_that_was_taken_out_while_the_worker_was_away_ends_its_alerts_too() -> None:
    made = Measured(policy(AT_ONCE))
    [raised] = made.live(0, 85)
    made.checkpoint()
    made.policy = policy()
    assert made.crash() == []
    [cleared] = made.close(watermark=5)
    assert (cleared.alert_id, cleared.summary) == (raised.alert_id, GONE + raised.summary)


def test_one_that_comes_back_before_the_next_message_was_never_gone() -> None:
    made = Measured(policy(AT_ONCE))
    [raised] = made.live(0, 85)
    made.take(policy())
    made.take(policy(AT_ONCE))
    assert made.live(1, 85) == []
    assert [one.alert_id for one in made.live(2, 0)] == [raised.alert_id]


def test_one_that_is_changed_goes_on_where_the_value_still_reaches_its_bound() -> None:
    made = Measured(policy(AT_ONCE))
    [raised] = made.live(0, 85)
    higher = replace(AT_ONCE, bounds=(("warning", 82.0), ("major", 84.0)))
    made.take(policy(higher))
    assert made.fold.version(raised) == higher.version != raised.policy_version
    [worse] = made.live(1, 85)
    assert (worse.alert_id, worse.action, worse.severity) == (raised.alert_id, "updated", "major")
    assert (worse.starts_at, worse.policy_version) == (T0, higher.version)
    [cleared] = made.live(2, 70)
    assert (cleared.alert_id, cleared.policy_version) == (raised.alert_id, higher.version)


def test_one_that_is_changed_goes_on_though_what_it_tells_must_last() -> None:
    """It has lasted already."""
    made = Measured(policy(FULL))
    [raised] = made.live(0, 85, 85)
    made.take(policy(replace(FULL, hysteresis=4.0)))
    assert made.live(2, 85, 85) == []
    assert [one.alert_id for one in made.live(4, 0)] == [raised.alert_id]


def test_one_that_is_changed_ends_where_the_value_does_not_reach_its_bound_any_more() -> None:
    made = Measured(policy(AT_ONCE))
    [raised] = made.live(0, 85)
    higher = replace(AT_ONCE, bounds=(("warning", 86.0),))
    made.take(policy(higher))
    [cleared] = made.live(1, 85)
    assert (cleared.alert_id, cleared.action, cleared.policy_version) == (
        raised.alert_id, "cleared", higher.version,
    )  # fmt: skip


@pytest.mark.parametrize("restarted", [False, True])
def test_a_window_that_is_held_as_the_figure_changes_is_judged_by_the_new_one(restarted: bool) -> None:
    """Else an alert would stay open until the next reading, which may come in an hour, or never."""
    mean = replace(FULL, min_duration_ms=0, hysteresis=0.0)
    watched = Measured(policy(mean))
    (alert,) = watched.live(0, 99.0)
    watched.put((1, CELL, "fill_level", 10.0, 0), (1, OTHER, "fill_level", 78.0, 0), watermark=2)
    watched.take(policy(replace(mean, figure="most")))
    if restarted:
        watched.crash()
    ended, begun = sorted(watched.health(2), key=lambda one: one.status, reverse=True)
    assert (ended.alert_id, ended.status, ended.ends_at) == (alert.alert_id, "cleared", T0 + MINUTE)
    assert (begun.cell, begun.status, begun.starts_at) == (OTHER, "active", T0 + MINUTE)


def test_a_run_that_no_alert_told_of_begins_anew_with_a_changed_threshold() -> None:
    made = Measured(policy(FULL))
    made.live(0, 85)
    made.take(policy(replace(FULL, hysteresis=4.0)))
    assert made.live(1, 85) == []
    assert [one.starts_at for one in made.live(2, 85)] == [T0 + MINUTE]


def test_a_threshold_of_another_metric_is_another_one_though_its_name_stays() -> None:
    made = Measured(policy(AT_ONCE))
    [raised] = made.live(0, 85)
    other = replace(AT_ONCE, metric="humidity")
    made.take(policy(other))
    [cleared, begun] = made.live(1, 85, metric="humidity")
    assert said([cleared]) == [("cleared", "warning", 2, GONE + raised.summary)]
    assert (begun.action, begun.starts_at) == ("raised", T0 + MINUTE)
    made.checkpoint()
    made.policy = policy(AT_ONCE)
    assert made.crash() == []
    assert said(made.health(3)) == [("cleared", "warning", 3, GONE + begun.summary)]


def test_zones_that_change_end_what_is_outside_of_them() -> None:
    zones = [("Harbour", CELL), ("Market", OTHER)]
    there = replace(AT_ONCE, zones=("Harbour", "Market"))
    made = Measured(policy(there, zones=zones))
    told = made.close((0, CELL, "fill_level", 85.0, 0), (0, OTHER, "fill_level", 85.0, 0))
    assert [one.zone for one in told] == ["Harbour", "Market"]
    elsewhere = replace(there, zones=("Market",))
    made.take(policy(elsewhere, zones=zones))
    [cleared] = made.close((1, CELL, "fill_level", 85.0, 0), (1, OTHER, "fill_level", 85.0, 0))
    assert said([cleared]) == [
        ("cleared", "warning", 1, f"containers does not hold in Harbour; {told[0].summary}")
    ]
    assert cleared.policy_version == elsewhere.version, "it is this one that decided"
    assert made.parts() == {f"threshold/{OTHER}/containers"}
    made.take(policy(elsewhere, zones=[("Market", CELL)]))
    told = made.close((2, CELL, "fill_level", 85.0, 0), (2, OTHER, "fill_level", 85.0, 0))
    assert [(one.cell, one.action) for one in told] == [(CELL, "raised"), (OTHER, "cleared")]


# ------------------------------------------------------------------ silence


def test_a_day_without_a_window_ends_an_alert_and_all_is_forgotten() -> None:
    made = Measured(policy(AT_ONCE))
    [raised] = made.live(0, 85)
    assert made.health(DAY - 1) == []
    [cleared] = made.health(DAY)
    assert said([cleared]) == [
        ("cleared", "warning", DAY, f"nothing was measured for a day; {raised.summary}")
    ]
    assert made.parts() == set()


def test_windows_of_other_cells_let_time_go_on_and_those_of_its_own_begin_the_day_anew() -> None:
    made = Measured(policy(AT_ONCE))
    made.live(0, 85)
    made.live(700, 85)
    made.checkpoint()
    made.crash()
    assert made.live(DAY + 698, 10, cell=OTHER) == []
    [cleared] = made.live(DAY + 699, 10, cell=OTHER)
    assert (cleared.cell, cleared.action, cleared.updated_at) == (CELL, "cleared", T0 + (DAY + 700) * MINUTE)


def test_what_is_forgotten_together_is_told_in_one_order_over_a_crash() -> None:
    """Cells were measured last in another order than first."""
    logs = []
    for crashes in (False, True):
        made = Measured(policy(AT_ONCE))
        made.live(0, 85)
        made.live(5, 85, cell=OTHER)
        made.live(10, 85)
        made.checkpoint()
        if crashes:
            made.crash()
        made.health(2 * DAY)
        logs.append([output.id_ for output in made.outputs])
    assert logs[0] == logs[1]


@pytest.mark.parametrize("again", [DAY, 2 * DAY])
@pytest.mark.parametrize("watched", [AT_ONCE, replace(FULL, min_duration_ms=DAY * MINUTE)])
def test_a_silent_day_within_a_backlog_ends_what_was_before_it(watched: Threshold, again: int) -> None:
    rows = [(minute, CELL, "fill_level", 90.0, 0) for minute in (0, again)]
    live, behind = Measured(policy(watched)), Measured(policy(watched))
    told = [*live.close(rows[0]), *live.health(DAY), *live.close(rows[1])]
    behind.put(*rows, watermark=again + 1)
    assert said(behind.health(again + 1)) == said(told)
    assert len(told) == (3 if watched is AT_ONCE else 0)


def test_days_that_close_at_once_are_no_silence() -> None:
    made = Measured(policy(AT_ONCE))
    [raised] = made.live(0, 85)
    minutes = range(1, 2 * DAY + 1)
    for first in range(0, len(minutes), 1_000):
        some = minutes[first : first + 1_000]
        made.put(*((minute, CELL, "fill_level", 85.0, 0) for minute in some), watermark=2 * DAY + 1)
    assert made.health(2 * DAY + 1, whole=1) == [], "a source is held up"
    assert made.health(2 * DAY + 1) == []
    [cleared] = made.live(2 * DAY + 1, 0)
    assert cleared.alert_id == raised.alert_id


# ------------------------------------------------------------------ what people may ask


def test_version_and_seen_are_of_the_threshold_that_an_alert_names() -> None:
    made = Measured(policy(FULL))
    [raised] = made.live(0, 85, 90)
    assert made.fold.version(raised) == FULL.version
    seen = made.fold.seen(raised)
    assert seen is not None
    assert (seen.value, seen.threshold, seen.state) == (
        "fill_level 90 %", "warning at least 80, major at least 95", "active warning",
    )  # fmt: skip
    made.live(2, 60)
    seen = made.fold.seen(raised)
    assert seen is not None
    assert (seen.value, seen.state) == ("fill_level 60 %", "quiet")
    made.take(policy())
    assert made.fold.version(raised) is made.fold.seen(raised) is None


def test_each_thing_that_decides_is_in_the_version() -> None:
    others = [
        replace(FULL, name="other"),
        replace(FULL, metric="humidity"),
        replace(FULL, bounds=(("warning", 80.0),)),
        replace(FULL, at_most=True),
        replace(FULL, figure="most"),
        replace(FULL, hysteresis=4.0),
        replace(FULL, min_duration_ms=0),
        replace(FULL, zones=("Harbour",)),
    ]
    assert len({one.version for one in [FULL, *others]}) == len(others) + 1
    assert replace(FULL).version == FULL.version


def fold_of(policy: Policy) -> IncidentsState:
    return IncidentsState(policy, centre, restored(2))


def test_a_value_beyond_a_bound_shows_each_window_and_another_threshold_is_named() -> None:
    made = Measured(policy(FULL))
    told = made.live(0, 70, 85, 88, 96, 97, 60)
    found = again(fold_of(policy(FULL)), made.log, told)
    assert shown(found)[1:] == [
        ("fill_level 85 %", "quiet"),
        ("fill_level 88 %", "active warning"),
        ("fill_level 96 %", "active warning"),
        ("fill_level 97 %", "active major"),
        ("fill_level 60 %", "quiet"),
    ]
    assert found[0].seen.threshold == "warning at least 80, major at least 95"
    assert "UB_THRESHOLDS_FILE" in refused(fold_of(policy(replace(FULL, hysteresis=4.0))), told[-1])
    assert fold_of(policy()).version(told[-1]) is None


# ------------------------------------------------------------------ flaps


def test_one_cell_that_flaps_is_one_alert_and_many_cells_are_not() -> None:
    cells = sorted(h3.grid_disk(CELL, 1))
    made = Measured(policy(AT_ONCE), FlapConfig(raises=3, window_ms=60 * MINUTE, quiet_ms=15 * MINUTE))
    told = made.close(*((0, cell, "fill_level", 85.0, 0) for cell in cells))
    assert [(one.cell, one.action) for one in told] == [(cell, "raised") for cell in cells]
    assert not any("again and again" in one.summary for one in told)
    told = made.live(1, 0, 85, 0, 85, 0, 85)
    assert [one.action for one in told] == ["cleared", "raised", "cleared", "raised"]
    assert told[-1].summary.endswith("; opens and closes again and again, 3 times in 60 min")
    assert [one.action for one in made.live(7, 0, cell=OTHER)] == ["cleared"]
    assert made.live(8, 0) == []
    assert made.fold.retained() != {}
    assert [(one.cell, one.action) for one in made.live(23, 10)] == [(CELL, "cleared")]


def test_the_region_of_a_window_is_that_of_its_alert() -> None:
    [alert] = Measured(policy(AT_ONCE)).live(0, 85)
    assert alert.region == REGION


def test_what_one_record_decided_of_several_windows_comes_out_event_by_event() -> None:
    """Windows become whole together, as after a sensor that was late: one record raises, changes and clears."""
    made = Measured(policy(AT_ONCE))
    told = made.close(*((minute, CELL, "fill_level", value, 0) for minute, value in enumerate((85, 97, 60))))
    assert [one.action for one in told] == ["raised", "updated", "cleared"]
    found = again(fold_of(policy(AT_ONCE)), made.log, told)
    assert [(step.offset, (step.at - T0) // MINUTE, step.seen.value, step.seen.state) for step in found] == [
        (1, 1, "containers: fill_level 85 %, at least 80 is warning", "active warning"),
        (1, 2, "containers: fill_level 97 %, at least 95 is major", "active major"),
        (1, 2, "fill_level 60 %", "quiet"),
    ]
