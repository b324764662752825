"""Alerts of a rule on numbers against islands and gaps: hours, a minimum duration, nights without a look, other bounds.

An island begins with a look at which the count is out of bounds and the rule in effect. It ends with a look at which
one of the two is not so, or before which the rule was out of effect, by the calendar. Unless it is told already, it
also ends where the file has another version of the rule. Time is that of the newest look: a partition that was held up
and is heard again is behind.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.alerts import Alert
from streams.incidents.mds.hours import DAYS
from streams.incidents.policy import Policy
from tests.unit.incidents.counts.folding import Counted
from tests.unit.incidents.counts.mds import (
    DEFAULT,
    cell_at,
    city,
    document,
    geography,
    policy,
    read_all,
    rule,
    square,
)

BERLIN = ZoneInfo("Europe/Berlin")
BEGIN = round(datetime(2026, 10, 24, 20, tzinfo=BERLIN).timestamp() * 1000)
"""The clocks go back in the night that follows."""
MINUTE = 60_000
DURATION = 3 * MINUTE
CELL = cell_at(10, 10)
Island = tuple[int, int, int | None]
"""When its condition began, when it was told, and when it was over; None: it is not."""


class Look(NamedTuple):
    """Minutes since the look before, vehicles, what the rule is from now on, whether the worker crashes then.

    `behind` are minutes by which the region's time is back at this look.
    """

    minutes: int
    count: int
    changed: dict[str, Any] | None
    crash: bool
    behind: int


fields = st.fixed_dictionaries(
    {
        "maximum": st.sampled_from([4, 5]),
        "days": st.sampled_from([[], ["sat"], ["sun", "mon"]]),
        "start_time": st.sampled_from(["00:00:00", "02:30:00", "20:05:00"]),
        "end_time": st.sampled_from(["02:34:59", "20:59:59", "23:59:59"]),
    }
)
looks = st.lists(
    st.builds(
        Look,
        st.sampled_from([1, 1, 2, 3, 60, 385, 1440]),
        st.integers(3, 7),
        st.none() | fields,
        st.booleans(),
        st.sampled_from([0, 0, 0, 0, 2, 5, 90, 700]),
    ),
    min_size=1,
    max_size=40,
)
Looks = list[Look]


def policy_of(some: dict[str, Any]) -> Policy:
    made = policy(1, rule(7, 1, **some))
    read, findings = read_all(document([made], [geography(1, square(10, 10))]), city(BERLIN))
    assert not findings.errors
    return replace(read, default=replace(DEFAULT, capacity=10**6, min_duration_ms=DURATION))


def in_effect(some: dict[str, Any], at_ms: int) -> bool:
    """By the text of the clock."""
    there = datetime.fromtimestamp(at_ms // 1000, BERLIN)
    clock, days = f"{there:%H:%M:%S}", some["days"] or DAYS
    today, yesterday = DAYS[there.weekday()], DAYS[(there.weekday() - 1) % 7]
    if some["start_time"] <= some["end_time"]:
        return today in days and some["start_time"] <= clock <= some["end_time"]
    return (today in days and clock >= some["start_time"]) or (
        yesterday in days and clock <= some["end_time"]
    )


def held(some: dict[str, Any], since: int, at_ms: int) -> bool:
    return all(in_effect(some, t) for t in range(since, at_ms, MINUTE))


def islands(some: dict[str, Any], log: Looks) -> list[Island]:
    found: list[Island] = []
    looked, at, since = BEGIN, 0, None
    for minutes, count, changed, _, behind in log:
        looked += minutes * MINUTE
        at = max(at, looked - behind * MINUTE)
        if changed is not None and changed != some:
            some, since = changed, None
        broken = in_effect(some, at) and count > some["maximum"]
        if found and found[-1][2] is None:
            if broken and held(some, found[-1][0], at):
                continue
            found[-1] = (*found[-1][:2], at)
        if since is not None and not held(some, since, at):
            since = None
        since = None if not broken else at if since is None else since
        if since is not None and at - since >= DURATION:
            found.append((since, at, None))
            since = None
    return found


def told(some: dict[str, Any], log: Looks) -> list[Island]:
    fold, at = Counted(policy_of(some)), BEGIN
    lives: dict[str, list[Alert]] = {}
    for minutes, count, changed, crash, behind in log:
        at += minutes * MINUTE
        if changed is not None:
            fold.policy = policy_of(changed)
            fold.fold.take_policy(fold.policy)
        fold.checkpoint()
        if crash:
            assert fold.crash() == []
        for event in fold.look(at - behind * MINUTE, (CELL, "hello", (count, 0, 0, 0, 0))):
            lives.setdefault(event.alert_id, []).append(event)
    for life in lives.values():
        assert [event.sequence for event in life] == list(range(len(life)))
    return [(life[0].starts_at, life[0].updated_at, life[-1].ends_at) for life in lives.values()]


@pytest.mark.parametrize("crashes", [False, True])
@given(fields, looks)
def test_every_island_is_an_alert_no_more_no_less(crashes: bool, some: dict[str, Any], log: Looks) -> None:
    log = [look._replace(crash=look.crash and crashes) for look in log]
    assert told(some, log) == islands(some, log)
