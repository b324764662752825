"""A policy that takes another's place while the log goes on: a replay tells the same, or it is said what not."""

from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest

from streams.incidents.policy import Policy
from streams.incidents.policy_change import told_otherwise
from streams.times import to_second
from tests.unit.incidents.counts.folding import Counted
from tests.unit.incidents.counts.mds import (
    DEFAULT,
    START,
    cell_at,
    document,
    geography,
    identity,
    policy,
    read_all,
    rule,
    square,
)

MINUTE = 60_000
A = cell_at(10, 10)
REACHED = START + 60 * MINUTE
BIKES = (12, 0, 0, 0, 0)


def policy_of(*policies: Any, drawn: Any = None, name: str = "Harbour") -> Policy:
    """Return these policies about a harbour of one square, or as it is drawn."""
    read, findings = read_all(document(list(policies), [geography(1, drawn or square(10, 10), name)]))
    assert not findings.errors
    return read


OLD = policy(1, rule(7, 1, maximum=10))
NEW = policy(2, rule(8, 1, maximum=11), start_date=REACHED + 10 * MINUTE, prev_policies=[identity(1)])


def reached(*policies: Any) -> Counted:
    fold = Counted(policy_of(*policies))
    fold.look(REACHED, (A, "hello", BIKES))
    return fold


def otherwise(fold: Counted, policy: Policy) -> str:
    return told_otherwise(fold.policy, policy, fold.fold.reached)


def test_a_new_policy_tells_the_same_as_a_replay_by_it() -> None:
    """
    old: at most 10  ---------REACHED------|
    new: at most 11          ^taken        |begins-------
    12 bikes                  alert, cleared, alert
    """
    fold, replay = reached(OLD), reached(OLD, NEW)
    assert otherwise(fold, replay.policy) == ""
    fold.fold.take_policy(replay.policy)
    for minute in range(1, 20):
        assert fold.look(REACHED + minute * MINUTE) == replay.look(REACHED + minute * MINUTE)
    told = [output.id_.partition("/")[2] for output in fold.outputs]
    assert told == ["0", "1", "0"]
    for one in (fold, replay):
        one.checkpoint()
    assert fold.database.tables == replay.database.tables
    assert fold.database.parts == replay.database.parts


def test_counts_go_on_after_a_policy_was_taken() -> None:
    fold = reached(OLD)
    fold.fold.take_policy(policy_of(OLD, policy(2, rule(8, 1, minimum=2), start_date=REACHED + 1)))
    fold.look(REACHED + MINUTE, (A, "hello", (1, 0, 0, 0, 0)))
    (alert,) = fold.look(REACHED + 3 * MINUTE)
    assert (alert.kind, alert.evidence.by_operator) == ("too_few", {"hello": 1})


def test_the_alert_of_a_rule_that_never_began_to_be_is_not_kept() -> None:
    fold = reached(OLD, policy(3, rule(9, 1, maximum=1), end_date=REACHED))
    assert otherwise(fold, policy_of(OLD)) == "", "it is over"


@pytest.mark.parametrize(
    ("after", "says"),
    [
        (
            [OLD, policy(2, rule(8, 1), start_date=REACHED)],
            f"'policy 2' begins at {to_second(REACHED)} UTC, but event time has already reached {to_second(REACHED)}",
        ),
        ([policy(1, rule(7, 1, maximum=11))], "'policy 1' changed after it began"),
        ([], "'policy 1' was in force and has been removed from the file"),
        ([policy(1, rule(7, 1, maximum=10), name="x")], "'x' changed after it began"),
        (
            [OLD, policy(2, rule(8, 1), start_date=REACHED, prev_policies=[identity(1)])],
            "'policy 1' changed after it began",
        ),
    ],
)
def test_what_a_replay_would_tell_differently_is_said(after: list[Any], says: str) -> None:
    assert says in otherwise(reached(OLD), policy_of(*after))


def test_what_has_not_begun_may_change() -> None:
    later = policy(2, rule(8, 1), start_date=REACHED + 1)
    other = policy(2, rule(8, 1, maximum=3), start_date=REACHED + 1)
    fold = reached(OLD, later)
    assert otherwise(fold, policy_of(OLD, other)) == ""
    assert otherwise(fold, policy_of(OLD)) == ""


def test_capacities_have_no_beginning() -> None:
    fold = reached(OLD)
    other = replace(fold.policy, default=replace(DEFAULT, capacity=1), version="other")
    assert "capacities of cells, which have no start date" in otherwise(fold, other)
    moved = replace(fold.policy, time_zone=timezone(timedelta(hours=8)))
    assert otherwise(fold, moved)


@pytest.mark.parametrize("crash", [False, True])
def test_what_broke_the_former_bound_counts_anew_by_the_new_one(crash: bool) -> None:
    fold = reached(OLD)
    fold.look(REACHED + MINUTE, (A, "hello", (22, 0, 0, 0, 0)))
    fold.checkpoint()
    other = policy_of(policy(1, rule(7, 1, maximum=20)))
    if crash:
        fold.crash(other)
    else:
        fold.fold.take_policy(other)
    assert fold.look(REACHED + 2 * MINUTE) == []
    [alert] = fold.look(REACHED + 4 * MINUTE)
    assert alert.starts_at == REACHED + 2 * MINUTE


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize(
    "fields", [{"end_date": REACHED + 60 * MINUTE}, {"description": "corrected", "published_date": START}]
)
def test_what_waits_goes_on_where_a_policy_decides_the_same(fields: dict[str, Any], crash: bool) -> None:
    """It is given an end that is yet to come, or is described otherwise."""
    fold = reached(OLD)
    fold.look(REACHED + MINUTE)
    fold.checkpoint()
    same = policy_of(policy(1, rule(7, 1, maximum=10), **fields))
    assert otherwise(fold, same) == ""
    before = fold.policy.counts[0].version
    if crash:
        fold.crash(same)
    else:
        fold.fold.take_policy(same)
    [alert] = fold.look(REACHED + 2 * MINUTE)
    assert (alert.action, alert.starts_at, alert.policy_version) == ("raised", REACHED, before)


