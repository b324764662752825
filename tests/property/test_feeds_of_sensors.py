"""Feeds of sensors: single alerts or one of the feed, never both; nobody is forgotten; crashes change nothing."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipeline import T0
from tests.unit.incidents.health.owners import MINUTE, OWNERS, SENSORS, Region

Day = list[tuple[int, frozenset[str]]]
"""Minutes, and who is not heard then."""


@st.composite
def days(draw: st.DrawFn) -> Day:
    """Draw minutes at which event time is told; sensors come and go for a while at a time."""
    clock, found = 0, [(0, frozenset[str]())]
    for _ in range(draw(st.integers(1, 8))):
        away = draw(st.sets(st.sampled_from(sorted(SENSORS))))
        if draw(st.booleans()):
            whose = draw(st.sampled_from(OWNERS))
            away |= {name for name, (owner, _) in SENSORS.items() if owner == whose}
        step = draw(st.sampled_from((1, 1, 2, 3, 5, 5, 120, 900)))
        for _ in range(draw(st.integers(1, 12))):
            clock += step
            late = draw(st.sets(st.sampled_from(sorted(SENSORS)), max_size=3))
            if draw(st.integers(0, 3)) == 0:  # a record with news of a few, or of nobody
                late = SENSORS.keys() - late
            found.append((clock, frozenset(away | late)))
    return found


def live(day: Day, *, crashing: bool = False) -> Region:
    region = Region(crashing)
    for clock, away in day:
        region.hear(clock, SENSORS.keys() - away)
    return region


@settings(max_examples=100, deadline=None)
@given(days())
def test_a_crash_after_every_record_changes_nothing(day: Day) -> None:
    assert live(day, crashing=True).told == live(day).told


@settings(max_examples=100, deadline=None)
@given(days())
def test_whoever_is_overdue_for_long_is_told_alone_or_with_the_feed_and_nobody_who_is_heard(
    day: Day,
) -> None:
    """Feeds that were back a while ago give their sensors time anew: at the most half an hour, or as long again."""
    region, awake = Region(), dict.fromkeys(OWNERS, 0)
    for clock, away in day:
        region.hear(clock, SENSORS.keys() - away)
        for event in region.told:
            if (event.kind, event.action) == ("feed_silent", "cleared"):
                awake[event.subject or ""] = max(
                    awake[event.subject or ""], (event.updated_at - T0) // MINUTE
                )
        for name, (owner, patience) in SENSORS.items():
            since = max(region.heard.get(name, 0), awake[owner])
            told = ("sensor_silent", name) in region.open or ("feed_silent", owner) in region.open
            assert told or clock - since <= patience * 5 / 4 + max(30, patience), (name, clock, since)
            assert name in away or ("sensor_silent", name) not in region.open


@settings(max_examples=100, deadline=None)
@given(days())
def test_a_feed_that_is_told_misses_most_of_its_sensors_and_three_at_the_least(day: Day) -> None:
    for event in live(day).told:
        health = event.evidence.health
        if event.kind == "feed_silent" and event.action == "raised":
            assert health is not None
            assert health.of is not None
            assert event.subject != "west"
            assert health.sensors >= max(3, 0.8 * health.of)
            assert len(health.heard or ()) == health.of - health.sensors
