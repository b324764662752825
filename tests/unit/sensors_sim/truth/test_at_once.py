"""What befalls one sensor or vehicle at once: the truth asks for no alert that nobody can raise."""

from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest

from sensors_sim.events.ailing import SensorBroken, SensorDrifting, SensorSilent, SensorStuck
from sensors_sim.events.burst import BurstPipe
from sensors_sim.events.contract import Event
from sensors_sim.events.fake_gps import FakeGps
from sensors_sim.events.hotline_away import RequestsSilent
from sensors_sim.scenario import Scenario, shipped
from sensors_sim.score.files import parse_truth
from sensors_sim.score.lives import Life
from sensors_sim.score.matching import judge
from sensors_sim.truth.at_once import learnt, told_once
from sensors_sim.truth.entry import Entry
from sensors_sim.truth.witness import Witness, truth_of

H, MINUTE = 3_600.0, 60_000
ONE = ("air-00003",)
SILENT, BROKEN = SensorSilent(ONE, 3 * H, 2 * H), SensorBroken(ONE, 3 * H, 2 * H)
STUCK, DRIFTING = SensorStuck(ONE, 3 * H, 4 * H), SensorDrifting(ONE, 3 * H, 4 * H, by_h=20.0)


def due(*events: Event) -> set[str]:
    """Return the kinds of alerts that are due of a day of ten sensors of air."""
    day = Scenario(
        "x", "", datetime(2026, 3, 10, 6), timedelta(hours=12), bikes=1, sensors={"air": 10}, events=events
    )
    witness = Witness(day, ("air",))
    return {entry.kind for entry in witness._entries(day.end_ms) if entry.verdict == "due"}


@pytest.mark.parametrize(
    ("events", "kinds"),
    [
        ((SILENT, BROKEN, STUCK, DRIFTING), {"sensor_silent"}),
        ((DRIFTING, STUCK, BROKEN), {"sensor_out_of_range"}),
        ((STUCK, DRIFTING), set[str]()),
        ((SensorSilent(ONE, 7 * H + 600, 2 * H), STUCK), {"sensor_silent", "sensor_stuck"}),
        ((SensorSilent(("air-00004",), 3 * H, 2 * H), STUCK), {"sensor_silent", "sensor_stuck"}),
        # of what it says when it is well too little is known by then: 20 changes in 5 min each
        ((SensorSilent(ONE, H, 2 * H), SensorStuck(ONE, 3.2 * H, 4 * H)), {"sensor_silent"}),
        ((SensorStuck(ONE, 0.5 * H, 9 * H), SensorStuck(ONE, 3 * H, 4 * H)), set[str]()),  # stuck already
    ],
)
def test_of_a_sensor_only_that_is_due_which_nothing_else_hides(
    events: tuple[Event, ...], kinds: set[str]
) -> None:
    assert due(*events) == kinds


def entry(kind: str, begin: int, end: int, subject: str | None = "bike-1", verdict: str = "due") -> Entry:
    return Entry(verdict, kind, "bikes", (), begin * MINUTE, end * MINUTE, "it is so", subject)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("entries", "verdicts"),
    [
        ([entry("speeding", 0, 5), entry("speeding", 6, 9)], ["due", "may"]),
        ([entry("speeding", 0, 5), entry("speeding", 8, 9)], ["due", "due"]),
        ([entry("speeding", 0, 5), entry("speeding", 6, 9, "bike-2")], ["due", "due"]),
        ([entry("speeding", 0, 5), entry("impossible_jump", 6, 9)], ["due", "due"]),
        ([entry("impossible_jump", 20, 30), entry("impossible_jump", 0, 8)], ["due", "may"]),
        ([entry("impossible_jump", at, at + 5) for at in (0, 15, 30)], ["due", "may", "may"]),
        ([entry("sensor_silent", 0, 60), entry("sensor_silent", 30, 90)], ["due", "may"]),
        ([entry("speeding", 0, 5, verdict="may"), entry("speeding", 6, 9)], ["may", "due"]),
        ([entry("oversaturation", 0, 5, None), entry("oversaturation", 2, 9, None)], ["due", "due"]),
    ],
)
def test_while_the_alert_of_one_may_be_open_no_second_is_due(
    entries: list[Entry], verdicts: list[str]
) -> None:
    assert [one.verdict for one in told_once(entries)] == verdicts


def test_a_bike_that_lies_twice_within_the_quiet_time_of_its_alert_is_not_missed() -> None:
    """The system raises one alert, which stays open: a quarter of an hour without a jump ends it."""
    lies = (FakeGps("hello-000017", "Gaoqiao Old Town", begins, 1_200.0) for begins in (600.0, 2_400.0))
    short = shipped("fake-gps").with_(bikes=500, duration=timedelta(minutes=80))
    scenario = replace(short, events=tuple(lies))
    said = truth_of(scenario, ["bikes"])
    first, second = (entry for entry in said.entries if entry.kind == "impossible_jump")
    alert = Life(
        *("a", "impossible_jump", first.cells[0], first.subject, "minor", ""), first.from_ms + MINUTE, None
    )
    truth = parse_truth(msgspec.json.encode(said.to_dict()), scenario.name).only(["impossible_jump"])
    found = judge(truth, [alert])
    assert [one.by for one in found.due] == [(alert,)]
    assert (second.verdict, found.false) == ("may", ())


@pytest.mark.parametrize(
    ("requests", "silent", "kinds"),
    [(1.0, (), {"hot_spot"}), (1.0, (RequestsSilent(5 * H, H),), set[str]()), (0.5, (), set[str]())],
)
def test_calls_are_due_as_a_hot_spot_only_where_they_are_heard_and_are_many(
    requests: float, silent: tuple[Event, ...], kinds: set[str]
) -> None:
    burst = BurstPipe("Century Avenue", 2 * H, 5 * H)
    day = Scenario(
        "x",
        "",
        datetime(2026, 3, 10, 8),
        timedelta(hours=12),
        bikes=1,
        events=(burst, *silent),
        requests=requests,
    )
    witness = Witness(day, ("requests",))
    entries = witness._entries(day.end_ms)
    assert {one.kind for one in entries if one.verdict == "due" and one.population == "requests"} == kinds


@pytest.mark.parametrize(
    ("entries", "verdicts"),
    [  # an interval is a minute: stuck is known after 21, silent after 11
        ([entry("sensor_stuck", 21, 90)], ["due"]),
        ([entry("sensor_stuck", 20, 90)], ["may"]),
        ([entry("sensor_silent", 10, 20), entry("sensor_stuck", 31, 90)], ["may", "due"]),
        ([entry("sensor_silent", 10, 20), entry("sensor_stuck", 30, 90)], ["may", "may"]),
        # ill for long, and within that of something else that ends before: it was not well in between
        (
            [entry("sensor_drifting", 5, 60), entry("sensor_silent", 15, 20), entry("sensor_stuck", 70, 90)],
            ["due", "may", "may"],
        ),
        ([entry("sensor_stuck", 30, 90), entry("sensor_stuck", 60, 120)], ["due", "may"]),  # it is already
        ([entry("sensor_stuck", 30, 60), entry("sensor_stuck", 60, 120)], ["due", "due"]),
        ([entry("sensor_stuck", 5, 90, "another city's")], ["due"]),
    ],
)
def test_only_after_a_sensor_was_well_for_long_enough_what_it_does_otherwise_is_due(
    entries: list[Entry], verdicts: list[str]
) -> None:
    assert [one.verdict for one in learnt(entries, {"bike-1": 60}, 0)] == verdicts
