"""Who is behind is not silent: backlogs of our own, at whatever stage, are no silence of those who were heard."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest

from schemas import codec
from schemas.alerts import Alert
from schemas.partials import FleetPartial, SlotCounts, WindowCounts
from tests.pipeline import T0
from tests.sensor_road import Reading, SensorRoad

MINUTE = 60_000
REGION, CELL = "82309ffffffffff", "89309959d07ffff"
SENSORS = tuple(f"s-{number}" for number in range(8))


def readings(minute: int, sensors: Iterable[str] = SENSORS) -> list[Reading]:
    return [Reading(one, "noise", "laeq", 40.0 + minute % 17, T0 + minute * MINUTE) for one in sensors]


def live(road: SensorRoad, minutes: Iterable[int], sensors: Sequence[str] = SENSORS) -> list[Alert]:
    told = []
    for minute in minutes:
        road.feed(readings(minute, sensors))
        told += road.checkpoint()
    return told


def said(events: Iterable[Alert]) -> list[tuple[str, str, str | None]]:
    return [(event.action, event.kind, event.subject) for event in events]


class Fleet:
    """What a source of vehicles tells: live counts as they come, windows once it can store that they were told."""

    def __init__(self, road: SensorRoad) -> None:
        self._road = road
        self._waiting: list[tuple[int, str]] = []
        self._watermark = T0

    def report(self, minute: int, *operators: str, stored: bool = True) -> None:
        """Tell that these operators reported in a minute; of windows only where it was `stored`."""
        self._waiting += [(minute, name) for name in operators]
        rows: list[tuple[int, str]] = []
        if stored:
            rows, self._waiting = self._waiting, []
            self._watermark = T0 + (minute + 1) * MINUTE - 10_000
        n = len(rows)
        now = SlotCounts([CELL], ["hello"], [1 + minute % 7], [0], [0], [0], [0])
        starts = [T0 + at * MINUTE for at, _ in rows]
        windows = WindowCounts(starts, [CELL] * n, [name for _, name in rows], [5] * n, [0] * n, [0] * n)
        newest = T0 + (minute + 1) * MINUTE
        partial = FleetPartial(REGION, 0, 1, 0, minute, newest, self._watermark, MINUTE, now, windows)
        self._road.grid.feed(codec.encode(partial))


@pytest.mark.parametrize("sources", [1, 3])
def test_sensors_that_sensing_reads_late_are_not_silent(sources: int) -> None:
    road = SensorRoad(sources)
    live(road, range(30))
    for minute in range(30, 60):
        road.feed(readings(minute))
    assert said(road.checkpoint()) == []


def test_sensors_of_which_the_grid_hears_late_are_not_silent() -> None:
    road = SensorRoad(2)
    live(road, range(30))
    for minute in range(30, 60):
        road.feed(readings(minute))
        road.sensing_tells()
    assert said(road.tell()) == []


def test_partitions_whose_checkpoints_are_a_minute_apart_are_not_silent() -> None:
    """
    seconds        0    20    40    60    80   100   120     of wall time, in which an hour of readings comes
    source 0       |...................|...................|   checkpoints, and words between them
    source 1       .......|..................|..............
    source 2       ..............|..................|.......
    """
    road = SensorRoad(3)
    told = live(road, range(30))
    for second in range(1, 181):
        road.feed(readings(29 + second // 2))
        if second % 20 == 0:
            road.source_tells(second // 20 % 3)
        road.tick()
        told += road.tell()
    assert said(told) == []
    assert said(live(road, range(120, 150), SENSORS[1:])) == [("raised", "sensor_silent", "s-0")]


def test_what_the_grid_tells_between_two_words_of_sensing_makes_nobody_silent() -> None:
    road = SensorRoad(1)
    live(road, range(30))
    for minute in range(30, 60):
        road.feed(readings(minute))
    told = []
    for output in road.sources[0].fold.take_outputs(at_checkpoint=True):
        road.grid.feed(output.value)
        told += road.tell()
    assert said(told) == []


@pytest.mark.parametrize("first", [0, 1])
def test_a_backlog_at_the_start_is_no_silence_whichever_partition_speaks_first(first: int) -> None:
    """
    minutes        0 ........ 12 ........ 40
    first          |======================|   told at once
    other          |==========|               told then, and the rest a moment later
    """
    road = SensorRoad(2)
    early, late = ([s for s in SENSORS if (road.partition(s) == first) is so] for so in (True, False))
    assert early
    assert late
    for minute in range(40):
        road.feed(readings(minute, early))
    told = road.checkpoint()
    for minute in range(12):
        road.feed(readings(minute, late))
    told += road.checkpoint()
    for minute in range(12, 40):
        road.feed(readings(minute, late))
    told += road.checkpoint() + live(road, range(40, 60))
    assert said(told) == []
    assert said(live(road, range(60, 80), SENSORS[1:])) == [("raised", "sensor_silent", "s-0")]


@pytest.mark.parametrize("sources", [1, 2])
def test_a_backlog_of_sensors_that_is_read_after_one_of_vehicles_is_no_silence(sources: int) -> None:
    """Until sensing has spoken the clock of the region is that of vehicles; its first words are older."""
    road = SensorRoad(sources)
    fleet = Fleet(road)
    for minute in range(60):
        fleet.report(minute, "hello")
    told = road.checkpoint()
    for minute in range(40):
        road.feed(readings(minute))
        told += road.checkpoint(100)
    for minute in range(40, 100):
        fleet.report(minute + 20, "hello")
        told += live(road, [minute], SENSORS if minute < 80 else SENSORS[1:])
    assert said(told) == [("raised", "sensor_silent", "s-0")]


@pytest.mark.parametrize("sources", [1, 2])
def test_a_backlog_of_vehicles_that_is_read_after_one_of_sensors_is_no_silence(sources: int) -> None:
    road = SensorRoad(sources)
    fleet = Fleet(road)
    told = live(road, range(120))
    for minute in range(80):
        fleet.report(minute, "hello")
        told += road.checkpoint(100)
    for minute in range(120, 160):
        fleet.report(minute - 40, "hello")
        told += live(road, [minute])
    assert said(told) == []


def test_a_partition_without_sensors_of_the_region_holds_silences_back_for_half_a_minute_only() -> None:
    road = SensorRoad(2)
    some = [s for s in SENSORS if road.partition(s) == 0]
    live(road, range(31), some)
    assert said(live(road, range(31, 60), some[1:])) == [("raised", "sensor_silent", some[0])]


def test_one_that_is_silent_in_a_backlog_is_told_all_the_same() -> None:
    road = SensorRoad(2)
    live(road, range(30))
    for minute in range(30, 60):
        road.feed(readings(minute, SENSORS[1:]))
        road.sensing_tells()
    assert said(road.tell() + road.checkpoint()) == [("raised", "sensor_silent", "s-0")]


def test_while_nothing_can_be_stored_no_sensor_is_silent() -> None:
    """Sensing tells nothing then, and the fleet only live counts."""
    road = SensorRoad(1)
    fleet = Fleet(road)
    for minute in range(30):
        road.feed(readings(minute))
        fleet.report(minute, "hello")
        road.checkpoint()
    told = []
    for minute in range(30, 60):
        road.feed(readings(minute))
        fleet.report(minute, "hello", stored=False)
        told += road.tell(60_000)
    fleet.report(60, "hello")
    assert said(told + road.checkpoint()) == []


def test_while_nothing_can_be_stored_no_operator_is_silent() -> None:
    road = SensorRoad(1)
    fleet = Fleet(road)
    told = []
    for minute in range(90):
        fleet.report(minute, "hello", "mobike", stored=not 40 <= minute < 60)
        told += road.tell()
    assert said(told) == []


def test_operators_that_are_read_late_are_not_silent_and_one_that_is_is_told() -> None:
    road = SensorRoad(1)
    fleet = Fleet(road)
    for minute in range(40):
        fleet.report(minute, "hello", "mobike")
        road.tell()
    for minute in range(40, 70):
        fleet.report(minute, "hello", stored=False)
    fleet.report(70, "hello")
    told = road.tell()
    fleet.report(71, "hello")
    assert said(told + road.tell()) == [("raised", "feed_silent", "mobike")]


def test_after_the_database_was_away_nobody_is_silent_whoever_is_stored_first() -> None:
    road = SensorRoad(2)
    fleet = Fleet(road)
    for minute in range(40):
        road.feed(readings(minute))
        fleet.report(minute, "hello", "mobike")
        road.checkpoint()
    told = []
    for minute in range(40, 70):
        road.feed(readings(minute))
        fleet.report(minute, "hello", "mobike", stored=False)
        told += road.tell(60_000)
    fleet.report(70, "hello", "mobike")
    told += road.tell(15_000)
    for minute in range(71, 80):
        road.feed(readings(minute))
        fleet.report(minute, "hello", "mobike")
        told += road.checkpoint(15_000)
    assert said(told) == []
    told = []
    for minute in range(80, 100):
        road.feed(readings(minute, SENSORS[1:]))
        fleet.report(minute, "hello")
        told += road.checkpoint(15_000)
    assert said(told) == [("raised", "feed_silent", "mobike"), ("raised", "sensor_silent", "s-0")]


def test_after_a_broker_was_away_who_reconnects_first_makes_nobody_silent() -> None:
    road = SensorRoad(2)
    fleet = Fleet(road)
    for minute in range(40):
        road.feed(readings(minute))
        fleet.report(minute, "hello", "mobike")
        road.checkpoint()
    told = [event for _ in range(20) for event in road.checkpoint(60_000)]
    for minute in (60, 61):
        road.feed(readings(minute, SENSORS[:1]))
        fleet.report(minute, "hello")
        told += road.checkpoint(10_000)
    for minute in range(62, 70):
        road.feed(readings(minute))
        fleet.report(minute, "hello", "mobike")
        told += road.checkpoint(10_000)
    assert said(told) == []


@pytest.mark.parametrize("crashes", [False, True])
@pytest.mark.parametrize(("pause", "minutes"), [(1, 2), (2, 3), (4, 6), (5, 6)])
def test_a_feed_whose_partition_catches_up_with_pauses_is_silent_once(
    pause: int, minutes: int, crashes: bool
) -> None:
    """
    others  0 ............................ 90 ..........
    city    0 ..... 30                     its partition was away; so many `minutes` of it come at once, then a pause
    """
    road = SensorRoad(2)
    names = [f"s-{number}" for number in range(20)]
    away, others = ([name for name in names if road.partition(name) == number] for number in (0, 1))
    told, behind = [], 0
    for minute in range(420):
        road.feed(replace(one, owner="others") for one in readings(minute, others))
        due = minute if minute < 30 else 30 + (minute - 90) // pause * minutes
        while behind <= min(minute, due):
            road.feed(readings(behind, away))
            behind += 1
        told += road.checkpoint(60_000)
        for stage in (*road.sources, road.grid, road.incidents) if crashes and minute % 3 == 0 else ():
            stage.crash()
    assert behind == 420
    assert said(told) == [("raised", "feed_silent", "city"), ("cleared", "feed_silent", "city")]


def test_a_feed_that_is_behind_by_less_than_its_patience_for_good_is_not_silent_for_good() -> None:
    road = SensorRoad(2)
    names = [f"s-{number}" for number in range(20)]
    away, others = ([name for name in names if road.partition(name) == number] for number in (0, 1))
    told = []
    for minute in range(150):
        road.feed(replace(one, owner="others") for one in readings(minute, others))
        if not 30 <= minute < 90:
            road.feed(readings(minute if minute < 30 else minute - 8, away))
        told += road.checkpoint(60_000)
    assert said(told) == [("raised", "feed_silent", "city"), ("cleared", "feed_silent", "city")]


def test_a_partition_that_is_silent_is_told_though_the_worker_is_killed_every_25_seconds() -> None:
    """
    seconds        0        25        50        75   ...    of wall time, twelve times as fast as real time
    worker         |.........|.........|.........|..        killed, and back at once
    source 0       #                                   ###
    source 1       #######################################
    """

    def days(*, killed: bool) -> tuple[list[Alert], int]:
        road = SensorRoad(2)
        told = live(road, range(30))
        others = [s for s in SENSORS if road.partition(s) == 1]
        for minute in range(30, 70):
            road.feed(readings(minute, SENSORS if minute > 60 else others))
            told += road.checkpoint(5_000)
            for stage in (*road.sources, road.grid, road.incidents) if killed and minute % 5 == 0 else ():
                stage.crash()
        return told, len(SENSORS) - len(others)

    calm, silent = days(killed=False)
    rough, _ = days(killed=True)
    assert 1 < silent < len(SENSORS)
    assert sorted(said(rough)) == sorted(said(calm))
    assert {event.alert_id for event in rough} == {event.alert_id for event in calm}
    assert len(calm) == 2 * silent
    late = [event.updated_at for event in rough if event.action == "raised"]
    assert max(late) - T0 <= 55 * MINUTE
