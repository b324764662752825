"""Which stages nobody looks after, and what is said of them."""

from datetime import timedelta

from streams.store.attendance import ALONE_S, Seen, alone, sentence
from tests.unit.console.rows import T0

GRID = Seen("grid", T0, ALONE_S + 1)
INCIDENTS = Seen("incidents", T0 - timedelta(seconds=9), ALONE_S + 10)


def test_who_was_looked_after_of_late_is_not_alone() -> None:
    young = Seen("grid", T0, ALONE_S - 10)
    assert alone([young, INCIDENTS]) == [INCIDENTS]
    assert alone([young], later_s=10) == []
    assert alone([young], later_s=11) == [young]


def test_it_is_said_since_when_and_what_stands_still() -> None:
    assert sentence([INCIDENTS]) == (
        "no worker looks after incidents since 2026-03-01 11:59:51 UTC; alerts stand still"
    )
    assert sentence([GRID, INCIDENTS]) == (
        "no worker looks after grid and incidents since 2026-03-01 11:59:51 UTC; cells and alerts stand still"
    )


def test_of_other_stages_nothing_is_said_for_a_deployment_may_do_without_them() -> None:
    assert alone([Seen("sensing", T0, 1e6), GRID]) == [GRID]
