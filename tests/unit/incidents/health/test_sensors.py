"""Silence of sensors and of their feeds, from readings to alerts."""

from collections.abc import Callable, Iterable

from schemas import codec
from schemas.alerts import Alert
from schemas.cells import CellsNow
from schemas.partials import FleetPartial, SlotCounts, WindowCounts
from streams.incidents.health.config import HealthConfig
from tests.pipeline import T0
from tests.sensor_road import Reading, SensorRoad

MINUTE = 60_000
REGION = "82309ffffffffff"
NOBODY = SlotCounts([], [], [], [], [], [], [])
Told = list[tuple[str, str, str | None]]


def reading(
    sensor: str, minute: int, owner: str = "city", kind: str = "noise", metric: str = "laeq"
) -> Reading:
    return Reading(sensor, kind, metric, 40.0 + minute % 17, T0 + minute * MINUTE, owner=owner)


def live(
    road: SensorRoad,
    minutes: Iterable[int],
    sensors: Iterable[str],
    make: Callable[[str, int], Reading] = reading,
    wall_ms: int = 1_000,
) -> list[Alert]:
    """Let sensors report once a minute; returns the events of alerts."""
    told = []
    for minute in minutes:
        road.feed(make(sensor, minute) for sensor in sensors)
        told += road.checkpoint(wall_ms)
    return told


def said(events: Iterable[Alert]) -> Told:
    return [(event.action, event.kind, event.subject) for event in events]


def fleet_goes_on(road: SensorRoad, minute: int) -> list[Alert]:
    """Let vehicles report while sensors may be silent, for longer than the grid waits for anybody."""
    at = T0 + minute * MINUTE
    windows = WindowCounts([], [], [], [], [], [])
    partial = FleetPartial(REGION, 0, 1, 0, minute, at, at - 10_000, MINUTE, NOBODY, windows)
    road.grid.feed(codec.encode(partial))
    return road.checkpoint(31_000)


def test_a_sensor_that_is_not_heard_of_is_told_and_cleared_when_it_is() -> None:
    road = SensorRoad(1)
    assert live(road, range(30), ("a", "b")) == []
    (raised,) = live(road, range(30, 60), ("b",))
    assert (raised.kind, raised.subject, raised.severity) == ("sensor_silent", "a", "minor")
    assert raised.starts_at == T0 + 29 * MINUTE
    assert 10 * MINUTE < raised.updated_at - raised.starts_at <= 14 * MINUTE
    assert raised.summary == "nothing heard of a of city for 12.8 min, usual is every 53.8 s"
    health = raised.evidence.health
    assert health is not None
    assert (health.last_ts, health.sensors, health.metric) == (T0 + 29 * MINUTE, 1, None)
    (cleared,) = live(road, range(60, 90), ("a", "b"))
    assert (cleared.action, cleared.alert_id) == ("cleared", raised.alert_id)
    assert cleared.ends_at == T0 + 60 * MINUTE
    assert cleared.summary.startswith("readings are heard again; nothing heard of a")


def test_a_sensor_that_is_alone_in_its_partition_is_found_silent_by_the_clock_of_the_others() -> None:
    road = SensorRoad(8)
    names = [f"s-{number}" for number in range(40)]
    alone = next(n for n in names if n not in ("s-0", "s-1") and road.partition(n) != road.partition("s-0"))
    others = [n for n in names if road.partition(n) == road.partition("s-0")]
    live(road, range(30), (alone, *others))
    told = live(road, range(30, 60), others, wall_ms=31_000)
    assert said(told) == [("raised", "sensor_silent", alone)]


def test_while_all_streams_are_silent_nobody_is() -> None:
    road = SensorRoad(2)
    live(road, range(30), ("a", "b", "c"))
    for _ in range(100):
        assert road.checkpoint(60_000) == []


def test_all_sensors_of_an_owner_are_one_feed_and_none_of_them_is_told_besides() -> None:
    road = SensorRoad(2)
    mine, theirs = ("a", "b", "c"), ("x", "y", "z")

    def make(name: str, minute: int) -> Reading:
        return reading(name, minute, "mine" if name in mine else "theirs")

    live(road, range(30), (*mine, *theirs), make)
    (raised,) = live(road, range(30, 80), theirs, make)
    assert (raised.kind, raised.subject, raised.severity) == ("feed_silent", "mine", "major")
    assert raised.evidence.health is not None
    assert (raised.evidence.health.feed, raised.evidence.health.sensors) == ("sensors", 3)
    # Two of them come back; the third one has its usual time to do so, and is told then.
    told = live(road, range(80, 120), ("a", "b", *theirs), make)
    assert said(told) == [("cleared", "feed_silent", "mine"), ("raised", "sensor_silent", "c")]
    assert told[1].updated_at - told[0].updated_at >= 12 * MINUTE


