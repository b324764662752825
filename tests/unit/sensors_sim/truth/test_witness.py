"""The truth about scenarios, on smaller fleets where that suffices."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from sensors_sim.batch import AVAILABLE
from sensors_sim.events.burst import BurstPipe
from sensors_sim.events.closure import MetroClosure, nearest_stations
from sensors_sim.events.contract import Event, Scene
from sensors_sim.events.dump import BikeDump
from sensors_sim.events.fake_gps import FakeGps
from sensors_sim.events.outage import AppOutage
from sensors_sim.scenario import Scenario, parse, shipped
from sensors_sim.sources.simulated import POPULATIONS, SimulatedCity
from sensors_sim.truth.entry import Entry, Truth
from sensors_sim.truth.witness import Witness, truth_of

CENTURY_AVENUE = "8930994a553ffff"


@pytest.fixture(scope="module")
def flood() -> Truth:
    return truth_of(shipped("metro-flood").with_(duration=timedelta(minutes=30)), ["bikes"])


def test_the_flood_is_due_where_and_when_the_documentation_says(flood: Truth) -> None:
    due = {entry.cells[0]: entry for entry in flood.entries if entry.verdict == "due"}
    assert CENTURY_AVENUE in due
    assert len(due) == 3  # the station's cell and two neighbours
    minute = {
        name: (getattr(due[CENTURY_AVENUE], name) - flood.begin_ms) / 60_000 for name in ("from_ms", "to_ms")
    }
    assert 4.5 < minute["from_ms"] < 7
    assert 19 < minute["to_ms"] < 22
    assert {entry.kind for entry in flood.entries} == {"oversaturation", "saturation_expected"}
    assert {entry.verdict for entry in flood.entries if entry.kind == "saturation_expected"} == {"may"}
    assert "208 bikes" in due[CENTURY_AVENUE].why


def test_a_crowd_that_comes_may_be_expected_to_fill_a_cell_though_it_stops_before() -> None:
    """Of 2,000 bikes too few stand within reach of the flood for any cell to be full."""
    scenario = shipped("metro-flood").with_(bikes=2_000, duration=timedelta(minutes=14))
    entries = truth_of(scenario, ["bikes"]).entries
    assert {(entry.verdict, entry.kind) for entry in entries} == {("may", "saturation_expected")}
    raised = scenario.start_ms + 6 * 60_000
    assert any(CENTURY_AVENUE in one.cells and one.from_ms <= raised <= one.to_ms for one in entries)


def test_everything_else_must_stay_silent(flood: Truth) -> None:
    said = flood.to_dict()
    assert said["silent"][-1] == {
        "kind": "*",
        "cells": [],
        "from": said["begin"],
        "to": said["end"],
        "why": "nothing else happens in this scenario",
    }
    assert (said["scenario"], said["seed"], said["begin"]) == ("metro-flood", 1, "2026-03-01T23:30:00.000Z")
    assert json.loads(json.dumps(said)) == said


def test_nothing_is_due_on_a_quiet_day() -> None:
    truth = truth_of(shipped("quiet-sunday").with_(duration=timedelta(minutes=40)))
    assert [entry for entry in truth.entries if entry.verdict == "due"] == []


def test_an_operator_who_dumps_bikes_makes_the_station_due() -> None:
    truth = truth_of(shipped("bike-dump").with_(duration=timedelta(minutes=90)), ["bikes"])
    due = [entry for entry in truth.entries if entry.verdict == "due"]
    assert len(due) >= 2
    assert all(entry.from_ms >= truth.begin_ms + 3_600_000 for entry in due)


def test_a_sensor_that_is_not_published_has_no_truth() -> None:
    scenario = shipped("broken-sensors").with_(bikes=100, duration=timedelta(hours=6))
    kinds = {e.kind for e in truth_of(scenario, ["noise", "water"]).entries if e.verdict == "due"}
    assert kinds == {"sensor_silent", "sensor_out_of_range"}
    assert {e.kind for e in truth_of(scenario, ["bikes"]).entries if e.verdict == "due"} == set()


def test_a_bike_with_a_fake_gps_is_due_by_its_id_in_both_cells() -> None:
    scenario = shipped("fake-gps").with_(bikes=2_000, duration=timedelta(minutes=95))
    due = [entry for entry in truth_of(scenario, ["bikes"]).entries if entry.verdict == "due"]
    assert [(entry.kind, entry.subject) for entry in due] == [("impossible_jump", "hello-000017")]
    assert len(due[0].cells) >= 2


@pytest.mark.parametrize(("away_m", "verdict"), [(700, "may"), (5_000, "due")])
def test_a_bike_that_claims_to_be_where_it_can_have_gone_does_not_jump(away_m: int, verdict: str) -> None:
    """A parked bike reports once a minute: 1,250 m are 60 km/h, less 250 m for errors of GPS."""
    city = Scenario("x", "", datetime(2026, 3, 3, 3, 0), timedelta(minutes=20), bikes=2_000, sensors=60)
    fleet, place = city.fleet(), city.city.place("Century Avenue")
    away = np.hypot(fleet.x - fleet.city.x[place], fleet.y - fleet.city.y[place])
    parked = np.flatnonzero(fleet.state == AVAILABLE)
    bike = str(fleet.vehicle_id[parked[np.abs(away[parked] - away_m).argmin()]])
    lying = replace(city, events=(FakeGps(bike, "Century Avenue", 300.0, 600.0),))
    said = [e.verdict for e in truth_of(lying, ["bikes"]).entries if e.kind == "impossible_jump"]
    assert said == [verdict]


@dataclass(frozen=True, slots=True)
class Flat(Event):
    """A bike whose battery is empty: it need not move for that."""

    vehicle: str
    begins_s: float = 0.0

    def truth(self, scene: Scene) -> Iterable[Entry]:
        yield Entry("due", "low_battery", "bikes", (), scene.at(60), scene.at(300), "empty", self.vehicle)


def test_what_is_due_of_a_bike_is_due_though_it_does_not_jump() -> None:
    scenario = shipped("quiet-sunday").with_(bikes=10, duration=timedelta(minutes=10))
    truth = truth_of(replace(scenario, events=(Flat("hello-000001"),)), ["bikes"])
    due = [(entry.kind, entry.subject) for entry in truth.entries if entry.verdict == "due"]
    assert due == [("low_battery", "hello-000001")]


def test_people_who_call_about_bikes_and_pipes_are_tolerated_where_only_requests_are_published() -> None:
    """At minute 6 a cell holds more bikes than it has room for, published or not."""
    flooded = shipped("metro-flood").with_(duration=timedelta(minutes=15))
    truth = truth_of(flooded, ["requests"])
    assert truth.end_ms == flooded.end_ms
    everything = truth_of(flooded)
    spots = [entry for entry in everything.entries if entry.population == "requests"]
    assert {entry.subject for entry in spots} >= {"illegal_bike_parking"}
    assert list(truth.entries) == spots
    watched = Witness(flooded, ["requests"])
    for _ in SimulatedCity(flooded, ["requests"], watched).batches():
        pass
    assert watched.truth() == truth


def test_a_run_that_stops_early_is_judged_until_then_only() -> None:
    scenario = shipped("metro-flood").with_(bikes=500)
    witness = Witness(scenario, POPULATIONS)
    batches = SimulatedCity(scenario, POPULATIONS, witness).batches()
    for _ in range(24):
        next(batches)
    assert witness.truth().end_ms == scenario.start_ms + 120_000


def test_a_run_that_ends_before_its_scenario_is_judged_alike_whether_it_was_asked_for_or_stopped() -> None:
    """Two sensors fall silent in minute 60, of which an alert must be raised within three hours."""
    scenario = shipped("broken-sensors").with_(bikes=10)
    short = scenario.with_(duration=timedelta(minutes=61))
    populations = ["noise", "traffic"]
    truth = truth_of(short, populations)
    silent = [(entry.verdict, entry.to_ms) for entry in truth.entries if entry.kind == "sensor_silent"]
    assert silent == [("may", short.end_ms)] * 2
    stopped = Witness(scenario, populations)
    for batch in SimulatedCity(scenario, populations, stopped).batches():
        if len(batch) and batch.ts[-1] > short.end_ms:
            break
    assert stopped.truth(short.end_ms) == truth


@pytest.mark.parametrize(
    ("duration", "verdict"), [("12 h", "due"), ("6 h", "due"), ("2 h", "may")], ids=["whole", "most", "less"]
)
def test_what_goes_on_to_the_end_is_due_if_half_of_its_time_lies_in_the_run(
    duration: str, verdict: str
) -> None:
    """A sensor that is silent from the first hour on, for six hours; some time is granted to find it afterwards."""
    scenario = parse(
        f'summary = "x"\n[calendar]\nstart = 2026-03-10T06:00:00\nduration = "{duration}"\n'
        "[populations]\nbikes = 1\nsensors = {noise = 11}\n"
        '[[events]]\nevent = "sensor-silent"\nsensors = ["noise-00010"]\nbegins = "07:00"\nlasts = "6 h"\n'.encode(),
        "silent.toml",
    )
    truth = truth_of(scenario, ["noise"])
    assert [one.verdict for one in truth.entries if one.kind == "sensor_silent"] == [verdict]


def test_the_truth_changes_nothing_of_what_is_published() -> None:
    scenario: Scenario = shipped("metro-flood").with_(bikes=300, duration=timedelta(minutes=3))
    with_witness = SimulatedCity(scenario, POPULATIONS, Witness(scenario)).batches()
    without = SimulatedCity(scenario).batches()
    assert [b.ts.tolist() for b in with_witness] == [b.ts.tolist() for b in without]


def test_natural_troubles_are_tolerated() -> None:
    day = parse(
        b'summary = "x"\n[calendar]\nstart = 2026-03-02T07:00:00\nduration = "6 h"\n'
        b"[populations]\nbikes = 10\nsensors = {heating = 300, traffic = 20}",
        "day.toml",
    )
    why = [entry.why for entry in truth_of(day, ["heating", "traffic"]).entries]
    assert any("leaks" in one for one in why)
    assert any("accident on" in one for one in why)


def test_riders_who_race_are_due_each_by_itself_and_nobody_else_is() -> None:
    scenario = shipped("racing").with_(bikes=3_000, duration=timedelta(minutes=62))
    entries = [entry for entry in truth_of(scenario, ["bikes"]).entries if entry.kind == "speeding"]
    due = [entry for entry in entries if entry.verdict == "due"]
    # of 12 within 45 minutes, from minute 30 on; a ninth rides on when the run ends
    assert len(due) == len({entry.subject for entry in due}) == 8
    assert all(entry.from_ms >= scenario.start_ms + 1_800_000 for entry in entries)
    assert all("38 km/h" in entry.why for entry in entries)


def test_a_race_that_errors_of_gps_may_hide_from_the_limit_that_ships_is_tolerated() -> None:
    racing = replace(next(iter(shipped("racing").events)), kmh=30.0, begins_s=60.0)  # type: ignore[type-var]
    scenario = replace(shipped("racing"), bikes=1_000, events=(racing,), duration=timedelta(minutes=12))
    entries = [entry for entry in truth_of(scenario, ["bikes"]).entries if entry.kind == "speeding"]
    assert entries
    assert {entry.verdict for entry in entries} == {"may"}


def test_calls_about_bikes_that_lorries_bring_are_tolerated_though_no_cell_is_full() -> None:
    """40 bikes at a station of a small fleet are in people's way, and far from the capacity of a cell."""
    dump = BikeDump("solo", "Century Avenue", 2_400.0, bikes=40, within_s=300.0)
    scenario = Scenario(
        "x",
        "",
        datetime(2026, 3, 10, 10),
        timedelta(minutes=60),
        bikes=60,
        events=(dump,),
        operators={"solo": 1.0},
        sensors=10,
    )
    entries = truth_of(scenario, ["bikes", "requests"]).entries
    assert "oversaturation" not in {entry.kind for entry in entries}
    (spot,) = (one for one in entries if one.kind == "hot_spot" and CENTURY_AVENUE in one.cells)
    assert (spot.verdict, spot.subject) == ("may", "illegal_bike_parking")
    assert spot.from_ms >= scenario.start_ms + 2_340_000


