"""Rests between publications: most of the time is left to fold, and no alert waits for what was dear once."""

import pytest

from streams.runtime.rest import LONGEST_S, Rest

PACE_S = 0.02
"""The least time between publications."""


def share(costs: list[float], seconds: float) -> float:
    """Return the share of the time that publications of these costs, again and again, take."""
    now = spent = 0.0
    rest, number = Rest(now), 0
    while now < seconds:
        now += max(PACE_S, rest.due_s(now))
        cost = costs[number % len(costs)]
        number += 1
        rest.spend(cost)
        now, spent = now + cost, spent + cost
    return spent / now


def test_what_is_dear_once_a_minute_is_not_rested_from() -> None:
    rest = Rest(0.0)
    for at in (60.0, 120.0, 180.0):
        assert rest.due_s(at) == 0
        rest.spend(0.2)
        assert rest.due_s(at) == 0


@pytest.mark.parametrize("costs", [[0.02], [0.02, 0.002], [0.001, 0.015, 0.025], [0.02, 0.0, 0.0]])
def test_a_tenth_of_the_time_is_spent_at_most(costs: list[float]) -> None:
    assert share(costs, 600) < 0.105


def test_no_rest_is_longer_than_an_alert_may_wait() -> None:
    rest, now = Rest(0.0), 0.0
    for _ in range(50):
        rest.spend(0.5)
        due = rest.due_s(now)
        assert due <= LONGEST_S + 1e-9
        now += due + 0.5
    assert rest.due_s(now + LONGEST_S) == 0, "what was too much is not paid for later"


def test_who_slept_has_no_more_to_spare_than_who_just_began() -> None:
    slept, new = Rest(0.0), Rest(3600.0)
    for rest in (slept, new):
        rest.due_s(3600.0)
        rest.spend(0.31)
    assert slept.due_s(3600.0) == new.due_s(3600.0) > 0