def test_all_feeds_may_fall_silent_while_vehicles_report() -> None:
    road = SensorRoad(2)
    for minute in range(30):
        road.feed(reading(name, minute) for name in ("a", "b", "c"))
        fleet_goes_on(road, minute)
    told = [event for minute in range(30, 60) for event in fleet_goes_on(road, minute)]
    assert said(told) == [("raised", "feed_silent", "city")]


def test_an_owner_of_two_sensors_is_no_feed() -> None:
    road = SensorRoad(2)
    for minute in range(30):
        road.feed(reading(name, minute) for name in ("a", "b"))
        fleet_goes_on(road, minute)
    told = [event for minute in range(30, 60) for event in fleet_goes_on(road, minute)]
    assert said(told) == [("raised", "sensor_silent", "a"), ("raised", "sensor_silent", "b")]


def test_a_fast_sensor_that_fails_is_told_alone_where_slow_ones_of_its_feed_were_heard_after_it() -> None:
    """They are heard six minutes after it, more than half its patience: it says nothing of them."""
    road = SensorRoad(2)
    slow, told = ("a", "b", "c"), []
    for minute in range(480):
        names = (*slow, "fast") if minute % 15 == 0 else ("fast",)
        road.feed(reading(name, minute) for name in names if name in slow or minute < 459)
        road.feed([reading("clock", minute, "another"), reading("x", minute, "another")])
        told += road.checkpoint()
    assert said(told) == [("raised", "sensor_silent", "fast")]


def test_a_sensor_is_silent_only_when_all_that_it_measures_is() -> None:
    road = SensorRoad(1)
    for minute in range(40):
        road.feed([reading("a", minute, "city", "traffic", "flow"), reading("b", minute)])
        if minute < 20 or minute % 5 == 0:
            road.feed([reading("a", minute, "city", "traffic", "speed")])
        assert road.checkpoint() == []
    assert live(road, range(40, 50), ("b",)) == []


def test_a_sensor_that_is_silent_for_good_is_taken_as_removed() -> None:
    road = SensorRoad(1, health=HealthConfig(forget_ms=60 * MINUTE))
    live(road, range(30), ("a", "b"))
    told = live(road, range(30, 100), ("b",))
    assert said(told) == [("raised", "sensor_silent", "a"), ("cleared", "sensor_silent", "a")]
    assert told[1].summary.startswith("taken as removed for good; ")
    assert [name for name in road.incidents.parts if "/a" in name] == []
    # It can come back, and fall silent again: that is another alert.
    assert live(road, range(100, 130), ("a", "b")) == []
    (again,) = live(road, range(130, 160), ("b",))
    assert again.alert_id != told[0].alert_id


def test_a_sensor_that_reports_so_rarely_that_it_would_be_forgotten_first_is_told_before() -> None:
    """As one that reports once a week, of which nothing has to be heard for a month."""
    road = SensorRoad(1, health=HealthConfig(forget_ms=60 * MINUTE))
    for minute in range(301):
        assert live(road, [minute], ("a", "b") if minute % 20 == 0 else ("b",)) == []
    raised, cleared = live(road, range(301, 500), ("b",))
    assert said([raised, cleared]) == [("raised", "sensor_silent", "a"), ("cleared", "sensor_silent", "a")]
    assert raised.updated_at - raised.starts_at > 60 * MINUTE
    assert cleared.summary.startswith("taken as removed for good; ")
    assert cleared.updated_at - raised.updated_at == 15 * MINUTE


def test_stuck_and_broken_sensors_are_told_with_their_figures() -> None:
    road = SensorRoad(1)
    live(road, range(60), ("a", "b"))

    def make(name: str, minute: int) -> Reading:
        value = {"a": 55.5, "b": -9_999.0}[name]
        return Reading(name, "noise", "laeq", value, T0 + minute * MINUTE)

    told = live(road, range(60, 100), ("a", "b"), make)
    assert said(told) == [("raised", "sensor_out_of_range", "b"), ("raised", "sensor_stuck", "a")]
    broken, stuck = told
    assert (broken.starts_at, stuck.starts_at) == (T0 + 60 * MINUTE, T0 + 60 * MINUTE)
    assert broken.summary == "3 readings of laeq of b of city were out of range, and are refused"
    assert stuck.evidence.health is not None
    assert (stuck.evidence.health.metric, stuck.evidence.health.value) == ("laeq", 55.5)
    assert stuck.evidence.health.repeated == 31
    told = live(road, range(100, 120), ("a", "b"))
    assert said(told) == [("cleared", "sensor_stuck", "a"), ("cleared", "sensor_out_of_range", "b")]


def test_what_was_said_before_changes_nothing() -> None:
    road = SensorRoad(2)
    live(road, range(30), ("a", "b", "c"))
    live(road, range(30, 60), ("a", "b"))
    alerts = dict(road.events)
    for value in list(road.incidents.log):
        if not isinstance(codec.cells.decode(value), CellsNow):
            road.incidents.feed(value)
    road.checkpoint()
    assert road.events == alerts
