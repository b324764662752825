"""Vehicles that stand too long by rules with hours: whenever anybody looks, whichever hours the file had before."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from streams.fleet.news import NewsConfig
from streams.incidents.mds.hours import DAYS
from streams.incidents.policy import Policy
from streams.incidents.vehicles.config import VehiclesConfig
from tests.pipeline import T0
from tests.unit.fleet.road import HERE, at
from tests.unit.incidents.stays.zones import mds, time_rule
from tests.watched_vehicles import Watched, region

BERLIN = ZoneInfo("Europe/Berlin")
EVENING = round((datetime(2026, 10, 24, 16, tzinfo=UTC).timestamp() * 1000 - T0) / 1000)
"""Seconds after T0; the clocks go back in the night that follows."""
MINUTE = 60
WHERE = region(HERE)

rules = st.fixed_dictionaries(
    {
        "maximum": st.sampled_from([30, 240, 900]),
        "days": st.lists(st.sampled_from(DAYS[4:]), unique=True),
        "start_time": st.sampled_from(["00:00:00", "02:30:00", "08:00:00", "19:00:00"]),
        "end_time": st.sampled_from(["02:29:59", "05:59:59", "19:59:59", "23:59:59"]),
    }
)
steps = st.lists(
    st.tuples(st.sampled_from([1, 29, 30, 240, 700]), st.none() | rules, st.booleans()),
    min_size=1,
    max_size=20,
)


def policy_of(fields: dict[str, Any]) -> Policy:
    return replace(mds(time_rule(7, 1, **fields)), time_zone=BERLIN)


def in_effect(fields: dict[str, Any], second: int) -> bool:
    """By the text of the clock."""
    there = datetime.fromtimestamp(T0 / 1000 + second, BERLIN)
    clock, days = f"{there:%H:%M:%S}", fields["days"] or DAYS
    today, yesterday = DAYS[there.weekday()], DAYS[(there.weekday() - 1) % 7]
    start, end = fields["start_time"], fields["end_time"]
    if start <= end:
        return today in days and start <= clock <= end
    return (today in days and clock >= start) or (yesterday in days and clock <= end)


def stands_too_long(fields: dict[str, Any], since: int, now: int) -> bool:
    """Whether every minute of its time, up to now, was one in which the rule was in effect."""
    begin = now - fields["maximum"] * MINUTE
    return begin >= since and all(in_effect(fields, second) for second in range(begin, now + 1, MINUTE))


@given(rules, steps)
def test_an_alert_is_open_exactly_while_the_rule_was_in_effect_for_as_long_as_it_allows(
    first: dict[str, Any], log: list[tuple[int, dict[str, Any] | None, bool]]
) -> None:
    """It looks after so many minutes each, perhaps by other hours and limits, perhaps after a crash."""
    fold = Watched(NewsConfig(), VehiclesConfig(jumps=False), policy=policy_of(first))
    fold.feed(at(EVENING, HERE))
    fold.publish()
    fields, now = first, EVENING
    for minutes, changed, crash in log:
        now += minutes * MINUTE
        if changed is not None:
            fields = changed
            fold.take(policy_of(changed))
            fold.publish()
        fold.checkpoint_incidents()
        if crash:
            fold.crash_incidents()
        fold.time(now, WHERE)
        newest = {alert.alert_id: alert for alert in fold.alerts}
        found = [alert for alert in newest.values() if alert.status == "active"]
        assert len(found) == stands_too_long(fields, EVENING, now)
