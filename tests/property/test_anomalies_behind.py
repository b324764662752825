"""Anomalies of cells that are measured by several partitions, while one of these is behind: half of a mean is none."""

from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.alerts import Alert
from streams.incidents.anomaly.series import AnomalyConfig
from streams.incidents.anomaly.watch import Rule
from tests.sensor_road import Reading, SensorRoad

T0 = 1_767_225_600_000
MINUTE, DAY = 60_000, 1_440


def of_partition(road: SensorRoad, number: int) -> str:
    """Return a sensor whose readings go to a partition."""
    return next(name for name in (f"pipe-{n}" for n in range(100)) if road.partition(name) == number)


def readings(road: SensorRoad, minute: int, loud: int = -1) -> Iterator[Reading]:
    """Yield a pressure of about 400 kPa and one of about 600 in one cell, and half of both in the loud minute."""
    for number in range(2):
        usual = 400 + 200 * number + Random(2 * minute + number).uniform(-5, 5)
        value = usual / 2 if minute == loud else usual
        ts = T0 + minute * MINUTE + 5_000
        yield Reading(of_partition(road, number), "heating", "pipe_pressure", value, ts)


def watching() -> SensorRoad:
    return SensorRoad(2, anomalies=AnomalyConfig("records", Rule(raise_at=0.3)))


@cache
def two_days() -> SensorRoad:
    """Return two partitions that were heard for two days."""
    road = watching()
    for first in range(0, 2 * DAY, 5):
        road.feed(reading for minute in range(first, first + 5) for reading in readings(road, minute))
        assert road.checkpoint() == []
    return road


def warm() -> SensorRoad:
    """Return them after a restart."""
    known, road = two_days(), watching()
    for one, other in zip(stages(known), stages(road), strict=True):
        other.log, other.parts, other.rows = list(one.log), dict(one.parts), dict(one.rows)
        other.stored, other.ledger = one.stored, one.ledger
        other.crash()
    assert road.checkpoint() == []
    return road


def stages(road: SensorRoad) -> list[Any]:
    return [*road.sources, road.grid, road.incidents]


def told(road: SensorRoad, loud: int, *, outage_ms: int, apart_ms: int, crash: bool) -> list[object]:
    """Let ten minutes pile up, and the partitions come back one after the other; returns the events of anomalies."""
    begin = 2 * DAY
    road.tell(outage_ms)
    behind = [reading for minute in range(begin, begin + 10) for reading in readings(road, minute, loud)]
    events = []
    for number, pause in ((0, apart_ms), (1, 1_000)):
        road.feed(reading for reading in behind if road.partition(reading.sensor_id) == number)
        events += road.checkpoint()
        events += road.checkpoint(pause)
        if crash:
            for stage in stages(road):
                stage.crash()
    for minute in range(begin + 10, begin + 60):
        road.feed(readings(road, minute, loud))
        events += road.checkpoint()
    return [
        (event.alert_id, event.sequence, event.action, event.starts_at)
        for event in events
        if event.kind == "anomaly"
    ]


@settings(max_examples=25, deadline=None)
@given(
    loud=st.sampled_from((-1, 2 * DAY, 2 * DAY + 4, 2 * DAY + 12)),
    outage_ms=st.sampled_from((0, 8_000, 600_000)),
    apart_ms=st.sampled_from((0, 2_000, 15_000, 20_000)),
    crash=st.booleans(),
)
def test_who_comes_back_first_speaks_for_nobody_else(
    loud: int, outage_ms: int, apart_ms: int, *, crash: bool
) -> None:
    """Half a minute in which a partition says nothing while others do is silence."""
    found = told(warm(), loud, outage_ms=outage_ms, apart_ms=apart_ms, crash=crash)
    assert [event[1:] for event in found] == (
        [] if loud < 0 else [(0, "raised", T0 + loud * MINUTE), (1, "cleared", T0 + loud * MINUTE)]
    )
    assert found == told(warm(), loud, outage_ms=0, apart_ms=0, crash=False)


def test_a_worker_that_was_killed_makes_nobody_unusual_until_another_takes_its_partitions() -> None:
    """Kafka notices that after a minute, in which the others go on."""
    road, begin = warm(), 2 * DAY
    events: list[Alert] = []
    behind: list[Reading] = []
    for minute in range(begin, begin + 40):
        first, second = readings(road, minute)
        behind.append(second)
        road.feed([first, *behind] if minute >= begin + 7 else [first])
        if minute >= begin + 7:
            behind.clear()
        events += road.checkpoint(10_000)
    assert [event.summary for event in events if event.kind == "anomaly"] == []