def test_a_burst_main_is_due_as_a_hot_spot_around_its_place() -> None:
    scenario = shipped("burst-pipe").with_(bikes=10)
    (spot,) = [
        entry
        for event in scenario.events
        for entry in event.truth(scenario.scene())
        if (entry.verdict, entry.kind) == ("due", "hot_spot")
    ]
    assert spot.subject == "heating"
    assert len(spot.cells) == 91
    assert spot.from_ms == scenario.start_ms + 1_580 * 60_000


@pytest.mark.parametrize(("begins_h", "due"), [(0, 1), (2.5, 1), (5, 0), (9, 0), (15.5, 1)])
def test_a_hot_spot_of_calls_is_due_where_people_are_awake_for_two_hours_of_cold(
    begins_h: float, due: int
) -> None:
    """The scenario begins at 16:00; flats take an hour to go cold, and at night hardly anybody calls."""
    burst = BurstPipe("Century Avenue", begins_h * 3_600, 4 * 3_600)
    day = Scenario("x", "", datetime(2026, 2, 4, 16), timedelta(hours=24), bikes=1, events=(burst,))
    entries = [entry for entry in burst.truth(day.scene()) if entry.kind == "hot_spot"]
    assert [entry.verdict for entry in entries].count("due") == due


def test_people_who_call_about_the_bikes_at_the_next_stations_are_tolerated() -> None:
    closure = MetroClosure("Jinke Road", 600, 3_600)
    day = Scenario("x", "", datetime(2026, 2, 4, 16), timedelta(hours=8), bikes=1, events=(closure,))
    scene = day.scene()
    place = scene.city.place("Jinke Road")
    entries = [entry for entry in closure.truth(scene) if entry.kind == "hot_spot"]
    assert {(entry.verdict, entry.subject) for entry in entries} == {("may", "illegal_bike_parking")}
    cells = {cell for entry in entries for cell in entry.cells}
    assert all(
        scene.cells(station)[0] in cells for station in nearest_stations(scene.city, place, 2).tolist()
    )


def test_an_anomaly_is_due_in_its_cell_whatever_metric_shows_it() -> None:
    """Its alert is about a metric, never about a sensor: an entry about a sensor could not be found."""
    scenario = shipped("burst-pipe").with_(bikes=10)
    entries = [entry for event in scenario.events for entry in event.truth(scenario.scene())]
    due = [entry for entry in entries if (entry.verdict, entry.kind) == ("due", "anomaly")]
    assert [(len(entry.cells), entry.subject) for entry in due] == [(1, None)] * 3


def test_two_outages_by_one_rule_are_told_once() -> None:
    outages = [AppOutage("hello", begins * 3_600.0, 3_600.0, 30.0, "r1") for begins in (1, 2)]
    start = datetime(2026, 3, 3, 7, 0)
    city = Scenario("drawn", "", start, timedelta(hours=26), bikes=40, sensors=10, events=tuple(outages))
    due = [entry.subject for entry in truth_of(city, ["bikes"]).entries if entry.kind == "too_few_trips"]
    assert due.count("r1/hello") == 2, "due, and what may be around it"
