"""A draft on stored windows: what live would have said, had it looked at the end of each window."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from streams.incidents.backtest import Silence, Standing, backtest, drafted, over, why_not
from streams.incidents.policy import Policy
from streams.incidents.showing import Waiting
from tests.unit.incidents.counts import mds
from tests.unit.incidents.counts.mds import START, cell_at, document, geography, identity, rule, square
from tests.unit.incidents.stays.zones import time_rule

HOUR = 3_600_000
MINUTE = 60_000
T0 = 1_767_571_200_000  # a Monday, 00:00 UTC
A, B = cell_at(10, 10), cell_at(11, 11)
REGION = "r0.0"
STANDING = {"available": [], "non_operational": [], "reserved": [], "non_contactable": []}


def centre(cell: int) -> tuple[float, float]:
    return mds.centre(f"{cell:012x}")


def policy_of(*policies: Any, capacity: int = 1000) -> Policy:
    read, findings = mds.read_all(document(list(policies), [geography(1, square(10, 10), "Harbour")]))
    assert not findings.errors
    return replace(read, default=replace(mds.DEFAULT, capacity=capacity, min_duration_ms=2 * MINUTE))


def row(minute: int, cell: str, occupancy: int, operator: str = "hello") -> Standing:
    return Standing(T0 + minute * MINUTE, REGION, cell, operator, occupancy)


def told(
    policy: Policy, *rows: Standing, end: int, silences: Sequence[Silence] = ()
) -> list[tuple[int, str, str]]:
    """Return (minute, kind, action) of the events."""
    events = backtest(policy, centre, rows, MINUTE, T0 + end * MINUTE, silences)
    return [((event.updated_at - T0) // MINUTE, event.kind, event.action) for event in events]


def test_time_goes_on_in_windows_without_rows_and_after_the_last_one() -> None:
    policy = policy_of(mds.policy(1, rule(7, 1, states=STANDING, maximum=10)))
    found = told(policy, row(0, A, 6), row(0, B, 5), row(5, A, 5), end=9)
    assert found == [(2, "too_many", "raised"), (5, "too_many", "cleared")]
    assert told(policy, row(0, A, 11), end=2) == [(2, "too_many", "raised")]
    assert told(policy, row(0, A, 11), end=1) == []


def test_hours_hold_at_the_end_of_windows() -> None:
    night = rule(7, 1, states=STANDING, maximum=10, start_time="01:00:00", end_time="01:04:59")
    found = told(policy_of(mds.policy(1, night)), row(0, A, 11), end=120)
    assert found == [(62, "too_many", "raised"), (65, "too_many", "cleared")]


def test_capacities_of_cells_are_judged_too() -> None:
    found = told(policy_of(mds.policy(1, rule(7, 1, states=STANDING)), capacity=10), row(0, A, 12), end=3)
    assert found == [(2, "oversaturation", "raised")]


def test_rules_on_too_few_are_held_back_while_an_operator_is_silent_as_live() -> None:
    """
    minute   0   1   2 .. 10  11  12  13 .. 20
    hello    6
    mobike   6            2
    silent           ====================         (hello)
    """
    policy = policy_of(mds.policy(1, rule(7, 1, states=STANDING, minimum=10)))
    rows = row(0, A, 6), row(0, B, 6, "mobike"), row(10, B, 2, "mobike")
    assert told(policy, *rows, end=20) == [(12, "too_few", "raised")]
    until_13 = Silence(REGION, "hello", T0 + 2 * MINUTE - 1, T0 + 13 * MINUTE)
    held_at_13 = "live, counts come before the windows by which their operator is heard again"
    assert told(policy, *rows, end=20, silences=[until_13]) == [(16, "too_few", "raised")], held_at_13
    ever_since = Silence(REGION, "hello", T0 + 2 * MINUTE - 1, None)
    assert told(policy, *rows, end=20, silences=[ever_since]) == []
    elsewhere = Silence("r5.5", "hello", T0, None)
    assert told(policy, *rows, end=20, silences=[elsewhere]) == [(12, "too_few", "raised")]


def nearly_told(policy: Policy, *rows: Standing, end: int) -> list[tuple[int, str]]:
    """Return (minute of the first look, kind) of what nearly was told."""
    nearly: list[Waiting] = []
    list(backtest(policy, centre, rows, MINUTE, T0 + end * MINUTE, nearly=nearly))
    return [((one.since - T0) // MINUTE, one.about[0]) for one in nearly]


def test_what_may_have_lasted_for_long_enough_between_the_looks_is_known() -> None:
    """Two minutes make an alert: at one look it was shorter, at two it may have been as long, at three it was."""
    policy = policy_of(mds.policy(1, rule(7, 1, states=STANDING, maximum=10)))
    one_look = row(1, A, 11), row(2, A, 5)
    assert nearly_told(policy, row(0, A, 5), *one_look, end=9) == []
    two_looks = row(1, A, 11), row(3, A, 5)
    assert told(policy, row(0, A, 5), *two_looks, end=9) == []
    assert nearly_told(policy, row(0, A, 5), *two_looks, end=9) == [(1, "too_many")]
    three_looks = row(11, A, 11), row(14, A, 5)
    assert nearly_told(policy, row(0, A, 5), *two_looks, *three_looks, end=19) == [(1, "too_many")]
    assert nearly_told(policy, row(0, A, 5), row(1, A, 11), end=2) == [(1, "too_many")]
    full = policy_of(mds.policy(1, rule(7, 1, states=STANDING)), capacity=10)
    assert nearly_told(full, row(0, A, 5), *two_looks, end=9) == [(1, "oversaturation")]
    at_once = replace(policy, default=replace(policy.default, min_duration_ms=0))
    assert nearly_told(at_once, row(0, A, 5), *one_look, *three_looks, end=19) == []


def test_regions_go_by_the_same_clock() -> None:
    far = Standing(T0 + MINUTE, "r5.5", cell_at(510, 510), "hello", 12)
    found = told(
        policy_of(mds.policy(1, rule(7, 1, states=STANDING)), capacity=10), row(0, A, 12), far, end=4
    )
    assert found == [(2, "oversaturation", "raised"), (3, "oversaturation", "raised")]


def test_a_draft_is_in_force_before_it_begins_and_what_it_replaces_is_not() -> None:
    old = mds.policy(1, rule(7, 1, states=STANDING, maximum=10))
    new = mds.policy(
        2, rule(8, 1, states=STANDING, maximum=11), start_date=START * 2, prev_policies=[identity(1)]
    )
    draft, not_judged = drafted(policy_of(old, new))
    assert not not_judged
    assert [counts.policy_id for counts in draft.counts] == [identity(2)]
    assert told(draft, row(0, A, 11), end=5) == []
    assert told(draft, row(0, A, 12), end=5) == [(2, "too_many", "raised")]


def test_what_is_over_when_the_newest_policy_begins_is_named() -> None:
    fair = mds.policy(1, rule(7, 1, states=STANDING, maximum=10), end_date=START + HOUR)
    without_counts = mds.policy(3, time_rule(9, 1, maximum=10), end_date=START + HOUR)
    new = mds.policy(2, rule(8, 1, states=STANDING, maximum=11), start_date=START + HOUR)
    assert [counts.policy_id for counts in over(policy_of(fair, without_counts, new))] == [identity(1)]
    assert over(policy_of(fair)) == ()


def test_a_geography_smaller_than_a_cell_and_off_its_centre_is_not_judged() -> None:
    """All who stand there are known by their positions alone: by cell there is always nobody."""
    corner = {
        "type": "Polygon",
        "coordinates": [[[0.101, 0.101], [0.103, 0.101], [0.103, 0.103], [0.101, 0.101]]],
    }
    policy = mds.policy(1, rule(7, 5, states=STANDING, minimum=5))
    found, findings = mds.read_all(document([policy], [geography(5, corner, "Plaza")]))
    assert findings.errors == []
    draft, (not_judged,) = drafted(found)
    assert draft.counts == ()
    assert "hold the centre of no cell" in why_not(not_judged)


def test_what_windows_do_not_know_is_not_judged() -> None:
    some = mds.policy(1, rule(7, 1, states={"available": []}, maximum=1), rule(8, 1, states=STANDING))
    everything = mds.policy(2, rule(9, 1, states=None, maximum=1))
    judged = mds.policy(3, rule(10, 1, states=STANDING, maximum=1))
    draft, not_judged = drafted(policy_of(some, everything, judged))
    assert [counts.policy_id for counts in not_judged] == [identity(1), identity(2)]
    assert [counts.policy_id for counts in draft.counts] == [identity(3)]