def test_a_rule_in_force_that_changes_judges_from_then_on() -> None:
    """12 bikes, where ten may be, then 20, then one."""
    fold = reached(OLD)
    (raised,) = fold.look(REACHED + 2 * MINUTE)
    fold.fold.take_policy(policy_of(policy(1, rule(7, 1, maximum=20))))
    (cleared,) = fold.look(REACHED + 3 * MINUTE)
    assert (cleared.alert_id, cleared.action) == (raised.alert_id, "cleared")
    least = policy_of(policy(1, rule(7, 1, maximum=1)))
    fold.fold.take_policy(least)
    fold.look(REACHED + 4 * MINUTE)
    (again,) = fold.look(REACHED + 6 * MINUTE)
    assert (again.action, again.policy_version) == ("raised", least.counts[0].version)
    assert again.alert_id != raised.alert_id


def test_a_rule_that_is_back_before_the_next_look_keeps_its_alert_with_a_crash_and_without() -> None:
    fold = reached(OLD)
    [alert] = fold.look(REACHED + 2 * MINUTE)
    for file in (policy_of(), policy_of(OLD)):
        fold.checkpoint()
        fold.policy = file
        fold.fold.take_policy(file)
    fold.checkpoint()
    assert fold.look(REACHED + 3 * MINUTE) == []
    assert fold.crash() == []
    [cleared] = fold.look(REACHED + 4 * MINUTE, (A, "hello", (10, 0, 0, 0, 0)))
    assert (cleared.alert_id, cleared.action) == (alert.alert_id, "cleared")


@pytest.mark.parametrize("crash", [False, True])
def test_an_alert_of_an_operator_that_a_policy_speaks_of_no_more_is_cleared(crash: bool) -> None:
    share = rule(7, 1, rule_units="percent", maximum=10)
    fold = reached(policy(1, share))
    [alert] = fold.look(REACHED + 2 * MINUTE)
    fold.checkpoint()
    others = policy_of(policy(1, share, provider_ids=["mobike"]))
    if crash:
        fold.crash(others)
    else:
        fold.fold.take_policy(others)
    [cleared] = fold.look(REACHED + 3 * MINUTE)
    assert (cleared.alert_id, cleared.action) == (alert.alert_id, "cleared")
    assert fold.look(REACHED + 6 * MINUTE) == []


@pytest.mark.parametrize("crash", [False, True])
def test_an_alert_whose_rule_was_moved_away_from_its_place_ends_and_another_begins_there(crash: bool) -> None:
    fold = reached(OLD)
    fold.look(REACHED + MINUTE, (cell_at(20, 20), "hello", BIKES))
    [alert] = fold.look(REACHED + 2 * MINUTE)
    fold.checkpoint()
    moved = policy_of(OLD, drawn=square(20, 20), name="Hills")
    if crash:
        fold.crash(moved)
    else:
        fold.fold.take_policy(moved)
    [cleared] = fold.look(REACHED + 3 * MINUTE)
    assert (cleared.alert_id, cleared.action, cleared.zone) == (alert.alert_id, "cleared", "Harbour")
    assert cleared.summary == f"the rule counts elsewhere, or others; {alert.summary}"
    assert cleared.policy_version == moved.counts[0].version
    [there] = fold.look(REACHED + 5 * MINUTE)
    assert (there.action, there.zone, there.cell) == ("raised", "Hills", moved.counts[0].rules[0].cell)
    assert there.starts_at == REACHED + 3 * MINUTE
    assert list(fold.retained().values()) == [there.alert_id]


@pytest.mark.parametrize("crash", [False, True])
def test_an_alert_whose_place_still_lies_in_its_rule_goes_on_where_it_is(crash: bool) -> None:
    """The middle of the larger outline is another cell."""
    fold = reached(OLD)
    [alert] = fold.look(REACHED + 2 * MINUTE)
    fold.checkpoint()
    larger = policy_of(OLD, drawn=square(8, 8, size=9), name="Port")
    assert larger.counts[0].rules[0].cell != alert.cell
    if crash:
        fold.crash(larger)
    else:
        fold.fold.take_policy(larger)
    assert fold.look(REACHED + 3 * MINUTE) == []
    [worse] = fold.look(REACHED + 4 * MINUTE, (A, "hello", (30, 0, 0, 0, 0)))
    assert (worse.alert_id, worse.action, worse.cell) == (alert.alert_id, "updated", alert.cell)


@pytest.mark.parametrize("crash", [False, True])
def test_the_alert_at_the_new_place_is_another_though_event_time_stands_still(crash: bool) -> None:
    def at_once(**drawn: Any) -> Policy:
        return replace(policy_of(OLD, **drawn), default=replace(DEFAULT, min_duration_ms=0))

    fold = Counted(at_once())
    [alert] = fold.look(REACHED, (A, "hello", BIKES), (cell_at(20, 20), "hello", BIKES))
    fold.checkpoint()
    moved = at_once(drawn=square(20, 20))
    if crash:
        fold.crash(moved)
    else:
        fold.fold.take_policy(moved)
    told = [*fold.look(REACHED), *fold.look(REACHED + MINUTE)]
    assert [one.action for one in told] == ["cleared", "raised"]
    assert told[0].alert_id == alert.alert_id
    assert told[1].alert_id != alert.alert_id
